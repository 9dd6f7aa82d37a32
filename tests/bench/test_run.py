"""Runs: recorded as they go, and safe on every way out."""

import os
import signal

import pytest

from labbench.bench import open_bench, run_procedure
from labbench.bench.run import STOP_SIGNALS, begin_session
from labbench.errors import InstrumentError, LimitError
from labbench.features import read_pulses
from labbench.stimulus import Pulse, PulseTrain
from procedures import configure, find_procedure

FEW = {"repeats": 1, "start_v": 0.6}


def run(bench, store, settings=FEW, procedure="threshold_firing", **options):
    made = configure(find_procedure(procedure), settings)
    device_id = store.add_device("n1", "neuron")
    return run_procedure(bench, store, begin_session(bench, store), device_id, made, **options)


def is_dark(bench):
    sources = (bench.pulse_source, bench.supply, bench.meter, bench.gate_meter)
    return not any(source.is_output_on for source in sources)


def test_a_run_is_recorded_whole_and_ends_dark(bench, store):
    percent = []
    report = run(bench, store, on_progress=percent.append)
    (record,) = store.runs()
    assert (record.state, record.simulated, record.device) == ("finished", True, "n1")
    assert record.settings["width_s"] == 3e-3
    responses = store.responses(report.run_id)
    assert len(responses) == report.responses > 8
    assert percent[-1] > 0
    for response in responses:
        assert isinstance(response.stimulus, PulseTrain)
        assert set(response.trace.channels) == {"input", "output"}
        assert response.trace.channel("output").raw.dtype == "int16"
        assert not response.trace.channel("output").is_censored.any()
    frame = store.pulses(report.run_id)
    fired = [read_pulses(response)[0].fired for response in responses]
    assert frame["fired"].tolist() == fired
    assert any(fired)
    assert not all(fired)
    assert is_dark(bench)
    for check in store.compliance_checks(report.run_id):
        assert (check.role, check.unit, check.requested) == ("supply", "A", 50e-6)
        assert float(check.sent) == check.requested == pytest.approx(check.read_back)
        assert check.in_compliance is False
    assert len(store.compliance_checks(report.run_id)) == 2, "at the start and at the end"
    session = store.session(record.session_id)
    assert {i.role for i in session.instruments} == set(bench.instruments)
    assert "simulated" not in session.config, "the hidden device must not reach the store"


def test_the_scope_sees_what_the_generator_emits(bench):
    bench.start()
    stimulus = PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3)
    response = bench.play(stimulus)
    time_s = response.trace.time_s
    error = response.trace.values("input") - response.stimulus.sample(time_s)
    away = abs(time_s - 5e-7) > 2e-6
    away &= abs(time_s - 1e-3) > 3e-6
    assert abs(error[away]).max() < 0.02
    assert response.trace.start_s == pytest.approx(-2e-4, abs=1e-6)


def test_same_seed_same_numbers(bench_file, store):
    values = []
    for _ in range(2):
        with open_bench(bench_file) as bench:
            report = run(bench, store)
        values.append(
            [r.trace.channel("output").raw.tolist() for r in store.responses(report.run_id)]
        )
    assert values[0] == values[1]


def test_beyond_the_limits_nothing_is_applied(bench, store):
    with pytest.raises(LimitError, match="the bench allows 4 V"):
        run(bench, store, {"start_v": 5.0, "stop_v": 6.0})
    (record,) = store.runs()
    assert record.state == "failed"
    assert "LimitError" in record.error
    assert store.responses(record.id) == []
    assert is_dark(bench)


def stop_after(n, act):
    """Return an on_progress that acts once, after n stimuli."""
    seen = []

    def on_progress(percent):
        seen.append(percent)
        if len(seen) == n:
            act()

    return on_progress


def test_ctrl_c_keeps_what_was_recorded_and_ends_dark(bench, store):
    def press():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(bench, store, on_progress=stop_after(3, press))
    (record,) = store.runs()
    assert record.state == "aborted"
    assert len(store.responses(record.id)) == 3
    assert is_dark(bench)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_every_stop_signal_ends_like_ctrl_c(bench, store, number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        run(bench, store, on_progress=stop_after(2, lambda: os.kill(os.getpid(), number)))
    (record,) = store.runs()
    assert record.state == "aborted"
    assert len(store.responses(record.id)) == 2
    assert is_dark(bench)
    assert signal.getsignal(number) is before


def test_an_impatient_second_signal_does_not_cut_the_safe_end_short(bench, store, monkeypatch):
    original = bench.supply.safe

    def safe():
        os.kill(os.getpid(), signal.SIGINT)
        original()

    monkeypatch.setattr(bench.supply, "safe", safe)
    with pytest.raises(KeyboardInterrupt):
        run(bench, store, on_progress=stop_after(2, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    monkeypatch.undo()
    assert is_dark(bench)
    assert store.runs()[0].state == "aborted"


def test_a_stop_request_aborts_between_stimuli(bench, store):
    asked = []
    report = run(bench, store, on_progress=asked.append, should_stop=lambda: len(asked) >= 4)
    assert (report.state, report.responses) == ("aborted", 4)
    assert store.runs()[0].state == "aborted"
    assert is_dark(bench)


def test_a_failure_in_the_middle_ends_dark_and_is_told(bench, store):
    def break_down():
        raise RuntimeError("the plotter caught fire")

    with pytest.raises(RuntimeError):
        run(bench, store, on_progress=stop_after(2, break_down))
    (record,) = store.runs()
    assert record.state == "failed"
    assert "the plotter caught fire" in record.error
    assert is_dark(bench)


def test_one_instrument_that_fails_does_not_keep_the_others_on(bench, store, monkeypatch):
    def refuse():
        raise InstrumentError("no reply")

    bench.start()
    monkeypatch.setattr(bench.pulse_source, "safe", refuse)
    assert bench.supply.is_output_on
    with pytest.raises(InstrumentError, match="switch them off by hand: pulse_source"):
        bench.safe()
    assert not bench.supply.is_output_on
    monkeypatch.undo()


def test_a_shorted_drain_is_found_before_anything_is_applied(bench_file, store):
    text = bench_file.read_text("utf-8")
    bench_file.write_text(
        text.replace("supply_compliance_a = 50e-6", "supply_compliance_a = 1e-9"), "utf-8"
    )
    with open_bench(bench_file) as bench:
        with pytest.raises(InstrumentError, match="in compliance at rest"):
            run(bench, store)
        assert is_dark(bench)
    (record,) = store.runs()
    assert record.state == "failed"
    (check,) = store.compliance_checks(record.id)
    assert check.in_compliance is True


def test_closing_leaves_the_bench_dark(bench_file):
    with open_bench(bench_file) as bench:
        bench.start()
        supply = bench.supply
        assert supply.is_output_on
        states = []
        original = bench._close

        def close():
            states.append(is_dark(bench))
            original()

        bench._close = close
    assert states == [True]


@pytest.mark.parametrize("role", ["pulse_source", "digitizer", "supply"])
def test_a_question_left_without_its_answer_does_not_fool_the_safe_end(bench, role):
    bench.start()
    bench.pulse_source.load(PulseTrain((Pulse(0.0, 1e-3, 0.5),), duration_s=2e-3))
    bench.pulse_source.arm()
    driver = getattr(bench, role).driver
    driver.write("*IDN?")  # a signal came before the answer was read
    bench.safe()
    assert is_dark(bench)
    assert driver.identity
