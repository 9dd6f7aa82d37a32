"""The two roads: what the simulated bench shows is what the model says of the same stimuli."""

from math import hypot, isfinite

import pytest

from labbench.features import PROPERTIES
from labbench.model import Loading, read_card
from labbench.model.replay import replay_response
from procedures import configure, find_procedure

PROBE = Loading(1e7, 1e-11)
# One card, many features: a few beyond three errors are chance, none is beyond this.
SIGMAS = 4.0


# Few repeats, and what must come out as a number nevertheless.
PLANS = {
    "leaky_integration": (
        {"repeats": 5, "gaps": 5, "probe_repeats": 8, "probe_gaps": 6},
        ("critical_gap", "leak_time_constant"),
    ),
    "intrinsic_plasticity": (
        {"repeats": 6, "gaps": 4, "rested": 15},
        ("latency_ratio at gap_s=0.003", "interval_ratio"),
    ),
    "refractory_period": ({"repeats": 5}, ("absolute_refractory", "gate_decay")),
}


def play(bench, name, settings):
    procedure, responses = configure(find_procedure(name), settings), []
    procedure.player = bench
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop, procedure.emit = lambda: False, lambda topic, value: None
    bench.start()
    procedure.execute()
    procedure.shutdown()
    return responses


def both_roads(bench, name, settings, repeats):
    """Return the features of the bench's responses, and of the model's, by label."""
    measured = play(bench, name, settings)
    card = read_card("b1")
    simulated = [
        replay_response(response, card, seed=77, trial=trial, loading=PROBE)
        for trial, response in enumerate(measured * repeats)
    ]
    (first, *_) = find_procedure(name).properties
    extract = PROPERTIES[first][0]
    return tuple({f.label: f for f in extract(responses)} for responses in (measured, simulated))


def assert_agree(measured, simulated, at_least):
    compared = {}
    for label, a in measured.items():
        b = simulated.get(label)
        if b is None or not (isfinite(a.stderr) and isfinite(b.stderr)):
            continue
        # The timing of sampling and the gain of the instruments: 0.3 %.
        error = hypot(a.stderr, b.stderr, 0.003 * a.value)
        if error > 0:
            compared[label] = (a.value - b.value) / error
    assert len(compared) >= at_least
    assert max(map(abs, compared.values())) < SIGMAS, compared
    assert sum(abs(z) > 2.5 for z in compared.values()) <= 1 + len(compared) // 10, compared


def test_threshold_firing(bench):
    measured, simulated = both_roads(bench, "threshold_firing", {"repeats": 10}, repeats=3)
    assert_agree(measured, simulated, at_least=12)
    assert measured["threshold_voltage"].stderr < 0.02
    probability = [f.value for f in measured.values() if f.name == "fire_probability"]
    assert min(probability) < 0.3
    assert max(probability) == 1.0


def test_strength_duration(bench):
    settings = {"widths": 5, "most": 20}
    measured, simulated = both_roads(bench, "strength_duration", settings, repeats=4)
    assert_agree(measured, simulated, at_least=10)
    assert measured["rheobase_weiss"].is_usable
    assert measured["chronaxie_weiss"].value == pytest.approx(3e-4, rel=0.3)


def test_stochasticity(bench):
    settings = {"repeats": 150, "trains": 12}
    measured, simulated = both_roads(bench, "stochasticity", settings, repeats=4)
    assert_agree(measured, simulated, at_least=15)
    spread = next(f for label, f in measured.items() if label.startswith("latency_spread"))
    assert spread.value > 4 * spread.stderr
    intervals = next(f for label, f in measured.items() if label.startswith("interval_cv"))
    assert intervals.value > 4 * intervals.stderr


@pytest.mark.parametrize("name", PLANS)
def test_the_others(bench, name):
    settings, visible = PLANS[name]
    measured, simulated = both_roads(bench, name, {"start_v": 0.5, **settings}, repeats=4)
    assert_agree(measured, simulated, at_least=len(visible))
    for label in visible:
        assert measured[label].is_usable, label
        assert simulated[label].is_usable, label
