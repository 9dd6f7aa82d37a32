"""Make a small database of an older schema, with real rows in every table that it has.

Run in a checkout of the commit named in README.md, with the file to write as argument.
"""

from __future__ import annotations

import platform
import sqlite3
import sys
from contextlib import closing
from math import nan
from pathlib import Path

import numpy as np

from labbench.features import Feature, Response
from labbench.model.card import ModelCard
from labbench.stimulus import Pulse, PulseTrain, Sweep
from labbench.store import PulseRow, Store
from labbench.trace import Channel, Trace

IDN = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30"
SETTINGS = {"width_s": 1e-3, "repeats": 3, "label": "first", "levels": [0.4, 0.8], "none": None}


def responses(seed: int) -> list[Response]:
    """Return a train of two pulses on an even time base, and a sweep on an uneven one."""
    rng = np.random.default_rng(seed)
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8), Pulse(2e-3, 1e-3, 0.8)), duration_s=4e-3)
    counts = rng.integers(-2000, 2000, 7000).astype(np.int16)
    trace = Trace(
        {
            "input": Channel(counts, "voltage", "V", scale=5e-4, rail_high=1.0),
            "output": Channel(counts[::-1].astype(np.int8), "voltage", "V", scale=0.01),
        },
        start_s=-1e-4,
        interval_s=1e-6,
        notes=("a note",),
    )
    sweep = Sweep(np.linspace(0.0, 1.0, 50), dwell_s=1e-2, compliance_a=1e-4)
    current = Channel(np.r_[nan, rng.normal(0, 1e-6, 49)], "current", "A", floor=1e-12)
    uneven = Trace({"memristor": current}, uneven_time_s=np.cumsum(rng.uniform(0.01, 0.02, 50)))
    return [Response(train, trace), Response(sweep, uneven)]


def fill(store: Store) -> None:
    """Record two devices, a session, three runs and what was made of them."""
    devices = [store.add_device("D1", "neuron"), store.add_device("D2", "memristor")]
    session = store.begin_session({"name": "bench", "limits": {"voltage_v": 3.0}}, False, "tester")
    store.add_instrument_state(session, "supply", "GPIB0::24::INSTR", "keithley2400", IDN, {"a": 1})
    store.add_instrument_state(session, "digitizer", "USB0::1::INSTR", "infiniivision", "odd", {})
    for number, device in enumerate(devices):
        run = store.begin_run(session, device, "threshold_firing", "1", SETTINGS, seed=number)
        for ordinal, response in enumerate(responses(number)):
            rows = [PulseRow(k, 2e-3 * k, 1e-3, 0.8, bool(k), 2e-4 * k or None) for k in range(2)]
            store.save_response(run, ordinal, response, rows if ordinal == 0 else ())
        store.save_features(
            run,
            "threshold_firing",
            [Feature("threshold", 0.71, "V", 0.01, n=40, at={"width_s": 1e-3})],
            "threshold",
            "1",
        )
        if hasattr(store, "add_compliance_check"):
            store.add_compliance_check(run, "supply", "A", 5e-5, "5e-05", 5e-5, False)
        store.end_run(run, "finished")
    store.begin_run(session, devices[0], "imported_sweep", "1", {}, None, source="t,µV\n0,1\n")
    card = store.save_card(ModelCard("B1"))
    store.save_fit(card, [1], "converged", {"chi2": nan}, store.dataset_sha256([1]))
    store.save_comparison(devices[0], card, {"energy": 1e-12})
    if hasattr(store, "apply_dose"):
        fill_ledger(store)
    if hasattr(store, "add_wafer"):
        fill_memory(store, session)


def fill_ledger(store: Store) -> None:
    """Enter a dose that was never recorded, a connection and a budget (revision 0003)."""
    from dataclasses import replace

    from labbench.connection import Connection
    from labbench.store import worst_dose

    first = responses(7)[0]
    store.apply_dose(3, 0, worst_dose(first.stimulus, 1e3), "stop")
    store.save_response(3, 0, replace(first, connection=Connection(load_resistance_ohm=4.7e4)))
    store.apply_dose(3, 1, worst_dose(first.stimulus, 1e3), "stop")
    store.set_budget("D1", {"n_pulses": 1000, "energy_j": 1e-3})


def fill_memory(store: Store, session: int) -> None:
    """Enter a wafer with a device, a journal, and what is long enough for a preview (0004)."""
    store.add_wafer("W1", "HfO2", "first of its lot")
    device = store.add_device("D3", "neuron", store.add_die("W1", -1, 2), {"area_m2": 1e-10})
    run = store.begin_run(session, device, "hold_voltage", "1", SETTINGS, None)
    long = Channel(np.arange(40_000).astype(np.int16), "voltage", "V", scale=1e-4)
    train = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=4e-2)
    store.save_response(run, 0, Response(train, Trace({"output": long}, interval_s=1e-6)))
    store.end_run(run, "aborted", "stopped by the operator")
    store.note("scratched", wafer="W1", author="tester")
    store.tag("odd", device="D3", author="tester")
    store.exclude(run, "needle slipped", author="tester")
    store.end_session(session)


def make(path: Path) -> None:
    """Write the database, without the computer's names, in small pages."""
    platform.node = lambda: "bench"
    with Store.open(path, create=True) as store:
        fill(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "run_owner" in tables:
            connection.execute("UPDATE run_owner SET pid = 1, token = 'boot/space/1'")
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA page_size=1024")
        connection.execute("VACUUM")


make(Path(sys.argv[1]))
