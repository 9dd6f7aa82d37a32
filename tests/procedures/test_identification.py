"""Identification procedures: scaled to the device, smooth in its parameters, and identifying."""

from math import exp, expm1, log

import numpy as np
import pytest
from scipy.optimize import least_squares

from labbench.features import PROPERTIES
from labbench.model import read_card
from labbench.model.closed_forms import gate_rise_s, hold_voltage_v, switching_time_s
from labbench.model.output import output_voltage
from procedures import find_procedure

from .played import SCALE, Blind, features, play, quiet

GROUNDED = ("dwell_gap_test", "hold_voltage", "relaxation_levels", "off_current")
OPEN = ("identification_steps", "pump_probe", "interval_by_index")
ONCE = {**SCALE, "repeats": 1}
ONCE_FALLING = {**SCALE, "slow_repeats": 1, "fast_repeats": 1}


@pytest.fixture(scope="module")
def b1():
    return read_card("b1")


def values(name, card, settings, **options):
    return {
        label: f.value
        for label, f in features(name, card, settings, **options).items()
        if np.isfinite(f.value) and not f.name.endswith(("spread", "sd", "fraction"))
    }


def test_the_ramp_climbs_no_further_than_a_third_above_the_threshold(b1):
    responses = play("ramp_threshold", b1, {})
    (feature,) = PROPERTIES["ramp_threshold"][0](responses)
    # 11 ramps on 200 more devices of the same card: 0.732 V.
    assert feature.value == pytest.approx(0.732, abs=4 * feature.stderr)
    assert feature.n == 11
    peaks_v = [r.stimulus.peak for r in responses]
    assert peaks_v == sorted(peaks_v)
    assert max(peaks_v) < 1.35 * 0.8


def test_step_latency_measures_its_threshold_first_if_it_is_not_given(b1):
    alone = features("step_latency", b1, {}, seed=3)
    given = features("step_latency", b1, {"threshold_v": SCALE["threshold_v"]}, seed=4)
    one, other = (
        next(f for f in found.values() if f.name == "median_step_latency")
        for found in (alone, given)
    )
    assert one.n == other.n == 11
    assert one.value == pytest.approx(other.value, rel=0.15)


@pytest.mark.parametrize("name", [*OPEN, *GROUNDED])
def test_each_procedure_works_alone(b1, name):
    few = {"slow_repeats": 2, "fast_repeats": 2} if name == "hold_voltage" else {"repeats": 2}
    found = features(name, b1, few)
    assert any(f.outcome == "ok" for f in found.values()), found


@pytest.mark.parametrize("name", GROUNDED)
def test_where_the_gate_cannot_be_grounded_nothing_is_played_and_features_say_so(b1, name):
    assert play(name, b1, {}, player=Blind) == []
    found = [f for each in find_procedure(name).properties for f in PROPERTIES[each][0]([])]
    assert found
    assert {f.outcome for f in found} == {"out of reach of the wiring"}
    assert all(np.isnan(f.value) and f.n == 0 for f in found)


@pytest.mark.parametrize("name", ["ramp_threshold", "step_latency", *OPEN, *GROUNDED])
def test_a_device_that_never_fires_ends_everything_quietly(b1, name):
    dead = b1.with_values({"gamma1_per_s": 1e6})
    responses = play(name, dead, {})
    # The search climbs to its end once, and that is all.
    assert 0 < len(responses) < 10
    assert max(r.stimulus.peak for r in responses) <= 1.6
    found = features(name, dead, {})
    assert {f.outcome for f in found.values()} <= {"did not fire", "too few data"}


def test_every_step_is_wide_enough_for_the_slow_ones(b1):
    found = features("identification_steps", b1, {**SCALE, "repeats": 40})
    latencies = [f for f in found.values() if f.name == "step_latency"]
    assert len(latencies) == 5
    assert all(f.outcome == "ok" and f.n == 40 for f in latencies)
    assert sum(f.name == "atom_latency" for f in found.values()) >= 3


@pytest.mark.parametrize(
    ("name", "settings", "parameters"),
    [
        ("ramp_threshold", {"repeats": 1}, ("mu_per_v_s", "gamma1_per_s")),
        ("identification_steps", ONCE, ("mu_per_v_s", "gamma1_per_s")),
        ("pump_probe", ONCE, ("mu_per_v_s", "gamma1_per_s")),
        ("interval_by_index", ONCE, ("mu_per_v_s", "gamma2_per_s")),
        ("hold_voltage", ONCE_FALLING, ("alpha", "mu_per_v_s")),
        ("relaxation_levels", ONCE, ("gamma1_per_s", "lambda")),
        ("off_current", ONCE, ("lambda", "r_off_ohm")),
    ],
)
def test_statistics_have_no_jump_in_the_parameters(b1, name, settings, parameters):
    for parameter in parameters:
        _assert_smooth(b1, name, settings, parameter, interval_s=1e-6)


def test_switching_times_have_no_jump_beyond_their_sample(b1):
    # The current rises within a sample, so the grid shows; a finer one shows what is left.
    for parameter in ("beta_per_s", "gamma2_per_s"):
        _assert_smooth(b1, "dwell_gap_test", ONCE, parameter, interval_s=1e-7, points=7)


def _assert_smooth(card, name, settings, parameter, *, interval_s, points=11):
    """Scan in steps of 2.5e-4 of ln(parameter): each step changes ln(statistic) alike."""
    rows = []
    for k in range(points):
        value = card[parameter] * exp(2.5e-4 * k)
        made = values(name, quiet(card, **{parameter: value}), settings, interval_s=interval_s)
        rows.append(made)
    assert rows[0]
    for label in rows[0]:
        steps = np.diff(np.log([row[label] for row in rows]))
        assert np.abs(steps - np.median(steps)).max() < 4e-4, (parameter, label, steps)


def test_the_parameters_follow_from_closed_forms(b1):
    """Starting values without any simulation, from a device that has no jumps."""
    card = quiet(b1)
    mu, gamma1 = _growth_and_decay(card)
    assert mu == pytest.approx(card["mu_per_v_s"], rel=0.006)
    assert gamma1 == pytest.approx(card["gamma1_per_s"], rel=0.014)
    (hold_v,) = (
        f.value
        for f in features("hold_voltage", card, {**ONCE_FALLING, "slow_repeats": 0}).values()
        if f.name == "hold_voltage"
    )
    # Of the 1.014 ms dwell, 0.4 ms are gone before the filament closes; then f turns into r.
    f = exp(-card["beta_per_s"] * 0.6e-3)
    assert hold_v == pytest.approx(hold_voltage_v(card, f, 1 - f), rel=0.01)
    assert hold_v * mu / gamma1 == pytest.approx(card["alpha"], rel=0.024)
    shape, r_off = _resistance(card, f)
    assert shape == pytest.approx(card["lambda"], rel=0.01)
    assert r_off == pytest.approx(card["r_off_ohm"], rel=0.06)


def _growth_and_decay(card):
    found = features("identification_steps", card, ONCE)
    measured = {f.at["amplitude_v"]: f.value for f in found.values() if f.name == "step_latency"}

    # An output spike is half the resting level; the transistor is known on its own.
    gate_v = np.linspace(0.1, 0.6, 501)
    output_v = output_voltage(card, np.arange(gate_v.size) * 1.0, gate_v)
    spike_v = float(gate_v[np.argmax(output_v < 0.5 * output_v[0])])

    def misfit(theta):
        other = card.with_values(
            {"mu_per_v_s": exp(theta[0]), "gamma1_per_s": exp(theta[1]), "beta_per_s": 0.0}
        )
        return [
            log(switching_time_s(other, v) + gate_rise_s(other, v, spike_v)) - log(latency_s)
            for v, latency_s in measured.items()
        ]

    fit = least_squares(misfit, [log(3000), log(6000)], x_scale=0.1)
    return exp(fit.x[0]), exp(fit.x[1])


def _resistance(card, f_closed):
    """Return lambda and the open resistance from relaxation times and off currents."""
    times = [
        (f.at["level"], f.value)
        for f in features("relaxation_levels", card, ONCE, interval_s=1e-7).values()
        if f.name == "relaxation_level_time"
    ]
    currents = [
        (f.at["amplitude_v"], f.value)
        for f in features("off_current", card, ONCE).values()
        if f.name == "off_current"
    ]
    gamma1, alpha = card["gamma1_per_s"], card["alpha"]

    def resistance(x, shape, r_off):
        return card["r_on_ohm"] * x + r_off * expm1((1 - x) / shape) / expm1(1 / shape)

    def settled(v):
        f = 0.0
        for _ in range(200):
            f = card["mu_per_v_s"] * v / ((1 + alpha - f) * (gamma1 + card["beta_per_s"]))
        return f

    def misfit(theta):
        shape, r_off = exp(theta[0]), exp(theta[1])
        fades = [
            log(resistance(f_closed * exp(-gamma1 * t) + 1 - f_closed, shape, r_off))
            - log(card["r_on_ohm"] / level)
            for level, t in times
            # The first level is gone within two samples.
            if level < 5e-3
        ]
        return fades + [log(resistance(settled(v), shape, r_off)) - log(v / i) for v, i in currents]

    fit = least_squares(misfit, [log(0.2), log(5e11)], x_scale=0.1)
    return exp(fit.x[0]), exp(fit.x[1])


def test_a_read_too_weak_for_the_channel_is_out_of_reach(b1):
    responses = play("relaxation_levels", b1, {**SCALE, "repeats": 8})
    noisy = [_with_noise(r, 1e-9, seed) for seed, r in enumerate(responses)]
    found = {f.label: f for f in PROPERTIES["relaxation_levels"][0](noisy)}
    reach = "out of reach of the wiring"
    # A closed filament would carry 200 nA: levels of 2 nA, 0.2 nA, 0.02 nA in 1 nA of noise.
    assert found["relaxation_level_time at level=0.01"].outcome == reach
    assert found["relaxation_level_time_of_mean at level=0.01"].outcome == "ok"
    assert found["relaxation_level_time_of_mean at level=0.0001"].outcome == reach
    off = [_with_noise(r, 1e-9, 1) for r in play("off_current", b1, {**SCALE, "repeats": 1})]
    assert {f.outcome for f in PROPERTIES["off_current"][0](off)} == {reach}


def _with_noise(response, noise_a, seed):
    from dataclasses import replace

    trace = response.trace
    channel = trace.channel("memristor")
    noise = np.random.default_rng(seed).normal(0.0, noise_a, len(trace))
    channels = {**trace.channels, "memristor": replace(channel, raw=channel.raw + noise)}
    return replace(response, trace=replace(trace, channels=channels))


def test_jumps_bias_the_slow_hold_voltage_but_not_the_low_band_of_the_fast_one(b1):
    (truth_v,) = (
        f.value
        for f in features("hold_voltage", quiet(b1), {**ONCE_FALLING, "slow_repeats": 0}).values()
        if f.name == "hold_voltage"
    )
    found = features("hold_voltage", b1, SCALE)
    slow = next(f for f in found.values() if f.name == "hold_voltage" and f.at["fall_s"] > 1e-3)
    band = next(
        f for f in found.values() if f.name == "hold_voltage_low_band" and f.at["fall_s"] < 1e-3
    )
    assert slow.value > 2 * truth_v
    assert band.value == pytest.approx(truth_v, rel=0.03)
