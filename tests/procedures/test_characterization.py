"""The characterization plan: its order, its device time, and where it ends early."""

import pytest

from labbench.features import PROPERTIES, Feature
from labbench.model import read_card
from procedures import PROCEDURES, configure
from procedures.characterization import (
    HELD_OUT,
    IDENTIFYING,
    PLASTICITY,
    characterization,
    settings_for,
)
from procedures.players import ModelPlayer


def follow(card, effort=1.0):
    """Play the plan to the model; return its steps, their responses, and why it ended."""
    plan, drawn, played = characterization(effort), None, []
    while True:
        try:
            step = next(plan) if drawn is None else plan.send(drawn)
        except StopIteration as end:
            return played, end.value
        responses, drawn = [], []
        if step.procedure in PROCEDURES:
            kind = PROCEDURES[step.procedure]
            procedure = configure(kind, settings_for(kind, step.settings))
            procedure.player = ModelPlayer(card, 0, interval_s=4e-6, start_s=-1e-4)
            procedure.record = lambda ordinal, response, into=responses: into.append(response)
            procedure.should_stop = lambda: False
            procedure.emit = lambda topic, value: None
            procedure.execute()
            drawn = [f for name in kind.properties for f in PROPERTIES[name][0](responses)]
        played.append((step, responses))


def device_time_s(played):
    return sum(
        r.stimulus.duration_s + r.stimulus.rest_s for _, responses in played for r in responses
    )


@pytest.fixture(scope="module")
def whole():
    return follow(read_card("b1"))


def test_the_whole_plan_takes_less_than_two_minutes_of_device_time(whole):
    played, reason = whole
    assert reason == ""
    assert 60 < device_time_s(played) < 100
    # Of what identifies parameters alone: rests, and some seconds of stimuli.
    fitted = [(s, r) for s, r in played if s.purpose == "fit"]
    assert sum(r.stimulus.duration_s for _, rs in fitted for r in rs) < 8
    assert device_time_s(fitted) < 80


def test_the_quick_measurements_come_first_and_scale_the_others(whole):
    played, _ = whole
    names = [step.procedure for step, _ in played]
    assert names == ["ramp_threshold", "step_latency", PLASTICITY, *IDENTIFYING, *HELD_OUT]
    steps = next(s for s, _ in played if s.procedure == "identification_steps")
    assert steps.settings["threshold_v"] == pytest.approx(0.73, abs=0.03)
    assert steps.settings["latency_s"] == pytest.approx(5.1e-4, rel=0.15)
    assert steps.settings["rest_s"] == pytest.approx(0.06)
    seven = {"leaky_integration", "threshold_firing", "cascaded_propagation", "stochasticity",
             "intrinsic_plasticity", "refractory_period", "energy_per_spike"}  # fmt: skip
    assert {s.procedure for s, _ in played if s.purpose == "validation"} == seven


def test_no_stimulus_is_beyond_twice_the_threshold_and_a_half(whole):
    played, _ = whole
    peak_v = max(r.stimulus.peak for step, rs in played for r in rs if step.purpose == "fit")
    assert peak_v <= 2.2 * 0.77


def test_a_device_that_does_not_fire_ends_the_plan_after_the_ramps():
    played, reason = follow(read_card("b1").with_values({"gamma1_per_s": 1e6}))
    assert "did not fire on a ramp" in reason
    assert [step.procedure for step, _ in played] == ["ramp_threshold"]


@pytest.mark.parametrize(
    ("features", "residue_s"),
    [
        ([], 0.02),
        ([Feature("recovery_time", 0.06, "s", 0.01, 30)], 0.06),
        # Not known well enough, or as good as the usual one.
        ([Feature("recovery_time", 0.06, "s", 0.04, 30)], 0.02),
        ([Feature("recovery_time", 0.024, "s", 0.002, 30)], 0.02),
        ([Feature("recovery_time", 9.0, "s", 0.1, 30)], 0.5),
    ],
)
def test_rests_follow_the_plasticity_where_it_is_known(features, residue_s):
    plan = characterization()
    next(plan)
    plan.send([Feature("ramp_threshold", 0.73, "V", 0.004, 11)])
    assert plan.send([Feature("median_step_latency", 5e-4, "s", 1e-5, 11)]).procedure == PLASTICITY
    step = plan.send(features)
    assert step.settings["residue_s"] == residue_s
    assert step.settings["rest_s"] == pytest.approx(3 * residue_s)


def test_effort_scales_repeats_and_nothing_else():
    plan = characterization(0.1)
    next(plan)
    plan.send([Feature("ramp_threshold", 0.73, "V", 0.004, 11)])
    plan.send([Feature("median_step_latency", 5e-4, "s", 1e-5, 11)])
    step = plan.send([])
    assert step.procedure == "identification_steps"
    assert step.settings["repeats"] == 15
    assert plan.send([]).settings["repeats"] == 1


@pytest.mark.parametrize("name", [*IDENTIFYING, *HELD_OUT])
def test_settings_fit_the_procedures_that_there_are(name):
    if name not in PROCEDURES:
        pytest.skip(f"{name} is not registered yet")
    kind = PROCEDURES[name]
    wanted = {"repeats": 1e9, "rest_s": 0.06, "unheard_of": 1.0}
    assert configure(kind, settings_for(kind, wanted)).rest_s == 0.06
