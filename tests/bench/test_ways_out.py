"""Every way out of a run, seen from inside the simulated instruments: dark, told, kept."""

import os
import signal

import numpy as np
import pytest

from instruments.simulated.bench import bench_of, canonical
from instruments.simulated.faults import Fault
from labbench.bench import run_procedure
from labbench.bench.run import STOP_SIGNALS, begin_session
from labbench.errors import InstrumentError, LinkError, StoreError
from procedures.base import NeuronProcedure, single_pulse

NO_MORE = "No space is left"


class Five(NeuronProcedure):
    """Play five short pulses."""

    name, version, properties = "five", "1", ()

    def stimuli(self):
        for _ in range(5):
            yield single_pulse(0.5, 4e-4, rest_s=0.02, record_s=2e-4)

    def expected_count(self):
        return 5


class Broken(Five):
    """Know no further after one pulse, when a device answers."""

    def stimuli(self):
        response = None
        for _ in range(5):
            if response is not None and response.trace.channel("output").raw.dtype == "int16":
                raise ValueError("this protocol does not know on")
            response = yield single_pulse(0.5, 4e-4, rest_s=0.02, record_s=2e-4)


@pytest.fixture
def terminals(bench):
    """What the two sources force on the circuit, past all their words."""
    simulated = bench_of(bench._close.__self__)
    entries = bench.description.instruments
    generator = simulated.instruments[canonical(entries.pulse_source.address)]
    meter = simulated.instruments[canonical(entries.supply.address)]
    return {"pulse_source": generator._terminals[1], "supply": meter._terminal}


def dark(terminals):
    return sorted(
        name
        for name, terminal in terminals.items()
        if terminal.kind == "open" or (not terminal.is_playing and terminal.line.level[-1] == 0.0)
    )


def after(n, act):
    seen = []

    def on_progress(percent):
        seen.append(percent)
        if len(seen) == n:
            act()

    return on_progress


def run(bench, store, procedure=None, **options):
    device_id, session_id = store.add_device("n1", "neuron"), begin_session(bench, store)
    return run_procedure(bench, store, session_id, device_id, procedure or Five(), **options)


def ended(store, state, n_responses):
    (record,) = store.runs()
    assert record.state == state
    assert len(store.responses(record.id)) == n_responses
    assert store.dose("n1").n_stimuli >= n_responses
    return record


def test_the_instruments_are_bright_in_the_middle(bench, store, terminals):
    """Or else the tests below would show nothing."""
    seen = []
    run(bench, store, on_progress=after(2, lambda: seen.append(dark(terminals))))
    assert seen == [[]]
    assert dark(terminals) == ["pulse_source", "supply"]
    ended(store, "finished", 5)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal(bench, store, terminals, number):
    with pytest.raises(KeyboardInterrupt):
        run(bench, store, on_progress=after(2, lambda: os.kill(os.getpid(), number)))
    assert dark(terminals) == ["pulse_source", "supply"]
    assert ended(store, "aborted", 2).error == "stopped by the operator"


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_between_a_question_and_its_answer(bench, store, terminals, number, monkeypatch):
    original, calls = bench.digitizer.read, []

    def read():
        calls.append(1)
        if len(calls) == 3:
            bench.digitizer.driver.write(":WAV:PRE?")
            os.kill(os.getpid(), number)
        return original()

    monkeypatch.setattr(bench.digitizer, "read", read)
    with pytest.raises(KeyboardInterrupt):
        run(bench, store)
    assert dark(terminals) == ["pulse_source", "supply"]
    ended(store, "aborted", 2)
    assert store.dose("n1").n_not_recorded == 1


def test_an_abort(bench, store, terminals):
    seen = []
    run(bench, store, on_progress=seen.append, should_stop=lambda: len(seen) >= 2)
    assert dark(terminals) == ["pulse_source", "supply"]
    ended(store, "aborted", 2)


def test_an_exception_of_the_protocol(bench, store, terminals):
    with pytest.raises(ValueError, match="does not know on"):
        run(bench, store, Broken())
    assert dark(terminals) == ["pulse_source", "supply"]
    assert "ValueError: this protocol" in ended(store, "failed", 1).error


def test_a_full_disk(bench, store, terminals, monkeypatch):
    original = store.save_response

    def save_response(run_id, ordinal, *given, **named):
        if ordinal == 2:
            raise StoreError(NO_MORE)
        return original(run_id, ordinal, *given, **named)

    monkeypatch.setattr(store, "save_response", save_response)
    with pytest.raises(StoreError, match=NO_MORE):
        run(bench, store)
    assert dark(terminals) == ["pulse_source", "supply"]
    ended(store, "failed", 2)
    assert store.dose("n1").n_not_recorded == 1


def test_a_store_that_cannot_even_keep_the_end_does_not_hide_why(
    bench, store, terminals, monkeypatch
):
    def refuse(*given, **named):
        raise StoreError(NO_MORE)

    monkeypatch.setattr(store, "end_run", refuse)
    with pytest.raises(ValueError, match="does not know on") as caught:
        run(bench, store, Broken())
    assert NO_MORE in caught.value.__notes__[0]
    assert dark(terminals) == ["pulse_source", "supply"]
    ended(store, "running", 1)


@pytest.mark.parametrize("role", ["pulse_source", "digitizer", "supply"])
@pytest.mark.parametrize("kind", ["drop", "mute", "garbage"])
def test_a_link_that_fails_once(bench, store, terminals, role, kind):
    on = {"pulse_source": r"OUTP1\?", "digitizer": "WAV:DATA", "supply": r"PROTECTION\?"}[role]
    simulated = bench_of(bench._close.__self__)
    address = getattr(bench.description.instruments, role).address
    simulated.ports[canonical(address)].add_fault(Fault(kind=kind, on=on, after=4))
    with pytest.raises(LinkError):
        run(bench, store)
    assert dark(terminals) == ["pulse_source", "supply"]
    (record,) = store.runs()
    assert record.state == "failed"
    assert address in record.error
    assert "verified" not in record.error


@pytest.mark.parametrize("role", ["pulse_source", "digitizer", "supply"])
def test_a_link_that_is_lost_for_good(bench, store, terminals, role):
    simulated = bench_of(bench._close.__self__)
    address = getattr(bench.description.instruments, role).address
    port = simulated.ports[canonical(address)]

    def lose():
        port.add_fault(Fault(kind="drop", times=0))

    with pytest.raises(InstrumentError, match="could not be verified as off") as caught:
        run(bench, store, on_progress=after(2, lose))
    assert f"{role} at {address}" in str(caught.value)
    assert "LinkError" in str(caught.value), "what came first is told as well"
    assert set(terminals) - set(dark(terminals)) <= {role}
    assert str(caught.value) in ended(store, "failed", 2).error
    port.faults.clear()


def test_ctrl_c_with_an_output_that_stays_on_is_no_safe_stop(bench, store, terminals, monkeypatch):
    def refuse():
        raise InstrumentError("the relay is stuck")

    def interrupt():
        monkeypatch.setattr(bench.supply, "safe", refuse)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InstrumentError, match=r"Stopped by the operator.*the relay is stuck"):
        run(bench, store, on_progress=after(2, interrupt))
    monkeypatch.undo()
    assert dark(terminals) == ["pulse_source"]
    ended(store, "failed", 2)


def test_a_driver_that_only_says_it_is_off_is_not_believed(bench, store, monkeypatch):
    monkeypatch.setattr(bench.supply, "safe", lambda: None)
    with pytest.raises(InstrumentError, match="supply at GPIB0::24::INSTR: the output is still on"):
        run(bench, store)
    monkeypatch.undo()
    ended(store, "failed", 5)


@pytest.mark.parametrize("setting", ["BURS:STAT", "TRIG1:SOUR", "VOLT ", "ARB:SRAT"])
def test_a_generator_that_missed_a_setting_is_not_switched_on(bench, store, terminals, setting):
    """It would repeat the waveform without an end, or play it at another level or speed."""
    ports = bench_of(bench._close.__self__).ports
    address = canonical(bench.description.instruments.pulse_source.address)
    ports[address].add_fault(Fault(kind="refuse", on=setting))
    with pytest.raises(InstrumentError, match="did not take its settings"):
        run(bench, store)
    assert dark(terminals) == ["pulse_source", "supply"]
    assert np.abs(terminals["pulse_source"].line.level).max() == 0.0
    ended(store, "failed", 0)
