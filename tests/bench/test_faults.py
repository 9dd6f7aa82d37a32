"""Instrument faults drawn at random, during runs: whatever happens, dark, told and accounted for.

A sample is drawn here; `benchmarks/thousand_faults.py` runs a thousand.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from instruments.simulated.bench import bench_of, canonical
from instruments.simulated.faults import Fault
from labbench.bench import open_bench, run_procedure
from labbench.bench.run import begin_session
from labbench.errors import InstrumentError, LabbenchError
from labbench.store import check
from procedures.base import NeuronProcedure, single_pulse

# How many, from which on, and a file for what came of them.
COUNT = int(os.environ.get("LABBENCH_FAULTS", "60"))
FIRST = int(os.environ.get("LABBENCH_FIRST_FAULT", "0"))
TABLE = os.environ.get("LABBENCH_FAULT_TABLE", "")
IN_A_TEST = 20

LINK = ("mute", "delay", "garbage", "truncate", "drop", "refuse")
OWN = {
    "pulse_source": ("queue_overflow", "trip"),
    "digitizer": ("queue_overflow", "over_range"),
    "supply": ("queue_overflow", "over_range", "interlock", "trip", "compliance"),
}
ON = {
    "pulse_source": ("", "OUTP", "OUTP1 0", r"OUTP1\?", r"\*TRG", "DATA", "VOLT", "SYST:ERR",
                     "IDN", "ABOR", "BURS", "CLS"),
    "digitizer": ("", ":SING", "WAV:DATA", "WAV:PRE", "OPER", ":AER", "SYST:ERR", "STOP", "CHAN"),
    "supply": ("", "OUTPUT", "OUTPUT 0", r"OUTPUT\?", "READ", "PROTECTION", "SOURCE:VOLTAGE",
               "SYST:ERR", "IDN"),
}  # fmt: skip


class FourPulses(NeuronProcedure):
    """Play four short pulses, up and down."""

    name = "four_pulses"
    version = "1"
    properties = ()

    def stimuli(self):
        for amplitude_v in (0.5, 1.2, 1.2, 0.5):
            yield single_pulse(amplitude_v, 4e-4, rest_s=0.02, record_s=2e-4)

    def expected_count(self):
        return 4


def drawn(number, heard):
    """Return the role and the fault of a number; it strikes at a message that a clean run sends."""
    random = np.random.default_rng([20261123, number])
    role = str(random.choice(sorted(OWN)))
    kind = str(random.choice(LINK + OWN[role]))
    value = {"delay": float(10 ** random.uniform(-2, 1.5))}.get(kind)
    if kind == "compliance":
        value = float(10 ** random.uniform(-9, -4))
    on = str(random.choice(ON[role]))
    matching = sum(re.search(on, message, re.IGNORECASE) is not None for message in heard[role])
    return role, Fault(
        kind=kind,
        on=on,
        after=int(random.integers(max(matching, 1))),
        times=int(random.choice([1, 1, 2, 5, 0])),
        value=value,
    )


@pytest.fixture
def heard(bench_file, store):
    """The messages of a run without a fault, by role."""
    text = bench_file.read_text("utf-8").replace("interval_s = 1e-6", "interval_s = 4e-6")
    bench_file.write_text(text, "utf-8")
    with open_bench(bench_file) as bench:
        ports = bench_of(bench._close.__self__).ports
        heard = {}
        for role, (entry, _) in bench.roles().items():
            heard[role] = spy(ports[canonical(entry.address)])
        device_id = store.add_device("clean", "neuron")
        run_procedure(bench, store, begin_session(bench, store), device_id, FourPulses())
    return heard


def spy(port):
    messages, original = [], port.message

    def message(data):
        messages.append(data.decode("latin-1"))
        original(data)

    port.message = message
    return messages


def is_dark(terminal):
    """Look at the simulated instrument itself: its relay is open, or it forces zero volts."""
    return terminal.kind == "open" or (not terminal.is_playing and terminal.line.level[-1] == 0.0)


def suffer(bench_file, store, heard, number):
    """Run under a fault and check all that must hold; return what came of it."""
    role, fault = drawn(number, heard)
    device_id = store.add_device(f"d{number}", "neuron")
    recorded, triggered, problem = [], [], None
    bench = open_bench(bench_file)
    simulated = bench_of(bench._close.__self__)
    entries = {name: entry.address for name, (entry, _) in bench.roles().items()}
    parts = {name: canonical(address) for name, address in entries.items()}
    generator = simulated.instruments[parts["pulse_source"]]
    generator.edge_listeners.append(triggered.append)
    terminals = {
        "pulse_source": generator._terminals[1],
        "supply": simulated.instruments[parts["supply"]]._terminal,
    }
    session_id = begin_session(bench, store)
    simulated.ports[parts[role]].add_fault(fault)
    said = []
    try:
        report = run_procedure(
            bench, store, session_id, device_id, FourPulses(),
            on_progress=recorded.append, on_notice=said.append,
        )  # fmt: skip
    except LabbenchError as error:
        problem = str(error)
    bright = [name for name, terminal in terminals.items() if not is_dark(terminal)]
    (run,) = store.runs(device=f"d{number}")
    what = f"fault {number}: {role} {fault}: {run.state}: {run.error}"

    if problem is None:
        assert run.state == report.state, what
        assert run.state == ("aborted" if report.note else "finished"), what
        assert len(store.responses(run.id)) == report.responses, what
        assert report.responses == 4 or run.state == "aborted", what
        assert report.note == (run.error or ""), what
        assert all(report.note in line for line in said), what
    else:
        assert run.state == "failed", what
        assert len(problem) > 20, what
        assert problem in run.error, what
    for name in bright:
        assert problem is not None, f"{what}: {name} is on and nobody said so"
        assert "could not be verified as off" in problem, what
        assert f"{name} at {entries[name]}" in problem, what
    responses = store.responses(run.id)
    acknowledged = sum(percent > 0 for percent in recorded) - (problem is None)
    assert len(responses) in (acknowledged, acknowledged + 1), what
    dose = store.dose(f"d{number}")
    assert len(responses) <= dose.n_stimuli, what
    assert len(triggered) <= dose.n_stimuli <= len(triggered) + 1, what
    assert dose.n_not_recorded == dose.n_stimuli - len(responses) <= 1, what
    close(bench)
    return role, fault.kind, run.state, len(bright), problem is not None and "verified" in problem


def close(bench):
    try:
        with bench:
            pass
    except InstrumentError as error:
        assert "could not be verified as off" in str(error)  # noqa: PT017


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, IN_A_TEST))
@pytest.mark.timeout(900)
def test_whatever_fails(bench_file, store, heard, first):
    last = min(first + IN_A_TEST, FIRST + COUNT)
    came = Counter(suffer(bench_file, store, heard, number) for number in range(first, last))
    assert check(store) == []
    assert store.runs(state="running") == []
    if TABLE:
        with Path(TABLE).open("a", encoding="utf-8") as table:
            for what, count in came.items():
                table.write(json.dumps([*what, count]) + "\n")
