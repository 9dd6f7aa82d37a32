"""Many trials at once are the trials one by one."""

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from labbench.errors import StimulusError
from labbench.model import read_card, simulate
from labbench.model.batch import Job, first_spikes_s, play
from labbench.model.simulation import closed
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


def test_jobs_are_what_simulate_plays_whatever_stands_beside_them():
    times_s = np.linspace(0.0, 5e-3, 5)
    corner_s, level = closed(*STEP.breakpoints())
    long = Job(B1, corner_s, level, times_s, repeats=3, device=2, first_trial=7)
    short = Job(B1.with_values({"eta": 0.3}), corner_s, level, times_s[:2], repeats=2)
    played = play([short, long, short], seed=5, rtol=1e-6)
    assert [one.samples.shape for one in played] == [(2, 2, 4), (3, 5, 4), (2, 2, 4)]
    for i in range(3):
        alone = simulate(B1, STEP, seed=5, device=2, trial=7 + i, sample_s=times_s).solution
        assert_array_equal(played[1].samples[i], alone.samples)
        kept = played[1].event_kind[i] >= 0
        assert_array_equal(played[1].event_s[i][kept], alone.event_s)
        assert np.isnan(played[1].event_s[i][~kept]).all()


def test_a_trial_ends_at_the_event_it_is_told_to():
    corner_s, level = closed(*STEP.breakpoints())
    end_s = np.array([5e-3])
    whole, first, second = (
        play([Job(B1, corner_s, level, end_s, 4, stop_at=kind, stop_from_s=from_s)])[0]
        for kind, from_s in (("", 0.0), ("spike", 0.0), ("spike", 2e-3))
    )
    for from_s, cut in ((0.0, first), (2e-3, second)):
        assert_array_equal(cut.first_s("spike", from_s), whole.first_s("spike", from_s))
        assert np.isnan(cut.samples).all()
        assert cut.has_converged.all()
    assert not np.isnan(whole.samples).any()


def test_more_events_than_there_is_room_for_change_nothing(monkeypatch):
    corner_s, level = closed(*STEP.breakpoints())
    job = Job(B1, corner_s, level, np.array([5e-3]), 5)
    roomy = play([job])[0]
    monkeypatch.setattr("labbench.model.batch._room", lambda *_: 16)
    tight = play([job])[0]
    n = (roomy.event_kind >= 0).sum(axis=1).max()
    assert n > 16
    assert_array_equal(tight.event_s[:, :n], roomy.event_s[:, :n])
    assert_array_equal(tight.samples, roomy.samples)


@pytest.mark.parametrize(
    "fields",
    [
        {"corner_s": np.array([1.0, 0.0])},
        {"corner_s": np.array([0.0, 1.0, 2.0])},
        {"level": np.array([0.0, np.nan])},
        {"sample_s": np.array([])},
        {"sample_s": np.array([-1.0, 1.0])},
        {"sample_s": np.array([1.0, 0.5])},
        {"repeats": -1},
        {"stop_at": "bang"},
    ],
)
def test_impossible_jobs_are_refused(fields):
    good = {"corner_s": np.array([0.0, 1.0]), "level": np.zeros(2), "sample_s": np.array([1e-3])}
    assert play([Job(B1, **good)])[0].has_converged.all()
    with pytest.raises(StimulusError):
        play([Job(B1, **good), Job(B1, **(good | fields))])
    assert play([]) == ()
