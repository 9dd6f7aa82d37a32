"""Leaky integration, intrinsic plasticity and refractory period, played to the model."""

import pytest

from labbench.features import PROPERTIES, Outcome, read_pulses
from labbench.model import read_card
from procedures import configure, find_procedure
from procedures.players import ModelPlayer


@pytest.fixture(scope="module")
def b1():
    return read_card("b1")


def play(name, card, settings):
    procedure = configure(find_procedure(name), settings)
    responses = []
    procedure.player = ModelPlayer(card, seed=0, interval_s=2e-6, start_s=-1e-4)
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop = lambda: False
    procedure.emit = lambda topic, value: None
    procedure.execute()
    return responses


def features_of(name, responses):
    return {f.label: f for f in PROPERTIES[name][0](responses)}


def test_leaky_integration_comes_near_the_leak_of_the_filament(b1):
    responses = play("leaky_integration", b1, {})
    found = features_of("leaky_integration", responses)
    leak = found["leak_time_constant"]
    rate_per_s = b1["gamma1_per_s"] + b1["beta_per_s"]
    assert leak.outcome is Outcome.OK
    # The estimator's own bias is stated as 7 %.
    assert abs(leak.value * rate_per_s - 0.93) < 3 * leak.stderr * rate_per_s
    assert leak.stderr < 0.2 * leak.value
    assert found["critical_gap"].outcome is Outcome.OK
    counts = [f for f in found.values() if f.name == "pulses_to_fire"]
    assert counts[0].value + 3 * counts[0].stderr < counts[2].value


def test_trains_end_soon_after_they_fired(b1):
    responses = play("leaky_integration", b1, {"probe_repeats": 1, "repeats": 3})
    trains = [r for r in responses if len(r.stimulus.pulses) > 2]
    first = trains[0]
    fired_at = next(reading.index for reading in read_pulses(first) if reading.fired)
    gap_s = first.stimulus.pulses[1].start_s - first.stimulus.pulses[0].end_s
    again = [
        r for r in trains[1:]
        if r.stimulus.pulses[1].start_s - r.stimulus.pulses[0].end_s == pytest.approx(gap_s)
    ]  # fmt: skip
    assert len(first.stimulus.pulses) == 30
    assert len(again[0].stimulus.pulses) == 3 * (fired_at + 1)


def test_intrinsic_plasticity_recovers_with_the_residue(b1):
    responses = play("intrinsic_plasticity", b1, {"repeats": 20, "rested": 60})
    found = features_of("intrinsic_plasticity", responses)
    ratios = [f for f in found.values() if f.name == "latency_ratio"]
    assert ratios[0].value + 5 * ratios[0].stderr < 1
    recovery = found["recovery_time"]
    assert recovery.outcome is Outcome.OK
    # Within the stated 20 % of the estimator and its error.
    residue_s = 1 / b1["gamma2_per_s"]
    assert abs(recovery.value - residue_s) < 0.3 * residue_s + 2 * recovery.stderr
    intervals = found["interval_ratio"]
    assert intervals.value + 3 * intervals.stderr < 1


def test_refractory_period_sees_its_end_and_the_gate(b1):
    responses = play("refractory_period", b1, {"repeats": 20})
    found = features_of("refractory_period", responses)
    gate_s = b1["control_resistance_ohm"] * b1["gate_capacitance_f"]
    assert abs(found["gate_decay"].value - gate_s) < 3 * found["gate_decay"].stderr
    absolute, relative = found["absolute_refractory"], found["relative_refractory"]
    assert absolute.outcome is Outcome.OK
    assert 0.1 * gate_s < absolute.value < 2 * gate_s
    assert 0.4 * gate_s < relative.value < 1.6 * gate_s


@pytest.mark.parametrize("name", ["leaky_integration", "intrinsic_plasticity", "refractory_period"])
def test_a_device_that_never_fires_is_left_in_peace(b1, name):
    dead = b1.with_values({"gamma1_per_s": 1e6})
    responses = play(name, dead, {})
    assert all(len(response.stimulus.pulses) == 1 for response in responses)
    assert not any(f.is_usable for f in features_of(name, responses).values())
