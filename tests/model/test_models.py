"""The named models: what each adds to the shared equations, one switch at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from labbench.errors import CardError
from labbench.model import ModelCard, Solution, advance, read_card, resting, simulate
from labbench.model.constants import pack
from labbench.model.layout import NOISE, NOISE_OFF
from labbench.stimulus import Waveform

# Seeds are fixed: a test that passes always passes; a correct model fails one seed in a thousand.
LEAST_P = 1e-3

B1, REF = read_card("b1"), read_card("ref")
# The reference memristor on a stiff source, with every quirk off.
STIFF = {"series_resistance_ohm": 0.0, "shunt_capacitance_f": 0.0}
PLAIN = REF.with_values(
    {
        **STIFF,
        "rate_max_per_s": np.inf,
        "current_clip_a": np.inf,
        "noise_interval_s": 0.0,
        "parallel_capacitance_f": 0.0,
    },
    polarity="positive",
)


def constant(level: float, end_s: float, unit: str = "V") -> Waveform:
    return Waveform([0.0, end_s], [level, level], end_s, unit=unit)


def run(card: ModelCard, drive: Waveform, sample_s=None, **fields) -> Solution:
    sample_s = np.array([0.0, drive.duration_s]) if sample_s is None else sample_s
    return simulate(card, drive, sample_s=sample_s, **{"noise": "off", **fields}).solution


def in_pieces(card: ModelCard, drive: Waveform, cuts_s, **fields) -> list[Solution]:
    state, pieces = resting(card), []
    for cut_s in cuts_s:
        times_s = np.array([state.time_s, cut_s])
        pieces.append(advance(card, state, *drive.breakpoints(), times_s, **fields))
        state = pieces[-1].state
    return pieces


# bench.


@pytest.mark.parametrize("duration_s", [1e-3, 20e-3, 1.0])
def test_a_ramp_from_zero_volt_knows_its_sign(duration_s: float):
    card = read_card("memristor").with_values({"series_resistance_ohm": 0.0})

    def ramp(sign: int, polarity: str) -> Solution:
        drive = Waveform([0.0, duration_s], [0.0, 1.2 * sign], duration_s)
        return run(card.with_values({}, polarity=polarity), drive, rtol=1e-5)

    up, down = ramp(1, "symmetric"), ramp(-1, "symmetric")
    assert up.event_times_s("on").size == 1
    assert_array_equal(up.event_s, down.event_s)
    # Against a positive polarity the filament does not move at all.
    assert_array_equal(ramp(-1, "positive").state.y[:2], 0.0)


def test_a_negative_edge_leaves_no_filament_below_zero():
    card = read_card("memristor").with_values({"series_resistance_ohm": 0.0})
    drive = Waveform([0.0, 1e-3, 1e-3, 5e-3], [0.0, -1.0, 1.0, 1.0], 5e-3)
    on_s = run(card, drive, rtol=1e-8).event_times_s("on")
    assert on_s == pytest.approx(
        1e-3 + run(card, constant(1.0, 1e-3), rtol=1e-8).event_times_s("on"), abs=1e-11
    )


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_a_mirrored_drive_gives_mirrored_currents(rtol: float):
    card = read_card("memristor").with_values({"shunt_capacitance_f": 1e-9}, polarity="symmetric")
    corner_s, level = [0.0, 1e-3, 3e-3, 4e-3, 7e-3], np.array([0.0, 1.2, 1.2, -1.0, -1.0])
    sample_s = np.linspace(0.0, 8e-3, 801)
    up, down = (
        run(card, Waveform(corner_s, sign * level, 8e-3), sample_s, rtol=rtol, noise="random")
        for sign in (1, -1)
    )
    assert up.event_times_s("on").size >= 2
    assert_array_equal(up.event_s, down.event_s)
    assert_array_equal(up.memristor_a, -down.memristor_a)
    assert_array_equal(up.samples[:, :2], down.samples[:, :2])


# ref-2026.


def test_with_a_cap_the_latency_hardly_knows_the_voltage():
    capped = PLAIN.with_values({"rate_max_per_s": 1.0})

    def on_s(card: ModelCard, voltage_v: float, rtol: float = 1e-8) -> float:
        return float(run(card, constant(voltage_v, 3.0), rtol=rtol).event_times_s("on")[0])

    # At the cap f = t, and r the little that leaks: dr/dt = beta t - gamma2 r.
    beta, gamma2 = capped["beta_per_s"], capped["gamma2_per_s"]
    for voltage_v in (5.0, 10.0):
        at_s = on_s(capped, voltage_v)
        r = beta * (at_s / gamma2 - (1 - np.exp(-gamma2 * at_s)) / gamma2**2)
        assert at_s + r == pytest.approx(1.0, abs=1e-7)
    assert on_s(PLAIN, 10.0) < 0.5 * on_s(PLAIN, 5.0)


@pytest.mark.parametrize("cap", [1.0, 20.0, np.inf])
def test_a_located_kink_converges_as_none(cap: float):
    # Growth is fast at first, below the cap in the middle, and at the cap again behind it.
    card = PLAIN.with_values({"rate_max_per_s": cap})
    drive = Waveform([0.0, 0.05, 2.0], [0.0, 1.0, 1.0], 2.0)
    best = run(card, drive, rtol=1e-12).event_times_s("on")[0]
    errors_s = [
        abs(run(card, drive, rtol=rtol).event_times_s("on")[0] - best)
        for rtol in (1e-4, 1e-6, 1e-8)
    ]
    for error_s, most in zip(errors_s, (1e-3, 1e-5, 1e-7), strict=True):
        assert error_s < most * best


@pytest.mark.parametrize(("polarity", "closes"), [("symmetric", True), ("positive", False)])
def test_a_negative_pulse_closes_the_filament_without_a_current(polarity: str, closes: bool):
    card = PLAIN.with_values({"current_clip_a": 1e-2}, polarity=polarity)
    made = run(card, constant(-1.5, 2.0), np.linspace(0.0, 2.0, 201))
    assert bool(made.event_times_s("on").size) is closes
    assert_array_equal(made.memristor_a, 0.0)


@pytest.mark.parametrize("static", [True, False])
def test_the_current_is_cut(static: bool):
    # Closed, the device would take 1 V / 17 kOhm = 59 uA; behind 100 kOhm it is cut to 5.
    node = {"shunt_capacitance_f": 0.0 if static else 1e-9, "series_resistance_ohm": 1e5}
    card = PLAIN.with_values({"current_clip_a": 5e-6, **node})
    made = simulate(card, constant(1.5, 2.0), noise="off", rtol=1e-8)
    solution = made.solution
    assert solution.event_times_s("on").size == 1
    assert solution.memristor_a[-1] == 5e-6
    # (1.5 V - V) / 100 kOhm = 5 uA + V / 10 MOhm.
    node_v = (1.5 - 0.5) / (1 + 1e5 / 1e7)
    assert solution.node_v[-1] == pytest.approx(node_v, rel=1e-6)
    close_books(made.energy_j)


def close_books(energy_j) -> None:
    spent_j = energy_j["memristor"] + energy_j["resistors"] + energy_j["stored"]
    assert energy_j["source"] == pytest.approx(spent_j, rel=1e-6)


def test_a_device_that_takes_no_current_leaves_its_node_to_the_shunt():
    divider = {"series_resistance_ohm": 1e7, "shunt_resistance_ohm": 1e7}
    card = PLAIN.with_values({"current_clip_a": 1e-2, **divider}, polarity="symmetric")
    made = run(card, constant(-4.0, 1.0), np.array([0.5, 1.0]))
    assert made.event_times_s("on").size == 1
    # The stimulus is over at its end.
    assert_allclose(made.node_v, [-2.0, 0.0], rtol=1e-12)


def test_a_parallel_capacitance_of_the_fixture_is_one_to_ground():
    across, ground = (
        run(PLAIN.with_values({"series_resistance_ohm": 1e4, **values}), constant(1.5, 1.0))
        for values in ({"parallel_capacitance_f": 1e-7}, {"shunt_capacitance_f": 1e-7})
    )
    assert across.event_times_s("on").size == 1
    assert_array_equal(across.event_s, ground.event_s)
    assert_array_equal(across.node_v, ground.node_v)


def test_in_a_neuron_it_passes_its_share_of_an_edge():
    card = ModelCard(model="ref-2026", values={"current_clip_a": np.inf})
    made = run(card, constant(0.1, 1e-6), np.array([0.0, 1e-9]))
    # 10 pF of the device and 10 pF of the gate: half, less what Rc takes in a nanosecond.
    assert made.node_v[-1] == pytest.approx(0.05, rel=1e-5)


# Noise in intervals.

INTERVALS = PLAIN.with_values({"noise_interval_s": 1e-3, "eta": 0.05})
ON_DRIVE = constant(1.1, 0.6)


@pytest.mark.parametrize("rtol", [1e-5, 1e-7])
def test_shrinking_intervals_do_not_depend_on_the_tolerance(rtol: float):
    sample_s = np.linspace(0.0, 0.6, 61)
    best, made = (
        run(INTERVALS, ON_DRIVE, sample_s, noise="random", rtol=one) for one in (1e-10, rtol)
    )
    quiet = run(INTERVALS, ON_DRIVE, sample_s)
    assert_allclose(made.f, best.f, rtol=0, atol=2e3 * rtol)
    assert np.abs(quiet.f - best.f).max() > 0.02


CUTS_S = {
    "at borders": 1e-3 * np.arange(1, 601),
    "inside": np.r_[np.linspace(0.0, 0.6, 78)[1:]],
    "many inside one": np.r_[0.1 + np.linspace(1e-5, 9.9e-4, 40), 0.6],
    "next to a border": np.r_[0.1 - 1e-13, 0.1, 0.1 + 1e-13, 0.3 + 1e-13, 0.6],
}
NOISY_NE = ModelCard(
    model="ne-si-2025",
    circuit="memristor",
    values={
        **STIFF,
        "mu_per_v_s": 1500.0,
        "sigma1": 2e-3,
        "sigma2": 2e-3,
        "noise_interval_s": 1e-3,
    },
)
TCASAI = ModelCard(
    model="tcasai-2024", circuit="memristor", values={**STIFF, "gamma1_per_s": 100.0}
)
NOISY_TCASAI = TCASAI.with_values(
    {"sigma1": 0.5, "sigma2": 0.5, "sigma3": 0.5, "noise_interval_s": 1e-3}
)


@pytest.mark.parametrize("cuts", CUTS_S)
@pytest.mark.parametrize("card", [INTERVALS, NOISY_NE, NOISY_TCASAI], ids=lambda c: c.model)
def test_pieces_are_one_go(card: ModelCard, cuts: str):
    drive = Waveform([0.0, 0.3, 0.5], [1.1, 1.1, 0.0], 0.6)
    whole = in_pieces(card, drive, [0.6], rtol=1e-9)[0]
    pieces = in_pieces(card, drive, CUTS_S[cuts], rtol=1e-9)
    assert [e.kind for piece in pieces for e in piece.events] == [e.kind for e in whole.events]
    assert whole.events
    # A kick goes as the root of a rate: where that is nearly zero, the root of rounding is left.
    atol = 3e-4 if card is NOISY_NE else 1e-6
    assert_allclose(pieces[-1].state.y, whole.state.y, rtol=1e-4, atol=atol)


@pytest.mark.parametrize("card", [INTERVALS, NOISY_NE, NOISY_TCASAI], ids=lambda c: c.model)
def test_streams_are_independent_and_repeat(card: ModelCard):
    drive = constant(0.25 if card is NOISY_NE else 1.1, 0.1)
    ends = [run(card, drive, noise="random", trial=trial).state.y for trial in (0, 0, 1, 2)]
    assert_array_equal(ends[0], ends[1])
    states = [(y[0], y[1], y[3]) for y in ends[1:]]
    assert len(set(states)) == 3


def test_shrinking_has_the_stated_mean():
    # No drive from a filament that hardly decays: only the noise shrinks it. In an interval it
    # shrinks by a factor e^(-eta) with the probability that goes with f at its start.
    still = {"gamma1_per_s": 0.0, "beta_per_s": 0.0, "gamma2_per_s": 0.0, "mu_per_v_s": 16.0}
    card = INTERVALS.with_values({**still, "kappa_per_s": 500.0, "eta": 1e-3})
    # f grows to 0.9 by the closed form (alpha + 1/2) / (mu v) without decay, and then stays.
    drive = Waveform([0.0, 0.031, 0.031], [1.0, 1.0, 0.0], 0.5)
    sample_s = np.array([0.05, 0.45])
    shares, f = [], []
    for trial in range(40):
        made = run(card, drive, sample_s, noise="random", trial=trial, rtol=1e-9)
        shares.append(np.log(made.f[0] / made.f[1]) / card["eta"])
        f.append(np.sqrt(made.f[0] * made.f[1]))
    # The number of intervals in which it shrank is a whole one.
    assert_allclose(shares, np.round(shares), atol=1e-4)
    # Within a trial f falls by a few parts in ten, symmetric to first order about its mean.
    expected = 400 * -np.expm1(-500.0 * np.array(f) ** 2 * 1e-3)
    error = np.sqrt(np.sum(expected * (1 - expected / 400)))
    assert abs(np.sum(shares) - expected.sum()) < 4 * error
    # The mean-field run drifts as the average does.
    mean = run(card, drive, sample_s, noise="mean", rtol=1e-9)
    drifted = np.log(mean.f[0] / mean.f[1]) / card["eta"]
    assert abs(np.mean(shares) - drifted) < 4 * error / 40


def test_no_interval_means_jumps():
    card = INTERVALS.with_values({"noise_interval_s": 0.0})
    assert run(card, ON_DRIVE, noise="random").event_times_s("jump").size > 5
    assert not run(INTERVALS, ON_DRIVE, noise="random").event_times_s("jump").size


def test_small_intervals_have_the_law_of_jumps():
    # Model note, section 12: the laws of the first closing agree for small intervals only.
    def first_s(card: ModelCard, seed: int) -> np.ndarray:
        made = [run(card, constant(1.2, 3.0), noise="random", seed=seed, trial=i, rtol=1e-5)
                for i in range(80)]  # fmt: skip
        return np.array([one.event_times_s("on")[0] for one in made])

    card = PLAIN.with_values({"eta": 0.2})
    jumps_s = first_s(card, 1)
    small_s = first_s(card.with_values({"noise_interval_s": 5e-4}), 2)
    assert stats.ks_2samp(jumps_s, small_s).pvalue > LEAST_P
    # An interval as long as 1 / kappa sees the filament as it was, and shrinks it once at most.
    long_s = first_s(card.with_values({"noise_interval_s": 2e-2}), 3)
    assert stats.ks_2samp(jumps_s, long_s).pvalue < LEAST_P


def test_intervals_far_from_zero_end():
    # Where a time over the interval is rounded by more than any fixed slack.
    for interval_s in (1e-6, 3e-7):
        card = NOISY_TCASAI.with_values({"noise_interval_s": interval_s})
        state = resting(card, start_s=interval_s * 32_000_130)
        end_s = np.array([state.time_s + 50 * interval_s])
        assert advance(card, state, np.zeros(1), np.ones(1), end_s).has_converged


@pytest.mark.parametrize("card", [INTERVALS, NOISY_NE, NOISY_TCASAI], ids=lambda c: c.model)
def test_noise_before_time_zero(card: ModelCard):
    whole = advance(
        card, resting(card, start_s=-0.0105), np.array([-0.01]), np.ones(1), np.array([0.01])
    )
    assert whole.has_converged
    half = advance(
        card, resting(card, start_s=-0.0105), np.array([-0.01]), np.ones(1), np.array([-0.0003])
    )
    rest = advance(card, half.state, np.array([-0.01]), np.ones(1), np.array([0.01]))
    assert_allclose(rest.state.y[:4], whole.state.y[:4], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "quiet"),
    [
        ("ref-2026", {"eta": 0.0}),
        ("ne-si-2025", {}),
        ("tcasai-2024", {}),
    ],
)
def test_noise_of_no_size_costs_no_intervals(model: str, quiet):
    card = ModelCard(model=model, circuit="memristor", values=quiet)
    assert pack(card, "random")[NOISE] == NOISE_OFF


@pytest.mark.parametrize("model", ["ne-si-2025", "tcasai-2024"])
def test_noise_that_needs_an_interval_asks_for_it(model: str):
    with pytest.raises(CardError, match="noise_interval_s"):
        ModelCard(model=model, values={"sigma1": 0.1, "noise_interval_s": 0.0})


# ne-si-2025.

# Growth at the nearly constant rate mu v / (alpha + 1) = 10 / s, without decay.
STEADY = ModelCard(
    model="ne-si-2025",
    circuit="memristor",
    values={
        **STIFF,
        "alpha": 9.0,
        "mu_per_v_s": 100.0,
        "gamma1_per_s": 0.0,
        "beta_per_s": 0.0,
        "gamma2_per_s": 0.0,
        "sigma1": 1e-4,
    },
)


def test_kicks_make_a_diffusion_whatever_the_interval():
    # f after 50 ms: mean 1/2, variance sigma times what it grew, for any interval.
    at_s = np.array([0.0, 0.05])
    spreads = {}
    for interval_s in (1e-3, 1e-4):
        card = STEADY.with_values({"noise_interval_s": interval_s})
        f = [
            run(card, constant(1.0, 0.05), at_s, noise="random", trial=trial, rtol=1e-7).f[-1]
            for trial in range(200)
        ]
        spreads[interval_s] = np.var(f, ddof=1)
        grown = run(card, constant(1.0, 0.05), at_s).f[-1]
        assert abs(np.mean(f) - grown) < 4 * np.sqrt(1e-4 * grown / 200)
        # A sum of normal kicks is normal: its variance has the relative error sqrt(2 / 199).
        low, high = stats.chi2.ppf([LEAST_P / 2, 1 - LEAST_P / 2], 199) / 199
        assert low < spreads[interval_s] / (1e-4 * grown) < high


def test_kicks_never_take_a_state_below_zero():
    card = ModelCard(
        model="ne-si-2025",
        circuit="memristor",
        values={**STIFF, "sigma1": 5e-2, "sigma2": 5e-2, "noise_interval_s": 1e-4},
    )
    drive = Waveform([0.0, 0.05, 0.05], [0.5, 0.5, 0.0], 0.1)
    sample_s = np.linspace(0.0, 0.1, 2001)
    lowest = []
    for trial in range(5):
        made = run(card, drive, sample_s, noise="random", trial=trial)
        assert made.has_converged
        lowest.append((made.f.min(), made.r.min()))
        assert made.f.max() > 0.01
    # What is left is the tolerance of a step.
    assert np.min(lowest) > -1e-5


@pytest.mark.parametrize("trial", range(3))
def test_on_the_slide_a_kick_of_the_residue_is_paid_by_the_filament(trial: int):
    # Nothing brings the residue back, which grows until no filament is left.
    values = {**STIFF, "gamma2_per_s": 0.0, "sigma2": 5e-2, "noise_interval_s": 1e-3}
    card = NOISY_NE.with_values({**values, "sigma1": 0.0})
    made = run(card, constant(1.0, 2.0), np.linspace(0.0, 1.9, 1901), noise="random", trial=trial)
    assert [event.kind for event in made.events] == ["on"]
    assert made.r.max() < 1 + 1e-5
    # And without chattering: a few steps an interval.
    assert made.n_steps < 5 * 2000


# tcasai-2024.


def balanced_area(card: ModelCard, voltage_v: float) -> float:
    return 1 + np.log(card["theta_per_v_s"] * abs(voltage_v) / card["gamma3_per_s"]) / 2


@pytest.mark.parametrize("voltage_v", [1.0, -1.0])
def test_area_of_a_driven_filament(voltage_v: float):
    sample_s = np.linspace(0.0, 1.99, 399)
    made = run(TCASAI, constant(voltage_v, 2.0), sample_s, rtol=1e-9)
    area = balanced_area(TCASAI, voltage_v)
    assert made.area[-1] == pytest.approx(area, abs=1e-7)
    closed = sample_s > made.event_times_s("on")[0]
    # Residue and filament stand still as soon as it is wide, and it conducts by its area.
    for state in (made.f[closed], made.r[closed]):
        assert_allclose(state, state[-1], rtol=1e-12)
    assert np.all(np.diff(made.area[closed]) > -1e-7)
    on_a = voltage_v * made.area[closed] ** 2 / TCASAI["r_on_ohm"]
    assert_allclose(made.memristor_a[closed], on_a, rtol=1e-8)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-9])
def test_a_wide_filament_outlives_its_drive(rtol: float):
    drive = Waveform([0.0, 2.0, 2.0], [1.0, 1.0, 0.0], 2.5)
    made = run(TCASAI, drive, rtol=rtol)
    # (1 - e^(1 - S)) / gamma3 until dS/dt = -gamma3 e^(S - 1) has taken S back to 1.
    narrows_s = -np.expm1(1 - balanced_area(TCASAI, 1.0)) / TCASAI["gamma3_per_s"]
    assert made.event_times_s("off") == pytest.approx(2.0 + narrows_s, abs=max(30 * rtol, 1e-8))
    assert made.area[-1] == 1.0


def test_positive_polarity_takes_no_negative_drive():
    drive = Waveform([0.0, 0.5, 0.5, 1.5], [1.0, 1.0, -1.0, -1.0], 1.5)
    positive = run(
        TCASAI.with_values({}, polarity="positive"), drive, np.array([0.4, 1.4]), rtol=1e-8
    )
    symmetric = run(TCASAI, drive, np.array([0.4, 1.4]), rtol=1e-8)
    assert positive.area[1] == 1.0
    assert positive.event_times_s("off").size == 1
    assert symmetric.area[1] == pytest.approx(symmetric.area[0], rel=1e-3)
    assert not symmetric.event_times_s("off").size
    assert not run(TCASAI.with_values({}, polarity="positive"), constant(-1.0, 1.0)).events


def test_a_weak_drive_does_not_widen():
    # theta v < gamma3: the hold voltage is lower still.
    card = TCASAI.with_values({"theta_per_v_s": 5.0})
    made = run(card, constant(1.0, 1.0), np.linspace(0.0, 1.0, 101))
    assert made.event_times_s("on").size == 1
    assert_array_equal(made.area, 1.0)


@pytest.mark.parametrize(
    ("name", "place"), [("gamma1_per_s", 0), ("gamma2_per_s", 1), ("gamma3_per_s", 3)]
)
def test_decay_rates_scatter_by_their_state(name: str, place: int):
    # A state that decays alone: from interval to interval the log of it falls by its rate times
    # the interval, and rates scatter by sigma times the state itself (sigma for the area).
    sigma = "sigma" + name[5]
    dt = 1e-3
    values = {**STIFF, "noise_interval_s": dt, sigma: 0.3, name: 20.0}
    if place == 1:
        card = TCASAI.with_values({**values, "beta_per_s": 0.0})
    else:
        card = TCASAI.with_values({**values, "beta_per_s": 0.0, "gamma2_per_s": 0.0})
    seen = []
    for trial in range(60):
        state = resting(card, trial=trial)
        if place == 3:
            # Closed, wide and without a drive.
            drive = Waveform([0.0, 0.2, 0.2], [1.0, 1.0, 0.0], 0.25)
            t = 0.2 + dt * np.arange(9)
        else:
            state.y[place] = 0.8
            drive = constant(0.0, 0.25)
            t = dt * np.arange(9)
        made = advance(card, state, *drive.breakpoints(), t, rtol=1e-9)
        level = made.samples[:, place]
        if place == 3:
            # d(e^(1 - S))/dt = gamma3.
            rate = np.diff(np.exp(1 - level)) / dt
            size = np.ones(8)
        else:
            rate = -np.diff(np.log(level)) / dt
            size = level[:-1]
        seen.append((rate / card[name] - 1) / (card[sigma] * size))
    normal = np.ravel(seen)
    assert stats.kstest(normal, "norm").pvalue > LEAST_P
    for one, other in pairwise(seen):
        assert not np.array_equal(one, other)
