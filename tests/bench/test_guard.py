"""No stimulus beyond the limits is ever loaded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labbench.bench import Limits
from labbench.bench.guard import check_limits, longest_excursion_s
from labbench.errors import LimitError
from labbench.stimulus import Pulse, PulseTrain, Sweep, Waveform

LIMITS = Limits(voltage_v=1.0, pulse_width_s=1e-3)


def train(*pulses):
    return PulseTrain(tuple(pulses), duration_s=0.1)


@given(st.floats(1e-6, 1e-2), st.floats(0.01, 1.0))
def test_the_longest_excursion_of_a_pulse_is_its_width(width_s, amplitude_v):
    edge_s = width_s / 10
    pulse = Pulse(1e-3, width_s, amplitude_v, rise_s=edge_s, fall_s=edge_s)
    assert longest_excursion_s(train(pulse)) == pytest.approx(width_s, rel=1e-6)


def test_pulses_that_return_to_zero_do_not_add_up():
    check_limits(train(*(Pulse(k * 2e-3, 9e-4, 1.0) for k in range(10))), LIMITS)


@pytest.mark.parametrize(
    ("stimulus", "said"),
    [
        (train(Pulse(0, 1e-4, 1.001)), "reaches 1.001 V, the bench allows 1 V"),
        (train(Pulse(0, 1e-4, -1.001)), "reaches 1.001 V, the bench allows 1 V"),
        (train(Pulse(0, 1.1e-3, 0.5)), "away from zero for 0.0011 s, the bench allows 0.001 s"),
        (Waveform([0, 1e-3], [1e-6, 1e-6], duration_s=1, unit="A"), "the stimulus is in A"),
        (Waveform([0, 2e-3], [0.5, 0.5], duration_s=1), "away from zero for 0.002 s"),
        (Sweep(np.linspace(0, 0.5, 50), dwell_s=1e-3), "away from zero"),
    ],
)
def test_beyond_a_limit_says_asked_found_and_what_to_do(stimulus, said):
    with pytest.raises(LimitError) as caught:
        check_limits(stimulus, LIMITS)
    assert said in str(caught.value)
