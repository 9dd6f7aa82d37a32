"""Pulse switching and relaxation on the same synthetic pulses."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.errors import FeatureError
from labbench.features.feature import Outcome, Response
from labbench.features.pulse_switching import pulse_switching
from labbench.features.relaxation import relaxation
from labbench.stimulus import Waveform
from labbench.trace import Channel, Trace

DT = 5e-6
RISE, FALL = 200, 1200  # first and last sample of the pulse
RAIL_A = 1.2e-5


def pulse(
    delay_s=1e-3,
    decay=((2e-3, 4e-7),),
    *,
    read_v=0.1,
    polarity=1.0,
    sign=-1.0,
    clipped=True,
    seed=0,
) -> Response:
    """A 1 V pulse of 5 ms on a read voltage, a charging peak at its start, and a noisy current.

    After the pulse 2 uA flow; at each time of `decay` (from the falling edge) the current steps.
    """
    noise = np.random.default_rng(seed)
    n = 4000
    time_s = DT * np.arange(n)
    voltage_v = np.full(n, read_v)
    voltage_v[RISE : FALL + 1] = 1.0
    current_a = np.full(n, 1e-9)
    since = time_s - time_s[RISE]
    current_a[RISE:] += 6e-7 * np.exp(-since[RISE:] / 8e-6)
    if delay_s is not None:
        on = RISE + round(delay_s / DT)
        current_a[on:] = 3e-6
        current_a[on + 20 :] = 2e-5
        current_a[FALL + 1 :] = 2e-6 * read_v / 0.1
        for after_s, level_a in decay:
            current_a[FALL + round(after_s / DT) :] = level_a
    current_a += noise.normal(0, 1e-9, n)
    if clipped:
        current_a = np.minimum(current_a, RAIL_A)
    channels = {
        "input": Channel(polarity * voltage_v, "voltage", "V"),
        "memristor": Channel(
            sign * polarity * current_a,
            "current",
            "A",
            rail_low=-RAIL_A if clipped else None,
            rail_high=RAIL_A if clipped else None,
        ),
    }
    stimulus = Waveform(time_s, polarity * voltage_v, float(time_s[-1]))
    return Response(stimulus, Trace(channels, 0.0, DT))


def by_label(features):
    return {feature.label: feature for feature in features}


@pytest.mark.parametrize("polarity", [1.0, -1.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_delay_counts_from_the_edge_and_skips_the_charging_peak(polarity, sign):
    responses = [pulse(d, polarity=polarity, sign=sign) for d in (1e-3, 4e-3)]
    features = by_label(pulse_switching(responses))
    delay = features["switching_delay at amplitude_v=1, current_a=2e-06"]
    assert delay.value == pytest.approx(2e-3)
    assert delay.n == 2
    half = features["switching_delay at amplitude_v=1, plateau_fraction=0.5"]
    assert half.value == pytest.approx(np.sqrt(1.1e-3 * 4.1e-3))


def test_a_large_charging_peak_is_not_switching():
    response = pulse(None)
    current_a = -response.trace.values("memristor")
    current_a[RISE : RISE + 3] = 5e-6
    channels = {**response.trace.channels, "memristor": Channel(current_a, "current", "A")}
    trace = Trace(channels, 0.0, DT)
    features = by_label(pulse_switching([Response(response.stimulus, trace)]))
    assert features["switching_fraction at amplitude_v=1, current_a=2e-06"].value == 0


def test_pulses_that_did_not_switch_lengthen_the_delay():
    switched = [pulse(d) for d in (1e-3, 2e-3, 4e-3)]
    alone = by_label(pulse_switching(switched))
    longer = by_label(pulse_switching([*switched, pulse(None)]))
    label = "switching_delay at amplitude_v=1, current_a=2e-06"
    assert longer[label].value > 1.2 * alone[label].value
    assert longer[label].n == 4
    assert longer["switching_fraction at amplitude_v=1, current_a=2e-06"].value == 0.75


def test_on_from_the_first_sample_is_shorter_than_the_next():
    features = by_label(pulse_switching([pulse(0.0), pulse(1e-3), pulse(2e-3)]))
    delay = features["switching_delay at amplitude_v=1, current_a=2e-06"]
    assert delay.n == 3
    assert np.isfinite(delay.value)


def test_a_clipped_plateau_only_bounds_the_resistance():
    clipped = by_label(pulse_switching([pulse(), pulse()]))["on_resistance at amplitude_v=1"]
    assert clipped.outcome is Outcome.CENSORED
    assert clipped.value == pytest.approx(1 / RAIL_A)
    whole = [pulse(clipped=False, seed=k) for k in range(3)]
    measured = by_label(pulse_switching(whole))["on_resistance at amplitude_v=1"]
    assert measured.outcome is Outcome.OK
    assert measured.value == pytest.approx(5e4, rel=1e-3)


def test_off_current_is_read_before_the_pulse():
    features = by_label(pulse_switching([pulse(seed=k) for k in range(4)]))
    off = features["off_current at amplitude_v=1, read_v=0.1"]
    assert off.value == pytest.approx(1e-9, abs=4 * off.stderr)


def test_nothing_switched_is_an_answer():
    features = by_label(pulse_switching([pulse(None), pulse(None)]))
    assert features["on_resistance at amplitude_v=1"].outcome is Outcome.DID_NOT_FIRE
    delay = features["switching_delay at amplitude_v=1, current_a=2e-06"]
    assert delay.outcome is Outcome.CENSORED
    assert {f.outcome for f in relaxation([pulse(None)])} == {Outcome.DID_NOT_FIRE}


def test_no_pulse_is_misuse():
    channels = {
        "input": Channel(np.zeros(10), "voltage", "V"),
        "memristor": Channel(np.zeros(10), "current", "A"),
    }
    silent = Response(Waveform(np.zeros(1), np.zeros(1), 1e-3), Trace(channels, 0.0, 1e-4))
    with pytest.raises(FeatureError, match="no pulse"):
        pulse_switching([silent])
    assert pulse_switching([]) == []


FIRST = "relaxation_time_first_below at amplitude_v=1, read_v=0.1, fraction=0.5"
LAST = "relaxation_time_last_above at amplitude_v=1, read_v=0.1, fraction=0.5"


def test_first_below_and_last_above_differ_where_the_filament_comes_back():
    back = ((1e-3, 5e-7), (3e-3, 1.8e-6), (5e-3, 1e-9))
    features = by_label(relaxation([pulse(decay=back), pulse(decay=back, seed=1)]))
    assert features[FIRST].value == pytest.approx(1e-3)
    assert features[LAST].value == pytest.approx(5e-3, abs=1.1 * DT)
    current = features["post_pulse_current at amplitude_v=1, read_v=0.1"]
    assert current.value == pytest.approx(2e-6, rel=1e-2)


def test_relaxation_beyond_the_record_and_before_the_read_is_bounded():
    seen = [pulse(decay=((t, 1e-9),)) for t in (1e-3, 2e-3)]
    plain = by_label(relaxation(seen))
    slow = by_label(relaxation([*seen, pulse(decay=())]))
    fast = by_label(relaxation([*seen, pulse(decay=((1e-5, 1e-9),))]))
    assert fast[FIRST].value < plain[FIRST].value < slow[FIRST].value
    assert fast[FIRST].n == slow[FIRST].n == 3


def test_without_a_read_voltage_relaxation_is_not_identifiable():
    outcomes = {feature.outcome for feature in relaxation([pulse(read_v=0.0)])}
    assert outcomes == {Outcome.NOT_IDENTIFIABLE}
