"""Steps of the source reach the gate through the capacitance across the memristor."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Outcome
from labbench.model import advance, read_card, resting, simulate
from labbench.stimulus import Pulse, PulseTrain, Waveform

COUPLED = read_card("b1").with_values({"parallel_capacitance_f": 10e-12})
# Half of each step arrives: Cp / (Cp + Cg).
SHARE = 0.5


@pytest.mark.parametrize("start_s", [0.0, -1e-4])
def test_first_middle_and_last_step(start_s: float):
    drive = Waveform([0.0, 1e-5, 1e-5, 2e-5], [0.1, 0.1, 0.3, 0.3], 4e-5)
    after_s = np.array([0.0, 1e-5, 2e-5]) + 1e-9
    made = simulate(COUPLED, drive, noise="off", sample_s=np.r_[start_s, after_s]).solution
    # Between steps the gate loses 1e-5 s / (2 Cg Rc) = 0.5 % of what it has.
    first, second, last = made.node_v[1:]
    assert first == pytest.approx(SHARE * 0.1, rel=1e-3)
    assert second - first == pytest.approx(SHARE * 0.2, abs=1e-3)
    assert last - second == pytest.approx(-SHARE * 0.3, abs=1e-3)


@pytest.mark.parametrize("cut_s", [0.0, 0.5e-5, 1e-5, 1.5e-5, 2e-5])
def test_a_step_counts_once_wherever_the_integration_is_cut(cut_s: float):
    corner_s = np.array([0.0, 0.0, 1e-5, 1e-5, 2e-5, 2e-5])
    level = np.array([0.0, 0.1, 0.1, 0.3, 0.3, 0.0])
    end_s = np.array([3e-5])
    whole = advance(COUPLED, resting(COUPLED), corner_s, level, end_s, noise="off")
    half = advance(COUPLED, resting(COUPLED), corner_s, level, np.array([cut_s]), noise="off")
    rest = advance(COUPLED, half.state, corner_s, level, end_s, noise="off")
    assert rest.node_v[0] == pytest.approx(whole.node_v[0], rel=1e-6)
    assert rest.state.y == pytest.approx(whole.state.y, rel=1e-6)


def test_a_source_that_jumps_between_pieces_couples_as_a_step():
    quiet = advance(
        COUPLED, resting(COUPLED), np.zeros(1), np.zeros(1), np.array([1e-5]), noise="off"
    )
    after_s = np.array([1e-5 + 1e-9])
    jumped = advance(COUPLED, quiet.state, np.array([1e-5]), np.array([0.2]), after_s, noise="off")
    assert jumped.node_v[0] == pytest.approx(SHARE * 0.2, rel=1e-3)


def test_a_step_is_the_limit_of_a_steep_edge():
    def gate_v(edge_s: float) -> np.ndarray:
        train = PulseTrain((Pulse(1e-4, 2e-3, 0.8, edge_s, edge_s),), 4e-3)
        between_s = np.arange(1.5e-6, 4e-3, 1e-5)  # never on an edge
        made = simulate(COUPLED, train, noise="off", rtol=1e-8, sample_s=between_s)
        return made.solution.node_v

    # The edge of 1e-10 s delays by half of that, and the gate moves by 1e5 V/s at most.
    np.testing.assert_allclose(gate_v(1e-10), gate_v(0.0), atol=1e-4)


def test_a_step_that_lifts_the_gate_over_its_threshold_is_a_spike_at_once():
    drive = Waveform([1e-4, 1e-4, 3e-4], [0.0, 0.5, 0.5], 3e-4)
    made = simulate(COUPLED, drive, noise="off")
    assert made.outcome is Outcome.OK
    np.testing.assert_array_equal(made.solution.event_times_s("spike"), [1e-4])


def test_without_capacitance_nothing_couples():
    card = COUPLED.with_values({"parallel_capacitance_f": 0.0})
    drive = Waveform([0.0, 1e-5], [0.3, 0.3], 2e-5)
    made = simulate(card, drive, noise="off", sample_s=np.array([0.0, 1e-9])).solution
    assert made.node_v[1] < 1e-9
