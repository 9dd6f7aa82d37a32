"""The compliance of a source is an element of the circuit: it limits, and it says so."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from labbench.features import Outcome
from labbench.model import ModelCard, Simulation, Solution, advance, read_card, resting, simulate
from labbench.model.layout import LIMITED
from labbench.stimulus import Waveform

DEVICE = read_card("memristor").with_values({}, polarity="symmetric")
# Nothing but the fixture: 1 MOhm in series, 10 MOhm and 1 nF to ground.
EMPTY = ModelCard(
    circuit="memristor",
    polarity="symmetric",
    values={
        "mu_per_v_s": 0.0,
        "r_on_ohm": 1e20,
        "r_off_ohm": 1e21,
        "series_resistance_ohm": 1e6,
        "shunt_capacitance_f": 1e-9,
    },
)
NEURON = read_card("b1").with_values({"kappa_per_s": 0.0})
UP_AND_DOWN = (np.array([0.0, 1e-3, 4e-3, 5e-3]), np.array([0.0, 1.0, 1.0, 0.0]), 10e-3)


def play(card: ModelCard, level: float, sample_s=None, rtol: float = 1e-8) -> Simulation:
    """Play a trapezoid to a level; samples at 2000 times by default."""
    unit = "V" if card.drive == "voltage" else "A"
    corner_s, shape, end_s = UP_AND_DOWN
    drive = Waveform(corner_s, level * shape, end_s, unit=unit)
    sample_s = np.linspace(0.0, end_s, 2001) if sample_s is None else sample_s
    return simulate(card, drive, noise="off", sample_s=sample_s, rtol=rtol)


def constant(card: ModelCard, level: float, sample_s) -> Solution:
    """Let a source stand at a level from time zero on."""
    sample_s = np.asarray(sample_s)
    return advance(
        card, resting(card), np.zeros(1), np.full(1, level), sample_s, noise="off", rtol=1e-10
    )


def source_a(card: ModelCard, solution: Solution) -> np.ndarray:
    """Return what a fixture's source gives, from what node and device show."""
    return solution.memristor_a + solution.node_v / card["shunt_resistance_ohm"]


CARDS = {
    "voltage, static": DEVICE.with_values(
        {"compliance_a": 1e-6, "series_resistance_ohm": 1e4, "shunt_resistance_ohm": 1e8}
    ),
    "voltage, stiff": DEVICE.with_values({"compliance_a": 1e-6, "series_resistance_ohm": 0.0}),
    "voltage, node": DEVICE.with_values(
        {
            "compliance_a": 1e-6,
            "series_resistance_ohm": 1e4,
            "shunt_resistance_ohm": 1e8,
            "shunt_capacitance_f": 1e-10,
        }
    ),
    "current, static": DEVICE.with_values(
        {"compliance_v": 0.3, "shunt_resistance_ohm": 1e8}, drive="current"
    ),
    "current, node": DEVICE.with_values(
        {"compliance_v": 0.3, "shunt_resistance_ohm": 1e8, "shunt_capacitance_f": 1e-10},
        drive="current",
    ),
    "neuron": NEURON.with_values({"compliance_a": 3e-7}),
    "neuron, source": NEURON.with_values({"compliance_a": 3e-7, "source_resistance_ohm": 3e5}),
}
FIXTURES = [name for name in CARDS if "neuron" not in name]
SIGNS = pytest.mark.parametrize("sign", [1.0, -1.0])


def level_of(name: str) -> float:
    return 2e-6 if "current" in name else (1.2 if "voltage" in name else 1.0)


# The filament of a neuron takes positive voltage.
@pytest.mark.parametrize(
    ("name", "sign"), [(n, s) for n in CARDS for s in (1.0, -1.0) if s > 0 or n in FIXTURES]
)
def test_the_books_close(name: str, sign: float):
    made = play(CARDS[name], sign * level_of(name))
    assert made.outcome is Outcome.COMPLIANCE
    assert made.solution.event_times_s("on").size >= 1
    # All of them leave it again when the drive falls.
    assert not made.solution.state.flags[LIMITED]
    energy = made.energy_j
    spent_j = energy["memristor"] + energy["resistors"] + energy["stored"]
    assert energy["source"] == pytest.approx(spent_j, rel=1e-6)
    assert min(energy["source"], energy["memristor"], energy["resistors"]) >= 0.0


@pytest.mark.parametrize("name", CARDS)
def test_pieces_are_one_go(name: str):
    card = CARDS[name]
    corner_s, shape, end_s = UP_AND_DOWN
    level = level_of(name) * shape
    whole = advance(
        card, resting(card), corner_s, level, np.array([end_s]), noise="off", rtol=1e-10
    )
    state, events, was_limited = resting(card), [], 0
    for cut_s in np.linspace(0.0, end_s, 1117)[1:]:
        piece = advance(card, state, corner_s, level, np.array([cut_s]), noise="off", rtol=1e-10)
        state = piece.state
        events += piece.events
        was_limited += state.flags[LIMITED]
        # A piece that begins in compliance is in compliance, though it has no event of it.
        if state.flags[LIMITED]:
            assert piece.outcome is Outcome.COMPLIANCE
    assert was_limited > 0
    assert [e.kind for e in events] == [e.kind for e in whole.events]
    assert_allclose([e.time_s for e in events], [e.time_s for e in whole.events], atol=1e-8)
    assert_allclose(state.y[:4], whole.state.y[:4], rtol=1e-4, atol=1e-9)
    assert_allclose(state.y[5:], whole.state.y[5:], rtol=1e-6)


@pytest.mark.parametrize("name", FIXTURES)
@SIGNS
def test_the_other_sign_is_the_mirror(name: str, sign: float):
    made = play(CARDS[name], sign * level_of(name)).solution
    plus = play(CARDS[name], level_of(name)).solution
    assert_array_equal(made.event_s, plus.event_s)
    assert_array_equal(made.node_v, sign * plus.node_v)
    assert_array_equal(made.memristor_a, sign * plus.memristor_a)


@pytest.mark.parametrize("name", ["voltage, static", "voltage, stiff"])
def test_a_voltage_source_gives_its_compliance_and_no_more(name: str):
    card = CARDS[name]
    made = play(card, 1.2).solution
    given_a = source_a(card, made)
    assert given_a.max() == pytest.approx(1e-6, rel=1e-9)
    limited = given_a > 1e-6 * (1 - 1e-9)
    # The voltage of the device falls to what the closed filament needs, 50 mV at 4 ms.
    assert made.node_v[780] == pytest.approx(0.05, rel=0.01)
    free = ~limited
    assert_allclose(
        made.node_v[free] + card["series_resistance_ohm"] * given_a[free],
        made.input[free],
        atol=1e-9,
    )


def test_with_a_capacitance_its_current_is_limited_too():
    card = CARDS["voltage, node"]
    made = play(card, 1.2).solution
    # From the terminal: never more than the compliance; the node takes what the device leaves.
    wanted_a = (made.input - made.node_v) / card["series_resistance_ohm"]
    dv = np.gradient(made.node_v, made.time_s)
    between = slice(500, 780)
    assert wanted_a[between].min() > 1e-6
    # Half of the plateau later nothing changes any more.
    assert_allclose(dv[between], 0.0, atol=1e-3)
    assert_allclose(source_a(card, made)[between], 1e-6, rtol=1e-6)


def test_a_current_source_holds_its_compliance():
    for name in ("current, static", "current, node"):
        made = play(CARDS[name], 2e-6).solution
        assert made.node_v.max() == pytest.approx(0.3, rel=1e-9)
        held = np.isclose(made.node_v, 0.3, rtol=1e-9)
        assert held.sum() > 5
        assert np.all(source_a(CARDS[name], made)[held] <= made.input[held] * (1 + 1e-9))


def test_constant_current_charges_in_a_straight_line():
    # 1 V behind 1 MOhm wants 1 uA; limited to 0.2, it charges 1 nF by 0.2 V a millisecond to
    # 0.8 V, and from there on by the resistance.
    card = EMPTY.with_values({"compliance_a": 2e-7})
    times_s = np.array([1e-3, 2e-3, 3.9e-3, 4e-3, 5e-3, 7e-3])
    for sign in (1.0, -1.0):
        made = constant(card, sign, times_s)
        assert_array_equal(made.event_times_s("compliance"), [0.0])
        late = 1 - 0.2 * np.exp(-(times_s - 4e-3) / 1e-3)
        expected = np.where(times_s < 4e-3, 200.0 * times_s, late)
        assert_allclose(made.node_v, sign * expected, atol=1e-7)
        assert not made.state.flags[LIMITED]


@SIGNS
def test_a_ramp_reaches_the_compliance_by_the_time_constant(sign: float):
    # Behind a ramp s t the capacitance takes s C (1 - e^(-t / tau)).
    card, slope, tau_s = EMPTY.with_values({"compliance_a": 6e-7}), 1000.0, 1e-3
    made = advance(
        card,
        resting(card),
        np.array([0.0, 10e-3]),
        np.array([0.0, sign * slope * 10e-3]),
        np.array([10e-3]),
        noise="off",
        rtol=1e-9,
    )
    expected_s = -tau_s * np.log(1 - 6e-7 / (slope * 1e-9))
    assert made.event_times_s("compliance") == pytest.approx(expected_s, abs=1e-9)
    assert made.outcome is Outcome.COMPLIANCE


@SIGNS
def test_a_current_source_reaches_its_compliance_by_the_time_constant(sign: float):
    # I R (1 - e^(-t / tau)) with R = 10 MOhm and C = 1 nF.
    card = EMPTY.with_values(
        {"compliance_v": 0.5, "shunt_resistance_ohm": 1e7, "series_resistance_ohm": 50.0},
        drive="current",
    )
    made = constant(card, sign * 1e-7, [20e-3, 30e-3])
    at_s = -10e-3 * np.log(1 - 0.5 / 1.0)
    assert made.event_times_s("compliance") == pytest.approx(at_s, abs=1e-9)
    assert_array_equal(made.node_v, sign * 0.5)
    # Off: it leaves the compliance at once, and the node decays.
    after = advance(
        card, made.state, np.zeros(1), np.zeros(1), np.array([40e-3]), noise="off", rtol=1e-10
    )
    assert not after.state.flags[LIMITED]
    assert after.node_v[0] == pytest.approx(sign * 0.5 * np.exp(-1.0), rel=1e-8)


@SIGNS
def test_a_current_source_that_turns_over_leaves_its_compliance(sign: float):
    # It would be wrong to hold the node where the current no longer comes from.
    card = EMPTY.with_values({"compliance_v": 0.5, "shunt_resistance_ohm": 1e7}, drive="current")
    held = constant(card, sign * 1e-7, [20e-3]).state
    assert held.flags[LIMITED]
    times_s = 20e-3 + np.array([1e-3, 20e-3])
    made = advance(
        card, held, np.zeros(1), np.full(1, -sign * 1e-7), times_s, noise="off", rtol=1e-10
    )
    # From 0.5 V towards -1 V by 10 ms, and held at -0.5 V.
    assert made.node_v[0] == pytest.approx(sign * (-1 + 1.5 * np.exp(-0.1)), rel=1e-8)
    assert made.node_v[1] == -sign * 0.5
    assert made.event_times_s("compliance") == pytest.approx(20e-3 + 10e-3 * np.log(3), abs=1e-9)


def test_a_voltage_source_that_turns_over_drives_the_other_way():
    card = EMPTY.with_values({"compliance_a": 2e-7})
    half = constant(card, 1.0, [1e-3]).state
    made = advance(
        card, half, np.zeros(1), np.full(1, -1.0), np.array([2e-3]), noise="off", rtol=1e-10
    )
    assert half.flags[LIMITED]
    assert made.node_v[0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("series_ohm", [0.0, 3e5])
def test_a_neuron_in_compliance_charges_its_gate_by_it(series_ohm: float):
    limit_a, drive_v = 3e-7, 0.9
    card = NEURON.with_values({"compliance_a": limit_a, "source_resistance_ohm": series_ohm})
    reached_s = constant(card, drive_v, [5e-3]).event_times_s("compliance")[0]
    times_s = np.r_[reached_s, reached_s + np.linspace(2e-6, 4e-5, 96), 5e-3]
    made = constant(card, drive_v, times_s)
    assert made.event_times_s("on")[0] == pytest.approx(reached_s, abs=1e-6)
    # Towards I Rc with Rc Cg = 1 ms, until closed memristor and source take the rest of the drive.
    end_v, kink_v = limit_a * 1e8, drive_v - limit_a * (1e6 + series_ohm)
    charge_v = end_v + (made.node_v[0] - end_v) * np.exp(-(times_s - reached_s) / 1e-3)
    limited = charge_v < kink_v - 1e-6
    assert 20 < limited.sum() < 80
    assert_allclose(made.node_v[limited], charge_v[limited], rtol=1e-7)
    assert_allclose(made.memristor_a[limited], limit_a, rtol=1e-7)
    assert made.memristor_a[~limited].max() < limit_a
    # It spikes, and says that it was limited.
    assert made.event_times_s("spike").size
    assert made.outcome is Outcome.COMPLIANCE


def test_a_source_at_its_compliance_from_the_beginning_says_so_once():
    static = EMPTY.with_values(
        {"shunt_capacitance_f": 0.0, "compliance_a": 1e-8, "shunt_resistance_ohm": 1e6}
    )
    made = constant(static, 1.0, [0.0, 1e-3])
    assert [event.kind for event in made.events] == ["compliance"]
    assert_allclose(made.node_v, 1e-2, rtol=1e-12)
    later = advance(static, made.state, np.zeros(1), np.ones(1), np.array([2e-3]), noise="off")
    assert not later.events
    assert later.outcome is Outcome.COMPLIANCE


def test_a_compliance_that_is_not_reached_changes_nothing():
    for name in CARDS:
        high = {"compliance_v": 1e3} if "current" in name else {"compliance_a": 1e3}
        none = dict.fromkeys(high, np.inf)
        free, far = (
            play(CARDS[name].with_values(one), level_of(name)).solution for one in (none, high)
        )
        assert free.outcome is far.outcome is Outcome.OK
        assert_array_equal(free.event_s, far.event_s)
        assert_array_equal(free.samples, far.samples)
