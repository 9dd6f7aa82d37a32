"""Energy and charge are kept: what the source gives is burnt or stored."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.errors import CardError, StimulusError
from labbench.features import Outcome
from labbench.model import Loading, ModelCard, read_card, simulate
from labbench.model.energy import EnergyAccount, EnergySplit, EnergyWindow, spike_energies
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Waveform

B1 = read_card("b1")
MEMRISTOR = read_card("memristor")

EDGES = PulseTrain(
    tuple(Pulse(1e-4 + 2e-3 * i, 1e-3, 1.0, 1e-5, 2e-5) for i in range(4)), duration_s=8e-3
)
STEPS = PulseTrain(tuple(Pulse(2e-3 * i, 1e-3, 1.0, 0.0, 0.0) for i in range(4)), duration_s=7.5e-3)
# It ends while the source is on and everything is charged.
CUT = Waveform([0.0, 1e-3, 1e-3, 6e-3], [0.2, 1.0, 0.7, 1.0], 6e-3)
CURRENTS = Waveform([0.0, 1e-5, 3e-3, 3e-3, 6e-3], [0.0, 1e-5, 1e-5, 2e-6, 2e-6], 6e-3, unit="A")


def assert_balanced(card: ModelCard, stimulus: Stimulus, noise: str = "off") -> None:
    made = simulate(card, stimulus, noise=noise, rtol=1e-8)
    assert made.outcome is Outcome.OK  # it switched, so there is something to balance
    e = made.energy_j
    assert e["source"] > 0
    spent_j = e["memristor"] + e["resistors"] + e["stored"]
    assert spent_j == pytest.approx(e["source"], rel=1e-6)


@pytest.mark.parametrize("noise", ["off", "random", "mean"])
@pytest.mark.parametrize("stimulus", [EDGES, STEPS, CUT], ids=["edges", "steps", "cut"])
@pytest.mark.parametrize("parallel_f", [0.0, 50e-15, 10e-12])
def test_neuron(stimulus: Stimulus, parallel_f: float, noise: str):
    assert_balanced(B1.with_values({"parallel_capacitance_f": parallel_f}), stimulus, noise)


@pytest.mark.parametrize("stimulus", [EDGES, STEPS, CUT], ids=["edges", "steps", "cut"])
@pytest.mark.parametrize(
    "fixture",
    [
        {},
        {"series_resistance_ohm": 0.0, "shunt_capacitance_f": 1e-9},
        {"series_resistance_ohm": 1e5, "shunt_resistance_ohm": 1e7},
        {"series_resistance_ohm": 1e5, "shunt_capacitance_f": 1e-10, "shunt_resistance_ohm": 1e7},
        {"series_resistance_ohm": 1e5, "parallel_capacitance_f": 1e-11},
    ],
    ids=["plain", "stiff", "resistors", "capacitance", "own capacitance"],
)
def test_memristor_on_a_voltage(stimulus: Stimulus, fixture: dict[str, float]):
    assert_balanced(MEMRISTOR.with_values(fixture), stimulus)


@pytest.mark.parametrize(
    "fixture",
    [{"shunt_resistance_ohm": 1e6}, {"shunt_resistance_ohm": 1e6, "shunt_capacitance_f": 1e-10}],
    ids=["resistor", "capacitance"],
)
def test_memristor_on_a_current(fixture: dict[str, float]):
    card = MEMRISTOR.with_values(fixture, drive="current")
    assert_balanced(card, CURRENTS)


def test_the_output_branch_is_balanced_too():
    for loading in (Loading(), Loading(10e6, 10e-12)):
        e = simulate(B1, EDGES, loading=loading).energy_j
        assert e["supply"] > 0
        assert e["load"] + e["transistor"] == pytest.approx(e["supply"], rel=1e-12)


def test_the_input_of_a_spike_is_picojoules_and_the_output_nanojoules():
    made = simulate(B1, Waveform([0.0, 0.0, 20e-3], [0.0, 0.8, 0.8], 20e-3), noise="off")
    spikes = made.solution.event_times_s("spike").size
    # Charging 10 pF to 0.7 V from 0.8 V takes 5.6 pJ.
    assert 1e-12 < made.energy_j["source"] / spikes < 20e-12
    assert 1e-9 < made.energy_j["supply"] / spikes < 20e-9


def test_kirchhoff_at_the_gate():
    # Charge through the memristor = charge on the gate + charge through the control resistor.
    made = simulate(B1, EDGES, noise="off", rtol=1e-8, interval_s=1e-7).solution
    came = np.trapezoid(made.memristor_a, made.time_s)
    left = np.trapezoid(made.node_v / B1["control_resistance_ohm"], made.time_s)
    kept = B1["gate_capacitance_f"] * (made.node_v[-1] - made.node_v[0])
    # The trapezoid is good to the square of the sampling over the 10 us gate rise.
    assert left + kept == pytest.approx(came, rel=1e-3)


def test_static_fixture_is_a_divider():
    fixture = {"series_resistance_ohm": 1e5, "shunt_resistance_ohm": 1e7}
    made = simulate(MEMRISTOR.with_values(fixture), EDGES, noise="off").solution
    series_a = (made.input - made.node_v) / 1e5
    np.testing.assert_allclose(
        series_a, made.memristor_a + made.node_v / 1e7, rtol=1e-9, atol=1e-20
    )


# Energy per spike.

T1 = read_card("t1")
BOOKS = ("source_j", "memristor_j", "resistors_j", "stored_j")


def step(voltage_v: float, duration_s: float) -> Waveform:
    return Waveform([0.0, 0.0, duration_s], [0.0, voltage_v, voltage_v], duration_s)


def train(voltage_v: float, pulses: int) -> PulseTrain:
    made = (Pulse(2e-3 * i, 1e-3, voltage_v, 1e-6, 1e-6) for i in range(pulses))
    return PulseTrain(tuple(made), duration_s=2e-3 * pulses)


def assert_closed(account: EnergyAccount) -> None:
    for window in account.windows:
        e = window.energy
        # The source of an idle stretch may give next to nothing, while the gate is used up.
        scale_j = e.source_j if window.kind == "spike" else max(abs(getattr(e, n)) for n in BOOKS)
        assert abs(e.input_gap_j) <= 1e-6 * scale_j
        assert abs(e.output_gap_j) <= 1e-9 * e.supply_j


def assert_without_gaps(account: EnergyAccount, duration_s: float) -> None:
    starts_s = [window.start_s for window in account.windows]
    assert starts_s == [0.0, *(window.end_s for window in account.windows[:-1])]
    assert account.windows[-1].end_s == duration_s
    assert all(window.end_s > window.start_s for window in account.windows)


@pytest.mark.parametrize("noise", ["off", "random", "mean"])
@pytest.mark.parametrize("parallel_f", [0.0, 50e-15])
@pytest.mark.parametrize(
    "stimulus", [step(0.8, 20e-3), step(0.65, 20e-3), train(0.8, 10), EDGES, CUT],
    ids=["dc", "slow dc", "train", "edges", "cut"],
)  # fmt: skip
def test_both_books_close_in_every_window(stimulus: Stimulus, parallel_f: float, noise: str):
    card = B1.with_values({"parallel_capacitance_f": parallel_f})
    account = spike_energies(card, stimulus, noise=noise)
    assert account.outcome is Outcome.OK
    assert len(account.spikes) > 0
    assert_closed(account)
    assert_without_gaps(account, stimulus.duration_s)


@pytest.mark.parametrize("stimulus", [step(0.8, 20e-3), train(0.8, 10)], ids=["dc", "train"])
def test_the_windows_make_up_the_record(stimulus: Stimulus):
    whole = simulate(B1, stimulus, noise="off", rtol=1e-8, interval_s=1e-6).energy_j
    total = spike_energies(B1, stimulus).total()
    for name in ("source", "memristor", "resistors"):
        assert getattr(total, f"{name}_j") == pytest.approx(whole[name], rel=1e-6)
    # The record's own samples end one interval early and are even.
    for name in ("supply", "load", "transistor"):
        assert getattr(total, f"{name}_j") == pytest.approx(whole[name], rel=2e-4)
    parts = [spike_energies(B1, stimulus).total(k) for k in ("spike", "cut", "idle", "latched")]
    assert sum(part.source_j for part in parts) == pytest.approx(total.source_j, rel=1e-12)


def test_windows_end_half_way_between_spikes():
    stimulus = step(0.65, 20e-3)
    spike_s = simulate(B1, stimulus, noise="off", rtol=1e-8).solution.event_times_s("spike")
    *spikes, idle = spike_energies(B1, stimulus).windows
    np.testing.assert_allclose([w.spike_s for w in spikes], spike_s, rtol=1e-6)
    half_way_s = (spike_s[1:] + spike_s[:-1]) / 2
    np.testing.assert_allclose([w.start_s for w in spikes[1:]], half_way_s, rtol=1e-6)
    # As far out as in, but not before the record.
    assert spikes[0].start_s == 0.0 > 2 * spike_s[0] - half_way_s[0]
    assert spikes[-1].end_s == pytest.approx(2 * spike_s[-1] - half_way_s[-1], rel=1e-6)
    assert idle.kind == "idle"


def test_a_lone_spike_takes_the_whole_record():
    stimulus = PulseTrain((Pulse(1e-4, 1e-3, 1.0),), duration_s=5e-3)
    account = spike_energies(B1, stimulus)
    (window,) = account.windows
    assert (window.kind, window.start_s, window.end_s) == ("spike", 0.0, 5e-3)
    assert account.per_spike == account.total()


def test_a_spike_cut_by_the_end_is_kept_apart():
    account = spike_energies(B1, step(0.8, 20e-3))
    # The twelfth crossing comes 33 us before the end.
    assert [w.kind for w in account.windows] == ["spike"] * 11 + ["cut"]
    assert account.per_spike is not None
    assert account.per_spike.source_j * 11 == pytest.approx(account.total("spike").source_j)


def test_no_spike_is_all_idle():
    account = spike_energies(B1, step(0.4, 5e-3))
    assert account.outcome is Outcome.DID_NOT_FIRE
    assert [w.kind for w in account.windows] == ["idle"]
    assert account.per_spike is None
    assert_closed(account)


def test_a_gate_that_never_returns_is_latched_from_its_crossing():
    account = spike_energies(T1, step(0.8, 0.1))
    crossing_s = simulate(T1, step(0.8, 0.1), noise="off").solution.event_times_s("spike")[0]
    assert account.outcome is Outcome.LATCHED
    assert [w.kind for w in account.windows] == ["idle", "latched"]
    assert account.per_spike is None
    assert account.windows[1].start_s == pytest.approx(crossing_s, abs=1e-6)
    assert account.duration_s("latched") == pytest.approx(0.1 - crossing_s, abs=1e-6)
    assert_closed(account)


def test_a_gate_that_returns_when_the_drive_ends_was_latched_until_then():
    # T1 crosses at 35 ms; Rc Cg is 2.5 ms and the drive ends at 70 ms.
    drive = Waveform([0.0, 0.0, 70e-3, 70e-3, 0.1], [0.0, 0.8, 0.8, 0.0, 0.0], 0.1)
    account = spike_energies(T1, drive)
    assert account.outcome is Outcome.LATCHED
    assert [w.kind for w in account.windows] == ["idle", "latched", "idle"]
    assert 70e-3 < account.windows[1].end_s < 75e-3
    assert_closed(account)


def test_latched_time_after_good_spikes_is_not_theirs():
    short, long = spike_energies(B1, step(0.8, 20e-3)), spike_energies(B1, step(0.8, 50e-3))
    assert long.outcome is Outcome.LATCHED
    assert long.windows[-1].kind == "latched"
    assert short.per_spike is not None
    assert long.per_spike is not None
    # The same eleven spikes, whatever comes after.
    assert len(short.spikes) == len(long.spikes) == 11
    assert long.per_spike.source_j == pytest.approx(short.per_spike.source_j, rel=1e-6)
    assert long.total("latched").source_j > 0


def test_filling_the_gate_once_takes_cg_u_v():
    # One spike into a gate that keeps its charge: Rc takes nothing, so source = Cg u V and the
    # memristor burns what does not stay on the gate.
    card = B1.with_values({"control_resistance_ohm": 1e15, "r_off_ohm": 1e18})
    u = 0.8
    account = spike_energies(card, step(u, 5e-3))
    (window,) = account.windows
    e = window.energy
    gate_v = simulate(card, step(u, 5e-3), noise="off", rtol=1e-8).solution.node_v[-1]
    assert e.source_j == pytest.approx(10e-12 * u * gate_v, rel=1e-6)
    assert e.stored_j == pytest.approx(0.5 * 10e-12 * gate_v**2, rel=1e-6)
    assert e.memristor_j == pytest.approx(10e-12 * gate_v * (u - gate_v / 2), rel=1e-6)
    assert e.resistors_j < 1e-6 * e.source_j


def test_a_dc_spike_takes_its_swing_and_what_rc_drains():
    # At constant u all charge comes at u: source = u (Cg dV + int V / Rc dt), window by window.
    u = 0.65
    made = simulate(B1, step(u, 20e-3), noise="off", rtol=1e-8, interval_s=1e-7).solution
    for window in spike_energies(B1, step(u, 20e-3)).spikes:
        inside = (made.time_s >= window.start_s) & (made.time_s <= window.end_s)
        gate_v, time_s = made.node_v[inside], made.time_s[inside]
        charge_c = 10e-12 * (gate_v[-1] - gate_v[0]) + np.trapezoid(gate_v, time_s) / 100e6
        assert window.energy.source_j == pytest.approx(u * charge_c, rel=1e-3)


def test_the_output_book_converges_with_the_square_of_the_samples():
    stimulus = train(0.8, 4)
    names = ("supply_j", "transistor_j", "load_j")

    def books(samples: int) -> np.ndarray:
        total = spike_energies(B1, stimulus, samples=samples, legs=1).total()
        return np.array([getattr(total, name) for name in names])

    best = books(3200)
    errors = np.array([abs(books(n) - best) / best for n in (50, 100, 200, 400)])
    # Four for each doubling; the smallest of the three errors, a difference, a little off.
    np.testing.assert_allclose(errors[:-1] / errors[1:], 4.0, rtol=0.35)
    # The default.
    assert np.all(errors[2] < 1e-4)


def test_a_probe_on_the_drain_keeps_its_memory_over_borders():
    plain = spike_energies(B1, train(0.8, 4))
    probed = spike_energies(B1, train(0.8, 4), loading=Loading(10e6, 1e-9))
    assert_closed(probed)
    # The probe delays and bends the drain; what happens at the gate does not know of it.
    assert probed.total().source_j == plain.total().source_j
    assert probed.total().supply_j != pytest.approx(plain.total().supply_j, rel=1e-4)


def test_random_spikes_are_those_of_the_named_stream():
    first = spike_energies(B1, train(0.8, 10), noise="random", seed=3)
    assert first == spike_energies(B1, train(0.8, 10), noise="random", seed=3)
    assert first != spike_energies(B1, train(0.8, 10), noise="random", seed=4)


def test_legs_are_no_matter():
    few, many = (spike_energies(B1, train(0.8, 10), legs=n) for n in (7, 1000))
    assert few.per_spike is not None
    assert many.per_spike is not None
    assert len(few.spikes) == len(many.spikes)
    assert few.per_spike.source_j == pytest.approx(many.per_spike.source_j, rel=1e-6)


def test_only_a_neuron_on_a_voltage_has_spikes():
    with pytest.raises(CardError, match="only a neuron"):
        spike_energies(MEMRISTOR, EDGES)
    with pytest.raises(StimulusError, match="voltage"):
        spike_energies(B1, CURRENTS)


def test_what_does_not_converge_has_no_windows():
    card = B1.with_values({"mu_per_v_s": 1e300})
    account = spike_energies(card, step(0.8, 1e-3))
    assert account == EnergyAccount(card, Outcome.NOT_CONVERGED, ())
    assert account.total() == EnergySplit()
    assert EnergyWindow("idle", 0.0, 1.0, EnergySplit()).spike_s is None
