"""The dry run: the worst case of fixed and adaptive protocols, against what can be counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.bench import foresee, open_bench, read_bench, run_procedure
from labbench.bench.run import begin_session
from labbench.bench.stand_in import made_up_trace
from labbench.errors import BudgetError, LimitError
from labbench.features import Response, read_pulses
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import DoseRecord
from procedures import PROCEDURES, configure, find_procedure
from procedures.base import (
    NeuronProcedure,
    single_pulse,
)
from procedures.search import search_threshold
from procedures.threshold_firing import LEVELS


@pytest.fixture
def description(bench_file):
    return read_bench(bench_file)


def limited(bench_file, **limits):
    text = bench_file.read_text("utf-8")
    lines = "".join(f"{name} = {value}\n" for name, value in limits.items())
    bench_file.write_text(text.replace("[limits]", "[limits]\n" + lines), "utf-8")
    return bench_file


class Four(NeuronProcedure):
    """Play four pulses of a volt."""

    name, version, properties = "four", "1", ()

    def stimuli(self):
        for _ in range(4):
            yield single_pulse(1.0, 1e-3, rest_s=0.05, record_s=1e-3)

    def expected_count(self):
        return 4


class Escalating(Four):
    """Go on to ten times the amplitude of the first pulse that fires."""

    name = "escalating"

    def stimuli(self):
        found_v = yield from search_threshold(1e-3, 0.1, 0.3, 0.0, 1e-3)
        if found_v is not None:
            yield single_pulse(10 * found_v, 1e-3, 0.0, 1e-3)


class Endless(Four):
    """Play for as long as something fires."""

    name = "endless"

    def stimuli(self):
        fired = True
        while fired:
            response = yield single_pulse(0.5, 1e-3, 0.0, 1e-3)
            fired = read_pulses(response)[0].fired


def test_a_fixed_protocol_is_what_it_says(description):
    tally = foresee(Four(), description).tally
    assert (tally.n_stimuli, tally.n_pulses, tally.peak_v) == (4, 4, 1.0)
    assert tally.longest_s == pytest.approx(1e-3)
    assert tally.current_a == pytest.approx(1.0 / 50)
    assert tally.charge_c == pytest.approx(4 * 1e-3 / 50)
    each_s = description.recording.pre_s + 2e-3 + 1e-6 + 0.05
    assert tally.duration_s == pytest.approx(4 * each_s, rel=1e-4)


def test_the_worst_answer_to_an_adaptive_protocol_is_neither_never_nor_always(description):
    """It is a device that fires at the very last amplitude that is tried."""
    climbed_v = 0.1
    while round(climbed_v * 1.08, 3) <= 0.3:
        climbed_v = round(climbed_v * 1.08, 3)
    tally = foresee(Escalating(), description).tally
    assert tally.peak_v == pytest.approx(10 * climbed_v)
    threshold = configure(find_procedure("threshold_firing"), {"repeats": 3})
    tally = foresee(threshold, description).tally
    assert 0.92 * threshold.stop_v * max(LEVELS) < tally.peak_v <= threshold.stop_v * max(LEVELS)
    assert tally.n_pulses > 3 * len(LEVELS) + 20


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.sampled_from([3e-6, 1e-4, 2e-3]))
def test_a_made_up_answer_reads_as_it_was_meant(fires, gap_s):
    pulses, start_s = [], 0.0
    for _ in fires:
        pulses.append(Pulse(start_s, 1e-3, 0.8))
        start_s = pulses[-1].end_s + gap_s
    train = PulseTrain(tuple(pulses), duration_s=start_s + 1e-3)
    readings = read_pulses(Response(train, made_up_trace(train, fires)))
    assert [reading.fired for reading in readings] == fires


@pytest.mark.parametrize("name", PROCEDURES)
def test_every_procedure_can_be_foreseen_and_is_not_touched(description, name):
    procedure = configure(find_procedure(name), {})
    before = dict(vars(procedure))
    forecast = foresee(procedure, description)
    assert vars(procedure) == before
    assert forecast.tally.n_stimuli >= 2
    assert forecast.tally.n_pulses >= forecast.tally.n_stimuli - 1
    assert forecast.answers >= 4
    forecast.require()


def test_a_protocol_without_an_end_is_refused(description, monkeypatch):
    monkeypatch.setattr("labbench.bench.stand_in.MOST_STIMULI", 50)
    with pytest.raises(LimitError, match="does not end within 50 stimuli"):
        foresee(Endless(), description)


def test_every_limit_that_is_violated_is_named(bench_file):
    tight = {
        "current_a": 0.01, "charge_c": 1e-6, "energy_j": 1e-6, "n_pulses": 3, "duration_s": 0.1,
    }  # fmt: skip
    description = read_bench(limited(bench_file, **tight))
    spent = DoseRecord("n1", 1, 8, 2.0, 0.0, 0.0, 0.0, 0, 0, 0, 0)
    forecast = foresee(Four(), description, spent, {"n_pulses": 10, "peak_v": 0.9})
    with pytest.raises(LimitError) as caught:
        forecast.require()
    said = str(caught.value)
    for part in (
        "current: found 0.02 A, the bench allows 0.01 A",
        "charge: found 8e-05 C, the bench allows 1e-06 C",
        "limits.energy_j",
        "pulses: found 4, the bench allows 3",
        "duration: found 0.2",
        "pulses: found 4, the device allows 2 more",
        "voltage: found 1 V, the device allows 0.9 V",
        "take another device",
    ):
        assert part in said
    assert len(forecast.exceeded) == 7
    assert forecast.to_dict()["is_allowed"] is False


@pytest.mark.parametrize("resistance_ohm", [50.0, 1e6])
def test_a_resistance_in_the_path_bounds_the_worst_case(bench_file, resistance_ohm):
    description = read_bench(limited(bench_file, min_resistance_ohm=resistance_ohm))
    assert foresee(Four(), description).tally.current_a == pytest.approx(1.0 / resistance_ohm)


def energised(bench):
    """Count how often an output is switched on."""
    seen, original = [], bench.supply.source_voltage

    def source_voltage(*given):
        seen.append(given)
        return original(*given)

    bench.supply.source_voltage = source_voltage
    return seen


def begin(bench, store, procedure, **options):
    device_id = store.add_device("n1", "neuron")
    return run_procedure(bench, store, begin_session(bench, store), device_id, procedure, **options)


def test_a_device_without_enough_left_is_refused_before_anything_is_on(bench, store):
    store.add_device("n1", "neuron")
    store.set_budget("n1", {"n_pulses": 7})
    seen = energised(bench)
    report = begin(bench, store, Four())
    assert (report.state, store.dose("n1").n_pulses) == ("finished", 4)
    n_seen = len(seen)
    assert n_seen == 1
    with pytest.raises(LimitError, match="found 4, the device allows 3 more"):
        begin(bench, store, Four())
    assert len(seen) == n_seen
    assert store.dose("n1").n_pulses == 4
    assert [run.state for run in store.runs()] == ["finished", "failed"]


class Sly(Four):
    """Do more when somebody looks than when nobody does."""

    name = "sly"

    def stimuli(self):
        response = yield single_pulse(0.5, 1e-3, 0.01, 1e-3)
        is_real = response.trace.channel("output").raw.dtype == "int16"
        for _ in range(9 if is_real else 1):
            yield single_pulse(0.5, 1e-3, 0.01, 1e-3)


def test_a_run_is_stopped_before_the_stimulus_that_would_be_too_much(bench, store):
    store.add_device("n1", "neuron")
    store.set_budget("n1", {"n_pulses": 5})
    notices = []
    report = begin(bench, store, Sly(), on_notice=notices.append)
    assert (report.state, report.responses) == ("aborted", 5)
    assert "Stimulus 5 would be too much" in report.note
    assert report.note in notices[0]
    assert store.dose("n1").n_pulses == 5
    assert not bench.supply.is_output_on
    (run,) = store.runs()
    assert (run.state, run.error) == ("aborted", report.note)


def test_a_limit_of_the_bench_stops_a_run_as_well(bench_file, store):
    with open_bench(limited(bench_file, n_pulses=3)) as bench:
        report = begin(bench, store, Sly(), on_notice=lambda line: None)
    assert (report.state, report.responses) == ("aborted", 3)
    assert issubclass(BudgetError, LimitError)
