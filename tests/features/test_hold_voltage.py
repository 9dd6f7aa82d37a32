"""Hold voltages: found between the samples, by what the resistance does when a filament opens."""

import numpy as np
import pytest

from labbench.features.hold_voltage import hold_voltage
from labbench.stimulus import Waveform

from .currents import ON_S, closing, respond

FALL_S = 64e-6


def falling(fall_s=FALL_S):
    end_s = 1.001e-3 + fall_s
    return Waveform([0.0, 1e-6, 1e-3, 1.001e-3, end_s], [0.0, 1.0, 1.0, 0.6, 0.0], end_s + 1e-5)


def opens(at_v, per_us=1.5, fall_s=FALL_S):
    """Return a conductance whose inverse rises with the square of time from a voltage on."""
    at_s = 1.001e-3 + fall_s * (1 - at_v / 0.6)

    def conductance(time_s):
        root = per_us * np.clip(time_s - at_s, 0, None) * 1e6
        return np.where(time_s < 3e-4, 1e-6, 1.0) * ON_S / (1 + root**2)

    return conductance


def by_name(features):
    return {f.name: f for f in features}


@pytest.mark.parametrize("at_v", [0.1, 0.1031, 0.1077, 0.25])
def test_the_opening_is_found_within_a_small_part_of_a_sample(at_v):
    found = by_name(hold_voltage([respond(falling(), opens(at_v))]))
    # A sample is 9.4 mV of this ramp.
    assert found["hold_voltage"].value == pytest.approx(at_v, abs=1e-5)
    assert found["hold_voltage"].at == {"fall_s": FALL_S}
    assert found["hold_voltage_log_sd"].outcome == "too few data"


def test_a_jump_opens_between_two_samples():
    at_s = 1.001e-3 + 20.4e-6
    (first, *_) = hold_voltage([respond(falling(), closing(3e-4, at_s))])
    assert first.value == pytest.approx(float(falling().sample(at_s)), abs=0.6 / 64)


def test_noise_of_a_nanoampere_leaves_it_in_place():
    trials = [respond(falling(), opens(0.1), noise_a=1e-9, seed=k) for k in range(30)]
    found = by_name(hold_voltage(trials))
    assert abs(found["hold_voltage"].value - 0.1) < 3 * found["hold_voltage"].stderr
    assert found["hold_voltage"].stderr < 2e-3


def test_the_low_band_is_the_atom_and_the_mean_is_not():
    volts = [0.1] * 12 + list(np.linspace(0.15, 0.4, 18))
    found = by_name(hold_voltage([respond(falling(), opens(v)) for v in volts]))
    assert found["hold_voltage_low_band"].value == pytest.approx(0.1, abs=1e-4)
    assert found["hold_voltage"].value == pytest.approx(np.exp(np.log(volts).mean()), rel=1e-3)
    assert found["hold_voltage_log_sd"].value == pytest.approx(np.log(volts).std(ddof=1), rel=2e-3)


def test_falls_are_told_apart_and_other_stimuli_passed_over():
    trials = [respond(falling(), opens(0.1)), respond(falling(1e-2), opens(0.2, fall_s=1e-2))]
    trials.append(respond(Waveform([0, 1e-3, 2e-3], [0, 1, 0], 2e-3), opens(0.1)))
    falls = {f.at["fall_s"]: f.value for f in hold_voltage(trials) if f.name == "hold_voltage"}
    assert falls == {FALL_S: pytest.approx(0.1, rel=1e-3), 1e-2: pytest.approx(0.2, rel=1e-3)}


def test_a_filament_that_never_closed_says_nothing():
    never = [respond(falling(), lambda t: 0 * t)]
    assert {f.outcome for f in hold_voltage(never)} == {"too few data"}
    assert {f.outcome for f in hold_voltage([])} == {"out of reach of the wiring"}


def test_a_filament_still_closed_when_the_current_is_lost_gives_a_bound():
    stays = [respond(falling(), opens(0.001), noise_a=2e-8, seed=k) for k in range(5)]
    found = by_name(hold_voltage(stays))["hold_voltage"]
    assert found.outcome == "censored"
    assert 0.05 < found.value < 0.2
