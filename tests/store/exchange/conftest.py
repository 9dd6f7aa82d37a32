from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from labbench.connection import Connection
from labbench.features import Feature, Outcome, Response
from labbench.model.card import ModelCard
from labbench.stimulus import Pulse, PulseTrain, Waveform
from labbench.store import PulseRow, Store, schema, worst_dose
from labbench.store.document import to_json
from labbench.store.engine import reading
from labbench.store.exchange.cells import to_cells
from labbench.store.exchange.identity import read_samples, samples_sha256
from labbench.store.exchange.scope import EXCEPTIONS, parents
from labbench.trace import Channel, Trace

NAN_WITH_BITS = np.array([0x7FF8000000000001, 0xFFF8000000000000], np.uint64).view(np.float64)


@pytest.fixture
def backend():
    """These are about files."""
    return "sqlite"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    Store.open(path, create=True).close()
    return path


@pytest.fixture
def new_database(template: Path, tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copy(template, tmp_path / name))


@pytest.fixture(name="fill")
def _fill() -> Callable[..., int]:
    return fill


@pytest.fixture(name="add_results")
def _add_results() -> Callable[..., None]:
    return add_results


@pytest.fixture(name="picture")
def _picture() -> Callable[..., dict[str, Counter[str]]]:
    return picture


def fill(store: Store, device: str = "D1/ä", seed: int = 7) -> int:
    """Put something of every kind into a database, awkward values among it; return the run."""
    session = store.begin_session(
        {"limits": {"v": np.inf}, "text": 'a "b"\n'}, simulated=True, operator=""
    )
    store.add_instrument_state(session, "pulse_source", "TCPIP::x", "K2600", "K,1", {"nplc": 1})
    device_id = store.add_device(device, "neuron")
    store.set_budget(device, {"energy_j": 1e-3})
    run = store.begin_run(
        session, device_id, "volatile_iv", "2", {"width_s": 1e-3, "odd": np.nan}, seed, "\\N,µ\r\n"
    )
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8), Pulse(2e-3, 1e-3, 0.8)), duration_s=4e-3)
    counts = np.arange(-20, 20, dtype=np.int16)
    floats = np.concatenate([NAN_WITH_BITS, [-0.0, np.inf, np.nan], np.arange(35) / 7])
    channels = {
        "input": Channel(counts, "voltage", "V", scale=0.02, offset=1e-3, rail_high=0.38),
        "out/put": Channel(floats, "current", "A"),
        "gate": Channel(floats[::-1].copy(), "voltage", "V", scale=1 / 3),
    }
    even = Response(train, Trace(channels, 1e-5, interval_s=1e-4, notes=("a, note",)))
    store.apply_dose(run, 0, worst_dose(train, 1e3), "stop")
    pulses = [PulseRow(0, 0.0, 1e-3, 0.8, True, 2e-4), PulseRow(1, 2e-3, 1e-3, 0.8)]
    store.save_response(run, 0, even, pulses, in_compliance=False)
    ramp = Waveform([0.0, 1.0], [0.0, 0.5], 1.0)
    short = {"input": Channel(np.array([-128, 127, 0], np.int8), "voltage", "V", scale=0.1)}
    uneven = Trace(short, uneven_time_s=np.array([0.0, 0.1, 0.35]))
    store.save_response(run, 1, Response(ramp, uneven, Connection(load_resistance_ohm=4.7e4)))
    nothing = Trace({"input": Channel(np.zeros(0, np.int16), "voltage", "V")})
    store.save_response(run, 2, Response(ramp, nothing))
    store.apply_dose(run, 3, worst_dose(train, None))
    store.add_compliance_check(run, "supply", "A", 1e-3, "0.001", None, None)
    store.end_run(run, "failed", error="")
    latency = Feature("latency", 2e-4, "s", 1e-5, n=40, at={"amplitude_v": 0.8})
    missed = Feature("latency", np.nan, "s", outcome=Outcome.DID_NOT_FIRE, at={"amplitude_v": 0.2})
    store.save_features(run, "refractory_period", [latency, missed], "first", "3")
    return run


def add_results(store: Store, run_ids: list[int], device: str = "D1/ä") -> None:
    """Add a card, a fit of some runs and a comparison."""
    card = store.save_card(ModelCard("made", values={"alpha": 0.05}))
    store.save_fit(card, run_ids, "converged", {"redchi": np.inf, "nested": [1, 1.0]}, "ab" * 32)
    device_id = next(d.id for d in store.devices() if d.name == device)
    store.save_comparison(device_id, card, {"verdict": "agrees", "p": 0.5})


def picture(path: Path, leave_out: tuple[str, ...] = ()) -> dict[str, Counter[str]]:
    """Return all that a database holds, each row with what it refers to in place of ids."""
    known: dict[tuple[str, int], str] = {}
    found = {}
    with Store.open(path) as store, reading(store.engine) as connection:
        for table in schema.metadata.sorted_tables:
            if table.name in EXCEPTIONS or table.name in leave_out:
                continue
            rows = found[table.name] = Counter()
            for row in connection.execute(select(table)).mappings().all():
                if table is schema.session and "imported" in row["config"]:
                    continue  # where runs came from: what an import adds
                cells = to_cells(table, row)
                for name, to in parents(table).items():
                    if cells[name] is not None:
                        cells[name] = known.get((to.name, cells[name]), "left out")
                own = cells.pop("id", None)
                if table is schema.waveform:
                    cells["samples"] = samples_sha256(read_samples(connection, row, 0, 0))
                cells = {
                    n: cell.hex() if isinstance(cell, bytes) else cell for n, cell in cells.items()
                }
                text = to_json(cells, sort_keys=True)
                rows[text] += 1
                if own is not None:
                    known[table.name, own] = text
    return found
