"""The six properties of a 1M1T1R neuron in one figure.

The model answers the stimuli that a lab would play to a device like card B1, without instruments
in between. Each number is printed in a line of its own: value, standard error, n.

    python examples/six_properties.py --out six_properties.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from labbench import features
from labbench.features import Feature, Response
from labbench.features.repeats import fraction, mean_and_spread
from labbench.features.statistics import log_mean, logistic_fit
from labbench.model import ModelCard, Solution, read_card, simulate
from labbench.model.batch import Job, play
from labbench.model.chain import simulate_chain
from labbench.model.closed_forms import gate_decay_s, threshold_voltage_v
from labbench.model.energy import spike_energies
from labbench.report.figures.style import GRID, INK, MUTED, log_axis, styled
from labbench.report.quantity import format_quantity
from labbench.stimulus import Pulse, PulseTrain

# Okabe and Ito's colours, which colour-blind readers tell apart too.
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
EDGE_S = 1e-6
Panels = Mapping[str, Axes]


@dataclass(frozen=True)
class Neuron:
    """A card, a seed, and the number of trials at each condition."""

    card: ModelCard
    seed: int
    trials: int

    def latencies_s(
        self, train: PulseTrain, condition: int = 0, *, of: int = 0, noise: str = "random"
    ) -> NDArray[np.float64]:
        """Return how long after a pulse's edge each trial fires; NaN if it does not."""
        # Conditions must not share random numbers: the errors along a curve would be one error.
        pulse, first = train.pulses[of], condition * self.trials
        job = Job(
            self.card, *train.breakpoints(), np.array([train.duration_s]), self.trials,
            first_trial=first, stop_at="spike", stop_from_s=pulse.start_s,
        )  # fmt: skip
        (played,) = play([job], seed=self.seed, noise=noise)
        return played.first_s("spike", pulse.start_s) - pulse.edge_s


def pulses(amplitude_v: float, width_s: float, count: int = 1, gap_s: float = 0.0) -> PulseTrain:
    """Return equal pulses, `gap_s` between the end of one and the start of the next."""
    period_s = width_s + EDGE_S + gap_s
    train = tuple(Pulse(i * period_s, width_s, amplitude_v) for i in range(count))
    return PulseTrain(train, train[-1].end_s + 1e-3)


def draw(axes: Axes, found: Sequence[Feature], key: str, scale: float, colour: str) -> None:
    """Draw features with their standard errors against a condition."""
    points = [(scale * f.at[key], f.value, f.stderr) for f in found]
    x, y, error = np.array(points).reshape(-1, 3).T
    axes.errorbar(x, y, error, fmt="o", color=colour, markersize=4, capsize=2, linewidth=1)


def say(axes: Axes, x: float, y: float, text: str, colour: str = MUTED, ha: Any = "left") -> None:
    """Write into a panel, at fractions of its width and height."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    axes.text(x, y, text, color=colour, ha=ha, va="center", transform=axes.transAxes, bbox=box)


def leaky_integration(neuron: Neuron, panels: Panels) -> list[Feature]:
    """Pulses too short to fire alone add up in the filament, which leaks in the gaps."""
    above, below = panels["leaky_integration"], panels["pulses"]
    made = simulate(neuron.card, pulses(0.8, 200e-6, 30, 60e-6), seed=neuron.seed, interval_s=2e-6)
    time_ms, is_on = made.trace.time_s * 1e3, made.trace.values("input") > 0.4
    above.fill_between(time_ms, 0, 1.05, is_on, color=GRID, linewidth=0)
    above.plot(time_ms, made.trace.values("f"), color=BLUE, linewidth=1)
    above.plot(time_ms, made.trace.values("node"), color=ORANGE)
    above.set(ylim=(0, 1.05), xlabel="Time (ms)", ylabel="Filament; gate (V)")
    say(above, 0.06, 0.82, "filament f, 0 to 1", BLUE)
    say(above, 0.99, 0.62, "gate", ORANGE, "right")
    found = []
    for i, gap_s in enumerate(1e-6 * np.array([20, 40, 60, 80, 100, 120, 150])):
        latencies_s = neuron.latencies_s(pulses(0.8, 200e-6, 600, gap_s), i)
        counts = 1 + latencies_s // (200e-6 + EDGE_S + gap_s)
        found += mean_and_spread("pulses_to_fire", counts, "1", {"gap_s": gap_s})[:1]
    draw(below, found, "gap_s", 1e6, BLUE)
    log_axis(below.yaxis)
    below.set(xlabel="Gap (µs)", ylabel="Pulses to fire")
    say(below, 0.03, 0.88, "pulses of 0.8 V, 200 µs")
    return found[::3]


def threshold_firing(neuron: Neuron, panels: Panels) -> list[Feature]:
    """All or nothing, at a threshold that falls as the pulse gets longer."""
    axes, found = panels["threshold_firing"], []
    for width_s, lowest_v, colour in ((20e-3, 0.5, GREEN), (3e-3, 0.6, ORANGE), (1e-3, 0.69, BLUE)):
        levels_v = (lowest_v + 0.015 * np.arange(10)).round(3)
        trains = [pulses(level_v, width_s) for level_v in levels_v]
        fired = [np.isfinite(neuron.latencies_s(train, i)) for i, train in enumerate(trains)]
        shares = [
            fraction("fire_probability", int(did.sum()), did.size, {"amplitude_v": level_v})
            for level_v, did in zip(levels_v, fired, strict=True)
        ]
        draw(axes, shares, "amplitude_v", 1.0, colour)
        fit = logistic_fit(np.repeat(levels_v, neuron.trials), np.ravel(fired))
        assert fit is not None
        half_v, error_v, spread_v, _ = fit
        at, n = {"width_s": width_s}, neuron.trials * levels_v.size
        found.append(Feature("threshold_voltage", half_v, "V", error_v, n, at=at))
        fine_v = np.linspace(levels_v[0], levels_v[-1], 200)
        axes.plot(fine_v, 1 / (1 + np.exp((half_v - fine_v) / spread_v)), color=colour)
        axes.text(half_v, 1.05, f"{1e3 * width_s:g} ms", color=colour, ha="center", weight="bold")
    saddle_v = threshold_voltage_v(neuron.card)
    axes.axvline(saddle_v, color=MUTED, linestyle=":")
    label = f"saddle node {saddle_v:.3f} V"
    axes.text(saddle_v - 0.002, 0.5, label, color=MUTED, rotation=90, ha="right", va="center")
    axes.set(xlabel="Amplitude (V)", ylabel="P(fire)", ylim=(-0.05, 1.15))
    return found


def refractory_period(neuron: Neuron, panels: Panels) -> list[Feature]:
    """The charge on the gate holds a second spike back; then the residue hastens it."""
    axes, responses = panels["refractory_period"], []
    for i, gap_s in enumerate(np.geomspace(50e-6, 20e-3, 10).round(6)):
        pair = pulses(0.8, 1.5e-3, 2, gap_s)
        around_s = np.arange(0.0, 2.5e-3, 2e-6)
        at_s = np.unique(np.r_[around_s, pair.pulses[1].start_s + around_s])
        for trial in range(i * neuron.trials, (i + 1) * neuron.trials):
            made = simulate(neuron.card, pair, seed=neuron.seed, trial=trial, sample_s=at_s)
            responses.append(Response(pair, made.trace))
    found = features.refractory_period(responses)
    ratios = [f for f in found if f.name == "latency_ratio"]
    draw(axes, ratios, "gap_s", 1e3, BLUE)
    (absolute,) = (f for f in found if f.name == "absolute_refractory")
    axes.axvspan(0.04, 1e3 * absolute.value, color=GRID)
    axes.axhline(1.0, color=MUTED, linewidth=0.8)
    tau_s = gate_decay_s(neuron.card)
    axes.axvline(1e3 * tau_s, color=MUTED, linestyle=":")
    axes.text(1.08e3 * tau_s, 1.52, f"$R_c C_g$ = {1e3 * tau_s:g} ms", color=MUTED)
    log_axis(axes.xaxis)
    axes.set(xlim=(0.04, 25), ylim=(0.85, 1.6), xlabel="Gap (ms)", ylabel="Second latency / first")
    axes.text(0.05, 1.2, "absolute:\nfewer than\nhalf fire", color=INK)
    say(axes, 0.97, 0.6, "pairs of pulses,\n0.8 V, 1.5 ms", ha="right")
    say(axes, 0.97, 0.27, "residue hastens", BLUE, "right")
    return [absolute, *ratios[:1], *ratios[-3:-2]]


def intrinsic_plasticity(neuron: Neuron, panels: Panels) -> list[Feature]:
    """The residue of a burst makes the neuron fire sooner, for as long as it lasts."""
    axes, found = panels["intrinsic_plasticity"], []
    burst = pulses(0.8, 200e-6, 67, 100e-6).pulses
    # The reference enters every ratio, so its error must not count.
    fresh_s = replace(neuron, trials=20 * neuron.trials).latencies_s(pulses(0.65, 40e-3), 1)
    first_s, first_error_s = log_mean(fresh_s)
    for i, gap_s in enumerate(1e-3 * np.array([3, 5, 10, 20, 30, 45, 60, 80, 100, 150])):
        step = Pulse(burst[-1].end_s + gap_s, 40e-3, 0.65)
        train = PulseTrain((*burst, step), step.end_s)
        mean_s, error_s = log_mean(neuron.latencies_s(train, i, of=-1))
        error = mean_s / first_s * hypot(error_s / mean_s, first_error_s / first_s)
        at, n = {"gap_s": gap_s}, neuron.trials
        found.append(Feature("latency_ratio", mean_s / first_s, "1", error, n, at=at))
    draw(axes, found, "gap_s", 1e3, BLUE)
    # While much residue is left the latency saturates; only its tail follows the residue.
    tail = [f for f in found if f.at["gap_s"] > 25e-3]
    gaps_s, ratios, errors = np.array([(f.at["gap_s"], f.value, f.stderr) for f in tail]).T
    (share, tau_s), covariance = curve_fit(
        lambda gap_s, share, tau_s: 1 - share * np.exp(-gap_s / tau_s),
        gaps_s, ratios, (1.0, 20e-3), errors, absolute_sigma=True,
    )  # fmt: skip
    fine_s = np.linspace(20e-3, 0.15, 200)
    axes.plot(1e3 * fine_s, 1 - share * np.exp(-fine_s / tau_s), color=ORANGE)
    axes.axhline(1.0, color=MUTED, linewidth=0.8)
    axes.set(ylim=(0, 1.15), xlabel="Gap after the burst (ms)", ylabel="Latency / rested latency")
    tau = Feature("recovery_time", tau_s, "s", float(covariance[1, 1] ** 0.5), len(tail) * n)
    say(axes, 0.97, 0.43, f"tail: {format_quantity(tau.value, tau.stderr, 's')}", ORANGE, "right")
    residue = f"residue: $1/\\gamma_2$ = {1e3 / neuron.card['gamma2_per_s']:g} ms"
    say(axes, 0.97, 0.33, residue, ha="right")
    say(axes, 0.97, 0.1, "burst of 20 ms, then 0.65 V", ha="right")
    return [found[1], tau]


def stochasticity(neuron: Neuron, panels: Panels) -> list[Feature]:
    """Jumps of the filament delay the spike; trials without a jump form an atom."""
    axes, found = panels["stochasticity"], []
    many = replace(neuron, trials=10 * neuron.trials)
    bins_ms = np.geomspace(0.3, 12, 65).tolist()
    for level_v, colour in ((0.65, GREEN), (0.8, ORANGE), (1.0, BLUE)):
        step, at = pulses(level_v, 40e-3), {"amplitude_v": level_v}
        latencies_s = many.latencies_s(step)
        quiet_s = replace(neuron, trials=1).latencies_s(step, noise="off")[0]
        in_atom = np.isclose(latencies_s, quiet_s, rtol=1e-6)
        cv = mean_and_spread("latency", latencies_s, "s", at)[2]
        found.append(cv)
        jumped_ms, each = (
            1e3 * latencies_s[~in_atom],
            np.full((~in_atom).sum(), 0.1 / neuron.trials),
        )
        heights, _, _ = axes.hist(jumped_ms, bins_ms, weights=100 * each, color=colour, alpha=0.45)
        x, y = 1.03e3 * float(np.median(latencies_s)), float(np.max(heights)) + 0.6
        axes.text(x, y, f"{level_v:g} V\nCV {cv.value:.2f}", color=colour, weight="bold")
        if in_atom.any():
            found.append(fraction("atom_fraction", int(in_atom.sum()), in_atom.size, at))
            axes.vlines(1e3 * quiet_s, 0, 100 * in_atom.mean(), color=colour)
            axes.plot(1e3 * quiet_s, 100 * in_atom.mean(), "D", color=colour)
    log_axis(axes.xaxis)
    axes.set(xlabel="Latency (ms)", ylabel="Trials (% in a bin)", xlim=(0.28, 12))
    axes.margins(y=0.2)
    say(axes, 0.97, 0.93, "diamond: trials without a jump,\nall at one latency", ha="right")
    return found


def cascaded_propagation(neuron: Neuron, panels: Panels) -> list[Feature]:
    """The spikes of one neuron make another fire, if there is gain enough."""
    drive, found = pulses(0.65, 50e-3), []
    for gain in (2.0, 2.25, 2.5):
        values = {**neuron.card.values, "interstage_gain": gain}
        card = replace(neuron.card, circuit="chain", values=values)
        trials = range(max(2, neuron.trials // 10))
        chains = [simulate_chain(card, drive, seed=neuron.seed, trial=trial) for trial in trials]
        delays_s = [answers_s(*chain) for chain in chains]
        passed = np.isfinite(np.concatenate(delays_s))
        at = {"gain": gain}
        found.append(fraction("transfer_probability", int(passed.sum()), passed.size, at))
    share, all_s = found[-1], np.concatenate(delays_s)[passed]
    (delay, *_) = mean_and_spread("transfer_delay", all_s, "s", at)
    above, below = panels["cascaded_propagation"], panels["second"]
    spikes_ms = 1e3 * chains[-1][0].event_times_s("spike")
    for axes, one, colour in zip((above, below), chains[-1], (BLUE, ORANGE), strict=True):
        axes.plot(1e3 * one.time_s, one.input, color=MUTED, linewidth=0.8)
        axes.plot(1e3 * one.time_s, one.node_v, color=colour)
        axes.vlines(spikes_ms, 0, 1.05, color=BLUE, linewidth=0.8, linestyle=":")
        axes.set(xlim=(0, 17), ylim=(0, 1.4), xlabel="Time (ms)", ylabel="Voltage (V)")
    starts_ms, level = spikes_ms[:-1], np.full(spikes_ms.size - 1, 1.28)
    below.hlines(level, starts_ms, starts_ms + 1e3 * delays_s[-1], color=ORANGE, linewidth=5)
    say(below, 0.02, 0.91, "delay", ORANGE)
    above.tick_params(labelbottom=False)
    above.set_xlabel("")
    say(above, 0.02, 0.28, "gate 1", BLUE)
    say(above, 0.02, 0.6, "input 0.65 V")
    say(below, 0.02, 0.28, "gate 2", ORANGE)
    say(below, 0.02, 0.6, f"input: {gain:g} ×\nswing of 1")
    text = f"transferred {100 * share.value:.0f} %, delay "
    say(above, 0.98, 0.9, text + format_quantity(delay.value, delay.stderr, "s"), INK, "right")
    return [*found, delay]


def answers_s(one: Solution, two: Solution) -> NDArray[np.float64]:
    """Return how long after each spike but the last the other neuron fires; NaN if not in time."""
    one_s, two_s = one.event_times_s("spike"), two.event_times_s("spike")
    after = np.searchsorted(two_s, one_s)
    next_s = np.r_[two_s, np.nan][after[:-1]]
    return np.where(np.diff(after) > 0, next_s - one_s[:-1], np.nan)


MEASURES = (
    leaky_integration, threshold_firing, refractory_period, intrinsic_plasticity, stochasticity,
    cascaded_propagation,
)  # fmt: skip
LAYOUT: list[list[Any]] = [
    [[["leaky_integration"], ["pulses"]], "threshold_firing", "refractory_period"],
    ["intrinsic_plasticity", "stochasticity", [["cascaded_propagation"], ["second"]]],
]


@styled
def six_properties(neuron: Neuron) -> Figure:
    """Draw all six, and print their numbers."""
    figure = Figure(figsize=(12, 6.75), layout="constrained", facecolor="white")
    panels = figure.subplot_mosaic(LAYOUT)
    for letter, measure in zip("abcdef", MEASURES, strict=True):
        name = measure.__name__
        found = measure(neuron, panels)
        for feature in found:
            number = format_quantity(feature.value, feature.stderr, feature.unit)
            print(f"{name:<22}{feature.label:<40}{number:<24}n = {feature.n}")
        title = f"{letter}  {name.replace('_', ' ').capitalize()}"
        panels[name].set_title(title, loc="left", color=INK, weight="bold")
    return figure


def print_energy(card: ModelCard) -> None:
    """Print what a spike costs under 20 ms of 0.65 V, without noise, and from where it comes."""
    account = spike_energies(card, pulses(0.65, 20e-3), legs=10)
    mean, n = account.per_spike, len(account.spikes)
    assert mean is not None
    takers = ("source_j", "memristor_j", "resistors_j", "stored_j", "supply_j")
    of, *to, supply = (format_quantity(getattr(mean, name), None, "J") for name in takers)
    split = "memristor {}, resistors {}, stored {}".format(*to)
    print(f"{'energy per spike':<22}input {of} ({split}), supply {supply}, n = {n}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, draw and save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="six_properties.png", help="PNG, SVG or PDF file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=100, help="trials at each condition")
    options = parser.parse_args(arguments)
    if options.trials < 10:
        parser.error("Errors need at least 10 trials.")
    neuron = Neuron(read_card("b1"), options.seed, options.trials)
    six_properties(neuron).savefig(options.out, dpi=200)
    print_energy(neuron.card)


if __name__ == "__main__":
    main()
