"""Cards that cannot be told from one another answer the same stimuli."""

from dataclasses import replace

import numpy as np
import pytest

from labbench.compare import compare_responses, play_again
from labbench.compare.playing import _share
from labbench.features import Response
from labbench.model import read_card, simulate
from labbench.stimulus import Pulse, PulseTrain, Sweep
from labbench.trace import Channel, Trace

B1 = read_card("b1")


@pytest.fixture(scope="module")
def measured():
    trains = [PulseTrain((Pulse(0.0, 2e-3, v),), duration_s=3e-3) for v in (0.75, 0.9, 1.2)] * 25
    singles = [
        Response(t, simulate(B1, t, seed=8, trial=i, interval_s=1e-6, start_s=-1e-4).trace)
        for i, t in enumerate(trains)
    ]
    return {"threshold_firing": singles, "stochasticity": singles}


def rows_of(measured, card, **options):
    made = play_again(measured, card, seed=9)
    return {row.feature: row for row in compare_responses(measured, made, seed=9, **options)}


def test_what_two_properties_read_is_played_once(measured):
    made = play_again(measured, B1, seed=9)
    assert made.pairs == []
    assert made.responses["stochasticity"][0] is made.responses["threshold_firing"][0]
    assert len(made.responses["stochasticity"]) == 2 * 75


def test_an_exact_card_that_is_wrong_disagrees_and_one_with_a_doubt_does_not(measured):
    off = B1.with_values({"mu_per_v_s": 0.96 * B1["mu_per_v_s"]})
    exact = rows_of(measured, off)
    latency = "latency at amplitude_v=1.2"
    assert exact[latency].verdict == "disagrees"
    assert exact[latency].card_stderr == 0.0
    doubt = rows_of(measured, replace(off, stderr={"mu_per_v_s": 0.05 * off["mu_per_v_s"]}))
    assert {row.verdict for row in doubt.values()} <= {"agrees", "cannot tell"}
    row = doubt[latency]
    assert row.within
    # d ln latency / d ln mu is about -1.8 at twice the threshold.
    assert row.card_stderr / row.simulated.value == pytest.approx(1.8 * 0.05, rel=0.15)
    assert row.simulated.stderr**2 == pytest.approx(row.card_stderr**2 + row.trials_stderr**2)


def test_sweeps_without_times_are_told_apart_by_their_voltages():
    trace = Trace({"memristor": Channel(np.zeros(3), "current", "A")}, interval_s=1.0)
    sweeps = [Sweep(np.array([0.0, v, 0.0]), None) for v in (0.5, 0.5, 1.0, 1.0)]
    assert _share([Response(sweep, trace) for sweep in sweeps]) == [0, 2]


def test_distributions_have_rows_of_their_own(measured):
    rows = rows_of(measured, B1)
    laws = [row for name, row in rows.items() if name.startswith("latency_distribution")]
    assert len(laws) == 3
    assert {row.verdict for row in laws} <= {"agrees", "cannot tell"}
    assert all(row.property == "stochasticity" and row.p_value > 0.01 for row in laws)
    noisier = rows_of(measured, B1.with_values({"eta": 0.3}))
    law = noisier["latency_distribution at amplitude_v=0.75, width_s=0.002"]
    assert law.verdict == "disagrees"


def test_a_row_says_whether_a_fit_saw_it(measured):
    singles = measured["threshold_firing"]
    seen = {id(r): r.stimulus.pulses[0].amplitude_v < 0.8 for r in singles}
    rows = rows_of(measured, B1, fitted=seen)
    assert rows["latency at amplitude_v=0.75"].role == "fitted"
    assert rows["latency at amplitude_v=1.2"].role == "held out"
    # Drawn from all of them.
    assert rows["threshold_voltage"].role == "fitted"
    assert {row.role for row in rows_of(measured, B1).values()} == {""}


def test_the_right_card_is_within_its_intervals(measured):
    inside = [row.within for row in rows_of(measured, B1).values() if row.within is not None]
    assert len(inside) > 10
    assert sum(inside) >= 0.85 * len(inside)
