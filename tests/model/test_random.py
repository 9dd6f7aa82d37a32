"""Random streams: uniform, independent, and the same in any order and on any number of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats

from labbench.errors import CardError
from labbench.model import read_card, resting, simulate
from labbench.model.random import exponential, stream_key, uniform
from labbench.stimulus import Waveform

B1 = read_card("b1")
DRIVE = Waveform([0.0, 1e-6, 5e-3], [0.0, 0.7, 0.7], 5e-3)

# Seeds are fixed, so a test below either always passes or always fails; with p > 1e-3 a correct
# generator would fail for one seed in a thousand.
LEAST_P = 1e-3


def draws(seed: int, device: int, trial: int, n: int) -> np.ndarray:
    key = np.uint64(stream_key(seed, device, trial))
    return np.array([uniform(key, i) for i in range(n)])


def spikes(trial: int) -> np.ndarray:
    solution = simulate(B1, DRIVE, seed=7, trial=trial, interval_s=1e-3).solution
    return np.array([event.time_s for event in solution.events])


def test_draws_of_one_stream_are_uniform_and_uncorrelated():
    u = draws(1, 2, 3, 20_000)
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > LEAST_P
    lag = np.corrcoef(u[1:], u[:-1])[0, 1]
    assert abs(lag) < 4 / np.sqrt(u.size)


def test_first_draws_of_many_streams_are_uniform_and_uncorrelated():
    for streams in (
        [(i, 0, 0) for i in range(4000)],
        [(0, i, 0) for i in range(4000)],
        [(0, 0, i) for i in range(4000)],
    ):
        u = np.array([draws(*names, 1)[0] for names in streams])
        assert stats.kstest(u, "uniform").pvalue > LEAST_P
        assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 4 / np.sqrt(u.size)


def test_seed_device_and_trial_are_not_interchangeable():
    names = [(a, b, c) for a in range(8) for b in range(8) for c in range(8)]
    assert len({stream_key(*n) for n in names}) == len(names)


def test_exponential_draws():
    key = np.uint64(stream_key(5, 0, 0))
    sample = [exponential(key, i) for i in range(10_000)]
    assert stats.kstest(sample, "expon").pvalue > LEAST_P


def test_order_and_threads_change_nothing():
    trials = list(range(24))
    alone = [spikes(trial) for trial in trials]
    backwards = [spikes(trial) for trial in reversed(trials)][::-1]
    for workers in (1, 4):
        with ThreadPoolExecutor(workers) as pool:
            together = list(pool.map(spikes, trials))
        for one, two, three in zip(alone, backwards, together, strict=True):
            assert_array_equal(two, one)
            assert_array_equal(three, one)


def test_trials_devices_and_seeds_differ():
    def first_spike(**names) -> float:
        return simulate(B1, DRIVE, interval_s=1e-3, **names).solution.event_times_s("jump")[0]

    times_s = [first_spike(**{name: i}) for name in ("seed", "device", "trial") for i in (1, 2)]
    assert len({first_spike(), *times_s}) == 7


@pytest.mark.parametrize("name", ["seed", "device", "trial"])
@pytest.mark.parametrize("value", [-1, 2**63, 2**70])
def test_seeds_out_of_range_are_refused(name: str, value: int):
    with pytest.raises(CardError, match="Seeds"):
        resting(B1, **{name: value})
    resting(B1, **{name: 2**63 - 1})
