"""Procedures, played to the model: the same objects that run on a bench."""

from dataclasses import replace
from itertools import pairwise

import pytest

from labbench.errors import SettingError
from labbench.features import PROPERTIES, Response, read_pulses
from labbench.model import read_card
from procedures import PROCEDURES, configure, find_procedure, settings_of
from procedures.players import ModelPlayer


def play(name, card, settings, seed=0):
    procedure = configure(find_procedure(name), settings)
    responses, rows, percent = [], [], []
    procedure.player = ModelPlayer(card, seed, interval_s=2e-6, start_s=-1e-4)
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop = lambda: False

    def emit(topic, value):
        (rows if topic == "results" else percent).append(value)

    procedure.emit = emit
    procedure.startup()
    procedure.execute()
    procedure.shutdown()
    return procedure, responses, rows, percent


@pytest.fixture(scope="module")
def b1():
    return read_card("b1")


def test_threshold_firing_finds_the_threshold_and_spreads_around_it(b1):
    procedure, responses, rows, percent = play("threshold_firing", b1, {"repeats": 6})
    features = {f.label: f for f in PROPERTIES["threshold_firing"][0](responses)}
    threshold = features["threshold_voltage"]
    assert 0.6 < threshold.value < 0.72
    assert 0 < threshold.stderr < 0.03
    amplitudes = [r.stimulus.pulses[0].amplitude_v for r in responses]
    assert max(amplitudes) <= 2.2 * 1.08 * 0.75
    assert len(rows) == len(responses)
    assert set(rows[0]) == set(procedure.DATA_COLUMNS)
    assert percent[-1] <= 100
    assert percent == sorted(percent)


def test_the_search_stresses_the_device_no_further_than_its_threshold(b1):
    _, responses, _, _ = play("threshold_firing", b1, {"repeats": 1})
    trials = [(r.stimulus.pulses[0].amplitude_v, read_pulses(r)[0].fired) for r in responses]
    searched = trials[:-8]
    assert 15 < len(searched) < 35
    first = next(i for i, (_, fired) in enumerate(searched) if fired)
    climb = [amplitude for amplitude, _ in searched[: first + 1]]
    assert climb == sorted(climb)
    assert all(b <= a * 1.2 + 1e-3 for a, b in pairwise(climb))
    assert max(amplitude for amplitude, _ in searched) < 1.2 * 0.7


def test_a_latched_neuron_is_left_alone(b1):
    """Its output no longer comes back to rest: after some pulses, the player holds it low."""

    class Latching(ModelPlayer):
        def play(self, stimulus):
            response = super().play(stimulus)
            if self._trial <= 12:
                return response
            channel = response.trace.channel("output")
            low = replace(channel, raw=0.1 * channel.raw)
            return Response(stimulus, replace(response.trace, channels={"output": low}))

    for name in ("threshold_firing", "strength_duration", "stochasticity"):
        procedure, responses = configure(find_procedure(name), {}), []
        procedure.player = Latching(b1, 0, interval_s=2e-6, start_s=-1e-4)
        procedure.record = lambda ordinal, response, into=responses: into.append(response)
        procedure.should_stop, procedure.emit = lambda: False, lambda topic, value: None
        procedure.execute()
        assert len(responses) == 13, name


def test_a_strength_duration_curve_falls_to_its_rheobase(b1):
    _, responses, _, _ = play("strength_duration", b1, {"widths": 5})
    features = {f.label: f for f in PROPERTIES["threshold_firing"][0](responses)}
    half_points = [f for f in features.values() if f.name == "threshold_voltage"]
    assert [f.at["width_s"] for f in half_points] == sorted(f.at["width_s"] for f in half_points)
    assert len(half_points) == 5
    for narrow, wide in pairwise(half_points):
        assert narrow.value > wide.value
    weiss = features["rheobase_weiss"]
    assert weiss.value == pytest.approx(0.6, rel=0.1)
    assert features["chronaxie_weiss"].value == pytest.approx(3e-4, rel=0.3)
    # Residue: a longer pulse still fires at less.
    assert features["threshold_slope"].value < 0
    assert max(r.stimulus.peak for r in responses) <= 2.0


def test_a_curve_ends_where_the_stop_amplitude_does(b1):
    _, responses, _, _ = play("strength_duration", b1, {"stop_v": 0.8, "most": 12})
    assert max(r.stimulus.peak for r in responses) <= 0.8
    features = PROPERTIES["threshold_firing"][0](responses)
    known = [f.at["width_s"] for f in features if f.name == "threshold_voltage" and f.is_usable]
    assert 2e-4 not in known
    assert 5e-3 in known


def test_stochasticity_cuts_its_steps_and_shows_what_is_random(b1):
    settings = {"repeats": 150, "trains": 12}
    _, responses, _, _ = play("stochasticity", b1, settings)
    widths = [r.stimulus.pulses[0].width_s for r in responses]
    assert sorted(set(widths))[0] < 5e-3, "cut after the longest latency, doubled"
    features = {f.name: f for f in PROPERTIES["stochasticity"][0](responses)}
    assert features["latency_cv"].value > 5 * features["latency_cv"].stderr
    assert features["latency_cv"].n == 150
    assert features["censored_fraction"].value < 0.03
    assert abs(features["latency_lag1"].value) < 4 * features["latency_lag1"].stderr
    assert features["latency_aic_weibull"].value > 0.1
    assert features["interval"].n == 12
    assert features["interval_cv"].value < features["latency_cv"].value


def test_a_device_that_never_fires_ends_the_search_quietly(b1):
    dead = b1.with_values({"gamma1_per_s": 1e6})
    _, responses, _, _ = play("threshold_firing", dead, {})
    assert responses
    assert not any(read_pulses(r)[0].fired for r in responses)
    features = {f.label: f for f in PROPERTIES["threshold_firing"][0](responses)}
    assert features["threshold_voltage"].outcome == "too few data"


def test_refractory_period_sees_a_slower_second_pulse_after_a_short_gap(b1):
    _, responses, _, _ = play("refractory_period", b1, {"repeats": 6, "gaps": 3})
    ratios = {
        f.at["gap_s"]: f
        for f in PROPERTIES["refractory_period"][0](responses)
        if f.name == "latency_ratio"
    }
    short, long = ratios[min(ratios)], ratios[max(ratios)]
    assert short.value - long.value > 3 * (short.stderr + long.stderr)


def test_a_stop_between_stimuli_is_obeyed(b1):
    procedure = configure(find_procedure("threshold_firing"), {})
    responses = []
    procedure.player = ModelPlayer(b1, 0, interval_s=2e-6, start_s=-1e-4)
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop = lambda: len(responses) >= 3
    procedure.emit = lambda topic, value: None
    procedure.execute()
    assert len(responses) == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"widht_s": "1e-3"}, "no setting widht_s; it has width_s"),
        ({"width_s": "wide"}, "width_s must be a number in s, not 'wide'"),
        ({"width_s": "-1"}, "width_s = -1 s is out of its bounds, 1e-06 to 1 s"),
        ({"width_s": "nan"}, "out of its bounds"),
        ({"repeats": "2.5"}, "repeats = 2.5 must be a whole number"),
    ],
)
def test_bad_settings_say_what_is_wrong(settings, said):
    with pytest.raises(SettingError) as caught:
        configure(find_procedure("threshold_firing"), settings)
    assert said in str(caught.value)


def test_an_unknown_procedure_names_the_known_ones():
    with pytest.raises(SettingError, match=r"known are threshold_firing, .*refractory"):
        find_procedure("treshold_firing")


def test_settings_belong_to_the_instance_only():
    changed = configure(PROCEDURES["threshold_firing"], {"repeats": 3})
    fresh = configure(PROCEDURES["threshold_firing"], {})
    assert (changed.repeats, fresh.repeats) == (3, PROCEDURES["threshold_firing"]().repeats)
    assert [s.name for s in settings_of(type(fresh))][:2] == ["width_s", "start_v"]
