"""The memristor fit, on recordings made by the model itself."""

import numpy as np
import pytest

from labbench.errors import FitError
from labbench.features import Response
from labbench.fit import fit_memristor
from labbench.model import read_card
from labbench.model.replay import replay_response
from labbench.stimulus import Sweep, Waveform
from labbench.trace import Channel, Trace


def blank(stimulus, time_s=None):
    """Return a response that gives a replay its sampling."""
    n = stimulus.voltage_v.size if isinstance(stimulus, Sweep) else time_s.size
    zero = Channel(np.zeros(n), "current", "A")
    return Response(stimulus, Trace({"input": zero, "memristor": zero}, uneven_time_s=time_s))


@pytest.fixture(scope="module")
def hidden():
    return read_card("memristor").with_values(
        {"mu_per_v_s": 9000.0, "r_on_ohm": 6e4, "lambda": 0.09, "kappa_per_s": 2000.0}
    )


def pulses(card, n=6):
    time_s = np.arange(0, 6e-3, 2e-6)
    stimulus = Waveform(
        np.array([0, 4e-4, 4.01e-4, 2.4e-3, 2.401e-3, 5.9e-3]),
        np.array([0.1, 0.1, 1.0, 1.0, 0.1, 0.1]),
        duration_s=6e-3,
    )
    return [
        replay_response(blank(stimulus, time_s), card, seed=3, trial=trial) for trial in range(n)
    ]


def sweeps(card, n=3, sign=1.0):
    up = np.linspace(0.0, 0.5, 51)[1:]
    stimulus = Sweep(sign * np.r_[up, up[::-1]], dwell_s=5e-3)
    return [replay_response(blank(stimulus), card, seed=4, trial=trial) for trial in range(n)]


def test_pulses_tell_delay_and_on_resistance(hidden):
    result = fit_memristor(pulses(hidden), read_card("memristor"))
    assert max(abs(r.z) for r in result.residuals) < 2
    fitted = {p.name: p for p in result.parameters}
    assert abs(np.log(fitted["r_on_ohm"].value / hidden["r_on_ohm"])) < 0.5
    assert not fitted["r_off_ohm"].is_identifiable


def test_sweeps_tell_the_off_resistance(hidden):
    result = fit_memristor(sweeps(hidden), read_card("memristor"))
    fitted = {p.name: p for p in result.parameters}
    assert abs(np.log(fitted["r_off_ohm"].value / hidden["r_off_ohm"])) < 0.3
    assert not fitted["gamma1_per_s"].is_identifiable


def test_a_sweep_without_times_says_what_was_assumed(hidden):
    timeless = [
        Response(Sweep(r.stimulus.voltage_v, dwell_s=None), Trace(dict(r.trace.channels)))
        for r in sweeps(hidden)
    ]
    result = fit_memristor(timeless, read_card("memristor"))
    assert any("no times" in stage for stage in result.stages)


def test_pulses_and_sweeps_are_not_mixed(hidden):
    with pytest.raises(FitError, match="not both"):
        fit_memristor([*pulses(hidden, 1), *sweeps(hidden, 1)], read_card("memristor"))


def test_nothing_switched_is_said(hidden):
    dead = hidden.with_values({"gamma1_per_s": 1e7})
    with pytest.raises(FitError, match="Nothing switched"):
        fit_memristor(sweeps(dead), read_card("memristor"))
