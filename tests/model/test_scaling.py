"""The path from picojoules to attojoules: simulated as stated, beside what is published."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.features import Outcome
from labbench.model import PARAMETERS, ModelCard, read_card, simulate
from labbench.model.closed_forms import threshold_voltage_v
from labbench.model.energy import spike_energies
from labbench.model.scaling import OURS, PAPER, ScalingRow, scaling_table
from labbench.stimulus import Pulse, PulseTrain, Waveform


@pytest.fixture(scope="module")
def rows() -> tuple[ScalingRow, ...]:
    return scaling_table()


def test_every_row_spikes_and_closes_its_books(rows: tuple[ScalingRow, ...]):
    assert [row.card.name for row in rows] == ["t1", "65nm", "3nm"]
    for row in rows:
        e = row.energy
        assert e is not None
        assert row.spikes > 0
        assert abs(e.input_gap_j) < 1e-6 * e.source_j
        assert abs(e.output_gap_j) < 1e-9 * e.supply_j


def test_the_input_goes_from_picojoules_to_attojoules(rows: tuple[ScalingRow, ...]):
    bench, node_65, node_3 = (row.energy for row in rows)
    assert bench is not None
    assert node_65 is not None
    assert node_3 is not None
    assert 1e-12 < node_65.source_j < bench.source_j < 10e-12
    assert 0.3e-18 < node_3.source_j < 3e-18
    # What no figure says: the supply takes more than the input at every size.
    assert bench.supply_j > 100 * bench.source_j
    assert node_65.supply_j > node_65.source_j
    assert node_3.supply_j > 1e5 * node_3.source_j


def test_the_input_is_about_the_charge_of_the_gate(rows: tuple[ScalingRow, ...]):
    # The gate need not be empty before nor full after; Rc drains it meanwhile.
    for row in rows:
        assert row.energy is not None
        assert 0.5 < row.energy.source_j / row.gate_charge_j < 1.5


def test_every_row_says_what_it_assumes(rows: tuple[ScalingRow, ...]):
    for row in rows:
        assert {a.origin for a in row.assumptions} == {PAPER, OURS}
        assert all(a.sentence.endswith(".") for a in row.assumptions)
        assert f"{row.published_j:.3g} J" in row.comparison


def test_cards_that_latch_say_so(rows: tuple[ScalingRow, ...]):
    for row in rows[:2]:
        assert row.outcome is Outcome.LATCHED
        assert 0.1 < row.latched_s < 0.5


def test_all_rows_are_driven_alike(rows: tuple[ScalingRow, ...]):
    assert {row.amplitude_v for row in rows} == {0.45}
    for row in rows:
        decay = row.card["gamma1_per_s"] * row.period_s
        assert decay == pytest.approx(1.2, rel=1e-12)


def slowed(card: ModelCard, factor: float) -> ModelCard:
    """Return a neuron that does the same, slower by a factor, with as much more energy.

    With rates over the factor and capacitances times it, equations (1) to (7) are those of the
    card at ``t / factor``: voltages, currents and powers stay, times and energies grow.
    """
    powers = {"1/s": -1, "1/(V s)": -1, "F": 1, "s": 1}
    changed = {
        name: value * factor ** powers[unit]
        for name, value in card.values.items()
        if (unit := PARAMETERS[name].unit) in powers
    }
    return card.with_values(changed)


@pytest.mark.parametrize("factor", [1e-5, 1e-2, 1e3])
def test_nothing_in_the_integrator_knows_how_long_a_second_is(factor: float):
    card = read_card("b1")

    def events(scale: float):
        drive = Waveform([0.0, 1e-6 * scale, 20e-3 * scale], [0.0, 0.65, 0.65], 20e-3 * scale)
        return simulate(slowed(card, scale), drive, seed=3).solution.events

    here, there = events(1.0), events(factor)
    assert [event.kind for event in here] == [event.kind for event in there]
    assert len(here) > 30
    # The same steps but for rounding, which every turn-off amplifies.
    np.testing.assert_allclose(
        [event.time_s for event in there], [event.time_s * factor for event in here], rtol=1e-5
    )


def test_the_two_projections_are_one_filament():
    node_65, node_3 = read_card("65nm"), read_card("3nm")
    slow = slowed(node_3, 1e5)
    for name in ("mu_per_v_s", "alpha", "beta_per_s", "gamma1_per_s", "gamma2_per_s", "lambda"):
        assert slow[name] == pytest.approx(node_65[name], rel=1e-12)
    assert threshold_voltage_v(node_3) == pytest.approx(threshold_voltage_v(node_65), rel=1e-12)


def test_a_slowed_neuron_does_the_same_slower():
    card = read_card("b1").with_values({"parallel_capacitance_f": 50e-15})
    fast, slow = (
        spike_energies(
            slowed(card, factor),
            PulseTrain(
                tuple(
                    Pulse(2e-3 * i * factor, 1e-3 * factor, 0.8, 1e-6 * factor, 1e-6 * factor)
                    for i in range(5)
                ),
                duration_s=10e-3 * factor,
            ),
            noise="mean",
        )
        for factor in (1.0, 16.0)
    )
    assert fast.per_spike is not None
    assert slow.per_spike is not None
    assert len(fast.spikes) == len(slow.spikes) > 1
    for name in ("source_j", "memristor_j", "resistors_j"):
        ratio = getattr(slow.per_spike, name) / getattr(fast.per_spike, name)
        assert ratio == pytest.approx(16.0, rel=1e-5)
    assert slow.per_spike.supply_j == pytest.approx(16 * fast.per_spike.supply_j, rel=1e-4)
