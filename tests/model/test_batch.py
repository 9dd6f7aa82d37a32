"""Many trials at once are the trials one by one."""

import numba
import numpy as np
import pytest

from labbench.errors import StimulusError
from labbench.model import read_card, simulate
from labbench.model.batch import first_spikes_s
from labbench.stimulus import Waveform

B1 = read_card("b1")
STEP = Waveform([0.0, 1e-6, 5e-3], [0.0, 0.7, 0.7], duration_s=5e-3)


def test_a_batch_is_its_trials():
    batch = first_spikes_s(B1, STEP, 20, seed=3, first_trial=5, rtol=1e-6)
    for i, at_s in enumerate(batch):
        made = simulate(B1, STEP, seed=3, trial=5 + i, interval_s=1e-3).solution
        alone = made.event_times_s("spike")
        assert at_s == pytest.approx(alone[0], abs=1e-9) if alone.size else np.isnan(at_s)


def test_any_number_of_threads_gives_the_same_numbers():
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = first_spikes_s(B1, STEP, 50)
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(one, first_spikes_s(B1, STEP, 50), equal_nan=True)
    assert len(set(one.tolist())) > 40


def test_what_does_not_fire_is_nan():
    weak = Waveform([0.0, 1e-6, 1e-3], [0.0, 0.5, 0.5], duration_s=1e-3)
    assert np.isnan(first_spikes_s(B1, weak, 3)).all()


def test_only_neurons_spike():
    with pytest.raises(StimulusError, match="need a neuron"):
        first_spikes_s(read_card("memristor"), STEP, 3)
