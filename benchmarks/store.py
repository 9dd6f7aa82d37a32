"""The store against raw sqlite3: ratios of medians of interleaved repeats, in one run.

`python benchmarks/store.py` prints a table; with `--check` the exit code is 1 where a limit was
missed. Commits wait for the disk (synchronous FULL) on both sides.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from labbench.features import Feature, Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import PulseRow, Store, worst_dose
from labbench.trace import Channel, Trace

LSB_V = 2.0 / 4096


class Row(NamedTuple):
    """A line of the table: what was reached, in which unit, and the limit."""

    what: str
    reached: float
    limit: float
    unit: str
    note: str = ""


def seconds(act: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    act()
    return time.perf_counter() - started_s


def interleaved(ours: Callable[[], object], raw: Callable[[], object], n: int) -> tuple[float, ...]:
    """Return the medians of both in seconds, after one of each to warm up."""
    ours(), raw()
    pairs = [(seconds(ours), seconds(raw)) for _ in range(n)]
    return tuple(median(side) for side in zip(*pairs, strict=True))


@contextmanager
def lab(folder: Path) -> Iterator[tuple[Store, int, sqlite3.Connection]]:
    """Yield a store with a running run, and raw sqlite3 with the same PRAGMAs beside it."""
    place = Path(tempfile.mkdtemp(dir=folder))
    raw = sqlite3.connect(place / "raw.db", isolation_level=None)
    for setting in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        raw.execute(f"PRAGMA {setting}")
    raw.execute("PRAGMA wal_autocheckpoint=4000")
    with Store.open(place / "store.db", create=True) as store:
        session = store.begin_session({}, simulated=True, operator="benchmark")
        device = store.add_device("D1", "neuron")
        yield store, store.begin_run(session, device, "benchmark", "1", {}, None), raw
    raw.close()
    shutil.rmtree(place)


def train_of(n: int) -> PulseTrain:
    pulses = tuple(Pulse(1e-3 * k, 5e-4, 1.2) for k in range(n))
    return PulseTrain(pulses, duration_s=1e-3 * n)


def announced(store: Store, run_id: int, train: PulseTrain) -> Iterator[int]:
    """Return ordinals whose doses are in the ledger, as those of a run are before the trigger."""
    dose = worst_dose(train, None)
    for ordinal in range(100):
        store.apply_dose(run_id, ordinal, dose)
    return iter(range(100))


def pulse_rows(folder: Path, n: int) -> Row:
    """A train of n pulses with nothing but their rows, all that a train needs around them."""
    with lab(folder) as (store, run_id, raw):
        raw.execute("CREATE TABLE train (id INTEGER PRIMARY KEY, spec TEXT NOT NULL) STRICT")
        raw.execute(
            "CREATE TABLE pulse (train_id INTEGER NOT NULL REFERENCES train (id), "
            "idx INTEGER NOT NULL, start_s REAL NOT NULL, width_s REAL NOT NULL, "
            "amplitude_v REAL NOT NULL, fired INTEGER CHECK (fired IN (0, 1)), latency_s REAL, "
            "peak_a REAL, energy_j REAL, PRIMARY KEY (train_id, idx)) STRICT, WITHOUT ROWID"
        )
        train = train_of(n)
        ordinals = announced(store, run_id, train)
        nothing = Channel(np.zeros(1, np.int16), "voltage", "V")
        response = Response(train, Trace({"output": nothing}, interval_s=1e-6))
        rows = [PulseRow(k, p.start_s, 5e-4, 1.2, True, 1e-4) for k, p in enumerate(train.pulses)]
        plain = [
            (k, p.start_s, 5e-4, 1.2, 1, 1e-4, 1e-6, 1e-12) for k, p in enumerate(train.pulses)
        ]

        def by_hand() -> None:
            raw.execute("BEGIN IMMEDIATE")
            train_id = raw.execute("INSERT INTO train (spec) VALUES ('')").lastrowid
            raw.executemany(
                "INSERT INTO pulse VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(train_id, *row) for row in plain],
            )
            raw.execute("COMMIT")

        ours_s, raw_s = interleaved(
            lambda: store.save_response(run_id, next(ordinals), response, rows), by_hand, 60
        )
    note = f"{1e3 * ours_s:.1f} ms a train, {1e3 * raw_s:.1f} ms raw executemany"
    return Row(f"{n} pulse rows a train", ours_s / raw_s, 1.5, "x", note)


def noisy_train(n: int) -> np.ndarray:
    """Return what a 12-bit converter makes of 50 pulses with 2 % noise."""
    level_v = np.where(np.arange(n) * 50 % n < n // 2, 0.8, 0.0)
    noise_v = 0.016 * np.random.default_rng(1).standard_normal(n)
    return np.round((level_v + noise_v) / LSB_V).astype(np.int16)


def waveform(folder: Path, n: int, repeats: int) -> list[Row]:
    counts = noisy_train(n)
    with lab(folder) as (store, run_id, raw):
        raw.execute("CREATE TABLE waveform (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT")
        channel, train = Channel(counts, "voltage", "V", scale=LSB_V), train_of(50)
        ordinals = announced(store, run_id, train)
        response = Response(train, Trace({"output": channel}, interval_s=0.05 / n))

        def by_hand() -> None:
            raw.execute("BEGIN IMMEDIATE")
            raw.execute("INSERT INTO waveform (data) VALUES (?)", (counts.tobytes(),))
            raw.execute("COMMIT")

        ours_s, raw_s = interleaved(
            lambda: store.save_response(run_id, next(ordinals), response), by_hand, repeats
        )
        asked = "SELECT avg(length(data)) FROM waveform_data"
        with sqlite3.connect(store.path) as connection:
            (stored,) = connection.execute(asked).fetchone()
    note = f"{1e3 * ours_s:.1f} ms a waveform, {1e3 * raw_s:.1f} ms raw int16"
    return [
        Row(f"waveform of {n:,} samples", ours_s / raw_s, 1.8, "x", note),
        Row(f"  its size, {n:,} samples", stored / n, 1.2, "B/sample"),
    ]


def features(folder: Path) -> Row:
    """20,000 features with a condition each, as a DataFrame, beside fetchall of the same rows."""
    with lab(folder) as (store, run_id, _):
        for number in range(20):
            many = [
                Feature(f"latency_{k % 5}", 1e-4 * k, "s", 1e-6, 4, at={"amplitude_v": 0.1 * k})
                for k in range(1000)
            ]
            store.save_features(run_id, f"property_{number}", many, "benchmark", "1")
        plain = sqlite3.connect(store.path)
        asked = (
            "SELECT f.run_id, d.name, w.label, e.x, e.y, r.procedure, f.property, f.name, f.value, "
            "f.unit, f.stderr, f.n, f.outcome, f.inferred, f.algorithm, f.algorithm_version, f.at "
            "FROM feature f JOIN run r ON r.id = f.run_id JOIN device d ON d.id = r.device_id "
            "LEFT JOIN die e ON e.id = d.die_id LEFT JOIN wafer w ON w.id = e.wafer_id "
            "ORDER BY f.id"
        )
        ours_s, raw_s = interleaved(
            store.features_frame, lambda: plain.execute(asked).fetchall(), 15
        )
        plain.close()
    note = f"{1e3 * ours_s:.0f} ms, {1e3 * raw_s:.0f} ms fetchall"
    return Row("20,000 features to a DataFrame", ours_s / raw_s, 2.0, "x", note)


def fill(store: Store, session: int, device: int, n_runs: int, blob: bytes | None) -> None:
    """Add runs by hand, with ten waveforms of 1,000 samples each if there is a packed one."""
    at = "2026-01-01T00:00:00.000000Z"
    settings = '{"amplitude_v": 0.8, "width_s": 0.001, "repeats": 10}'
    with sqlite3.connect(store.path) as raw:
        (first,) = raw.execute("SELECT max(id) + 1 FROM run").fetchone()
        runs = range(first, first + n_runs)
        raw.executemany(
            "INSERT INTO run (id, session_id, device_id, procedure, procedure_version, settings, "
            "state, started_at, ended_at) VALUES (?, ?, ?, 'benchmark', '1', ?, 'finished', ?, ?)",
            ((run, session, device, settings, at, at) for run in runs),
        )
        if blob is None:
            return
        for table in ("stimulus", "waveform", "waveform_data"):
            (template,) = raw.execute(f"SELECT * FROM {table} LIMIT 1").fetchall()
            marks = ", ".join("?" * len(template))
            raw.executemany(f"INSERT INTO {table} VALUES ({marks})", _copies(table, template, runs))


def _copies(table: str, template: tuple[object, ...], runs: range) -> Iterator[tuple[object, ...]]:
    """Yield ten rows a run, numbered alike in the three tables."""
    for number, run in enumerate(runs):
        for ordinal in range(10):
            key = 10 * number + ordinal + 2
            if table == "stimulus":
                yield (key, run, ordinal, *template[3:])
            elif table == "waveform":
                yield (key, key, *template[2:])
            else:
                yield (key, *template[1:])


def many_runs(folder: Path) -> list[Row]:
    with lab(folder) as (store, run_id, _):
        one = Response(
            train_of(50),
            Trace({"output": Channel(noisy_train(1000), "voltage", "V")}, interval_s=5e-5),
        )
        store.save_response(run_id, 0, one)
        fill(store, 1, 1, 10_000, b"there")
        listing_s = median(seconds(store.find_runs) for _ in range(7))
        wanted = iter(range(100, 10_000, 100))
        opening_s = median(seconds(lambda: store.responses(next(wanted))) for _ in range(30))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for run in range(200, 2_200):
            store.responses(run)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        fill(store, 1, 1, 90_000, None)
        all_s = median(seconds(store.find_runs) for _ in range(5))
    return [
        Row("list 10,000 runs", listing_s, 0.2, "s", "of 10 waveforms of 1,000 samples each"),
        Row("open one of them", 1e3 * opening_s, 50.0, "ms"),
        Row("memory grown, 2,000 opened", grown, 20.0, "MB"),
        Row("list 100,000 runs", all_s, 1.0, "s"),
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit code 1 where a limit is missed")
    parser.add_argument("--folder", type=Path, default=Path("."), help="on the disk to measure")
    given = parser.parse_args(arguments)
    rows = [pulse_rows(given.folder, n) for n in (200, 1000)]
    rows += waveform(given.folder, 100_000, 60) + waveform(given.folder, 1_000_000, 16)
    rows += [features(given.folder), *many_runs(given.folder)]
    for row in rows:
        verdict = "" if row.reached <= row.limit else "missed"
        print(
            f"{row.what:32} {row.reached:8.2f} / {row.limit:<5g} {row.unit:9} {verdict:7}"
            f" {row.note}"
        )
    return int(given.check and any(row.reached > row.limit for row in rows))


if __name__ == "__main__":
    sys.exit(main())
