from __future__ import annotations

import numpy as np
import pytest

from labbench.errors import FeatureError
from labbench.features.feature import Outcome, Response
from labbench.features.volatile_switching import volatile_switching
from labbench.stimulus import Sweep
from labbench.trace import Channel, Trace

STEP_V = 0.01


def sweep(threshold_v=None, hold_v=0.05, thin_v=0.03, polarity=1.0, sign=1.0) -> Response:
    """A loop to 0.4 V; the current falls to 1e-10 A at `hold_v` and to 1e-12 A at `thin_v`."""
    up_v = np.arange(1, 41) * STEP_V
    level_v = np.concatenate([up_v, up_v[::-1][:-1], [0.0]])
    current_a = np.full(level_v.size, 2e-12)
    current_a[0] = 1e-15
    if threshold_v is not None:
        k = np.arange(level_v.size)
        current_a[(k < 40) & (level_v >= threshold_v - 1e-9)] = 1e-6
        current_a[k >= 40] = 1e-6
        current_a[(k >= 40) & (level_v <= hold_v + 1e-9)] = 1e-10
        current_a[(k >= 40) & (level_v <= thin_v + 1e-9)] = 1e-12
    voltage_v = polarity * level_v
    channels = {
        "input": Channel(voltage_v, "voltage", "V"),
        "memristor": Channel(sign * polarity * current_a, "current", "A", rail_high=0.999e-6),
    }
    return Response(Sweep(voltage_v, None), Trace(channels))


def by_label(responses):
    return {feature.label: feature for feature in volatile_switching(responses)}


def test_threshold_and_hold_with_their_criterion():
    features = by_label([sweep(v) for v in (0.20, 0.22, 0.24)])
    threshold = features["threshold_voltage at current_a=1e-08"]
    assert threshold.value == pytest.approx(0.22)
    assert threshold.stderr == pytest.approx(np.hypot(0.02 / np.sqrt(3), STEP_V / np.sqrt(12)))
    assert threshold.n == 3
    assert features["threshold_voltage_sd at current_a=1e-08"].value == pytest.approx(0.02)
    assert features["threshold_voltage_cv at current_a=1e-08"].value == pytest.approx(0.02 / 0.22)
    assert features["hold_voltage at current_a=1e-09"].value == pytest.approx(0.05)
    assert features["hold_voltage at current_a=1e-11"].value == pytest.approx(0.03)
    assert features["off_current"].value == pytest.approx(2e-12)


@pytest.mark.parametrize("polarity", [1.0, -1.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_neither_polarity_nor_orientation_matters(polarity, sign):
    turned = by_label([sweep(0.2, polarity=polarity, sign=sign), sweep(0.3, polarity=polarity)])
    assert turned["threshold_voltage at current_a=1e-08"].value == pytest.approx(0.25)


def test_sweeps_that_do_not_switch_are_counted_not_averaged():
    features = by_label(
        [sweep(0.2), sweep(0.2), sweep(None, polarity=-1), sweep(None, polarity=-1)]
    )
    assert features["switching_fraction at current_a=1e-08"].value == 0.5
    assert features["threshold_voltage at current_a=1e-08"].n == 2
    never = features["threshold_voltage at polarity=-1, current_a=1e-08"]
    assert np.isnan(never.value)
    assert never.outcome is Outcome.DID_NOT_FIRE


def test_a_sweep_that_stays_on_is_latched():
    features = by_label([sweep(0.2), sweep(0.2, hold_v=-1, thin_v=-1)])
    assert features["latched_fraction at current_a=1e-09"].value == 0.5
    assert features["hold_voltage at current_a=1e-09"].n == 1
    latched = by_label([sweep(0.2, hold_v=-1, thin_v=-1)])
    assert latched["hold_voltage at current_a=1e-09"].outcome is Outcome.LATCHED


def test_no_sweeps_no_features():
    assert volatile_switching([]) == []


def test_several_loops_in_one_response_are_refused():
    voltage_v = np.tile([0.1, 0.2, 0.1, 0.0], 3)
    channels = {
        "input": Channel(voltage_v, "voltage", "V"),
        "memristor": Channel(voltage_v * 1e-9, "current", "A"),
    }
    with pytest.raises(FeatureError, match="more than once"):
        volatile_switching([Response(Sweep(voltage_v, None), Trace(channels))])


def test_nan_is_refused():
    response = sweep(0.2)
    broken = response.trace.values("memristor").copy()
    broken[3] = np.nan
    channels = {**response.trace.channels, "memristor": Channel(broken, "current", "A")}
    with pytest.raises(FeatureError, match="NaN"):
        volatile_switching([Response(response.stimulus, Trace(channels))])


def test_a_source_in_its_limit_sags_and_the_level_stands_for_its_voltage():
    level_v = np.r_[np.linspace(0, 1, 11), np.linspace(0.9, 0, 10)]
    is_on = np.zeros(21, bool)
    is_on[6:18] = True
    voltage_v = np.where(is_on, 0.15, level_v)
    current_a = np.where(is_on, 1e-6, level_v / 1e12)
    # One reading met the limit for a part of its time: less current, less sag, not censored.
    voltage_v[17], current_a[17] = 0.2, 5e-7
    channels = {
        "input": Channel(voltage_v, "voltage", "V"),
        "memristor": Channel(current_a, "current", "A", rail_low=-1e-6, rail_high=1e-6),
    }
    found = volatile_switching([Response(Sweep(level_v, 0.01, 1e-6), Trace(channels))])
    by_name = {feature.label: feature for feature in found}
    assert by_name["threshold_voltage at current_a=1e-08"].value == pytest.approx(0.6)
    assert by_name["hold_voltage at current_a=1e-09"].value == pytest.approx(0.2)
