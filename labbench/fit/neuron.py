"""Fit a 1M1T1R neuron from what its output showed: latencies, their atoms, and recovery.

The means follow the mean drift of the jumps, the atoms the model without noise. Control resistor,
transistor, load and closed-filament resistance count as known from their own measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import asin, exp, log, sqrt

import numpy as np
from scipy.optimize import least_squares

from labbench.errors import FitError
from labbench.features import (
    Feature,
    Response,
    read_pulses,
    refractory_period,
    stochasticity,
    threshold_firing,
)
from labbench.features.pulses import grouped, readings_of_trains
from labbench.features.refractory_period import recovery_time_s
from labbench.fit.least_squares import Dataset, FloatArray, Freed, fit_dataset
from labbench.fit.result import FitResult
from labbench.model import SPIKE_GATE_V, Loading, ModelCard, Simulation, simulate
from labbench.model.closed_forms import gate_rise_s, switching_time_s
from labbench.stimulus import PulseTrain, Stimulus

FREED = {
    "mu_per_v_s": Freed(None, "latencies at more amplitudes"),
    "gamma1_per_s": Freed(None, "latencies close to the threshold"),
    "gate_capacitance_f": Freed(None, "the output's recovery after a spike"),
    "kappa_per_s": Freed(None, "100 repeats and more at the strong amplitudes"),
    "eta": Freed(None, "100 repeats and more at the strong amplitudes"),
    "alpha": Freed(0.3, "hold voltage on a fast falling ramp"),
    "beta_per_s": Freed(0.3, "on-dwell, gap, test with the gate grounded"),
    "gamma2_per_s": Freed(0.3, "on-dwell, gap, test at several gaps"),
    "lambda": Freed(0.3, "relaxation and off currents at several voltages"),
    "r_off_ohm": Freed(0.3, "off currents below the threshold"),
}

# From their own measurements; here the prior card's values.
KNOWN = (
    "control_resistance_ohm",
    "threshold_voltage_v",
    "transconductance_a_per_v2",
    "slope_factor",
    "load_resistance_ohm",
    "supply_v",
    "r_on_ohm",
    "m",
)

# Relative floors: what the model, the sampling and the instruments' gain leave uncertain however
# often a trial is repeated. The mean drift stands for the mean of random jumps to about 1 %.
FLOORS = {"latency": 0.01, "atom_latency": 0.003, "latency_ratio": 0.01, "recovery_time": 0.005}
# Tighter than for a record: the fit differentiates these runs.
RTOL = 1e-7
# A mean over fewer trials has no error to speak of.
FEWEST_TRIALS = 10


def fit_neuron(
    responses: Sequence[Response],
    prior_card: ModelCard,
    *,
    loading: Loading | None = None,
    name: str = "fitted",
) -> FitResult:
    """Fit a neuron card to recorded responses.

    Parameters
    ----------
    responses : sequence of Response
        Of threshold firing and refractory period, in any order.
    prior_card : ModelCard
        The kind of device: centre of the priors, and the values that are taken as known.
    loading : Loading, optional
        The probe on the output.
    name : str
        Of the new card.

    Raises
    ------
    FitError
        If fewer than two amplitudes fired often enough to have a latency.
    """
    data = _dataset(responses, loading)
    start = _closed_form_start(data, prior_card, responses)
    return fit_dataset(
        data,
        [start],
        FREED,
        prior_card=prior_card,
        name=name,
        stages=(
            f"taken as known: {', '.join(f'{n} {prior_card[n]:g}' for n in KNOWN)}",
            "closed-form start of mu and gamma1 from the shortest latencies: "
            f"mu {start['mu_per_v_s']:.4g} 1/(V s), gamma1 {start['gamma1_per_s']:.4g} 1/s",
        ),
    )


def _dataset(responses: Sequence[Response], loading: Loading | None) -> Dataset:
    singles = _one_stimulus_each(responses, 1, "amplitude_v")
    pairs = _one_stimulus_each(responses, 2, "gap_s")
    wanted: list[Feature] = []
    for feature in [
        *threshold_firing(responses),
        *stochasticity(responses),
        *refractory_period(responses),
    ]:
        fits = feature.name in (*FLOORS, "atom_fraction") and np.isfinite(feature.value)
        if fits and (feature.n >= FEWEST_TRIALS or feature.name.startswith("atom")):
            wanted.append(feature)
    always = _always_fired(responses)
    wanted = [f for f in wanted if f.name != "latency" or f.at["amplitude_v"] in always]
    if sum(f.name == "latency" for f in wanted) < 2:
        raise FitError(
            "A fit needs the latency at two amplitudes or more at which every pulse fired: "
            "run threshold_firing with more repeats."
        )
    quiet_v = min(f.at["amplitude_v"] for f in wanted if f.name == "latency")

    def play(stimulus: Stimulus, card: ModelCard, noise: str) -> Simulation:
        return _play_finely(card, stimulus, noise, loading)

    def predict(card: ModelCard) -> FloatArray:
        played: dict[tuple[str, float], Simulation] = {}

        def run(noise: str, amplitude_v: float) -> Simulation:
            key = (noise, amplitude_v)
            if key not in played:
                played[key] = play(singles[amplitude_v], card, noise)
            return played[key]

        values = []
        for feature in wanted:
            if feature.name == "latency_ratio":
                stimulus = pairs[feature.at["gap_s"]]
                values.append(_log_ratio(stimulus, play(stimulus, card, "mean")))
            elif feature.name == "recovery_time":
                values.append(_log_recovery(singles[quiet_v], card, loading))
            elif feature.name == "latency":
                at = feature.at["amplitude_v"]
                values.append(_log_latency(singles[at], run("mean", at), 0))
            else:
                at = feature.at["amplitude_v"]
                simulation = run("off", at)
                log_latency = _log_latency(singles[at], simulation, 0)
                if feature.name == "atom_latency":
                    values.append(log_latency)
                else:
                    hazard = _hazard_until(simulation, singles[at], exp(log_latency), card)
                    values.append(2 * asin(sqrt(exp(-hazard))))
        return np.array(values)

    return Dataset(
        labels=tuple(f.label for f in wanted),
        measured=np.array([_scaled(f)[0] for f in wanted]),
        sigma=np.array([_scaled(f)[1] for f in wanted]),
        predict=predict,
        source=f"{len(responses)} responses ({len(wanted)} statistics)",
    )


def _play_finely(
    card: ModelCard, stimulus: Stimulus, noise: str, loading: Loading | None
) -> Simulation:
    """Simulate with samples so dense around each spike that its time is smooth in the card.

    On an even grid the interpolated crossing has a sawtooth error of the card's parameters, far
    below a measurement's but enough to spoil a Jacobian.
    """
    coarse_s = np.linspace(0.0, stimulus.duration_s, 400)
    first = simulate(card, stimulus, noise=noise, sample_s=coarse_s[[0, -1]], rtol=RTOL)
    rise_s = card["r_on_ohm"] * card["gate_capacitance_f"]
    fine_s = np.arange(-0.5, 4.0, 0.005) * rise_s
    spikes_s = first.solution.event_times_s("spike")
    sample_s = np.unique(np.r_[coarse_s, (spikes_s[:, None] + fine_s).ravel()])
    inside = (sample_s >= 0.0) & (sample_s <= stimulus.duration_s)
    return simulate(
        card, stimulus, noise=noise, sample_s=sample_s[inside], loading=loading, rtol=RTOL
    )


def _scaled(feature: Feature) -> tuple[float, float]:
    """Return a feature on the scale that is fitted, and its error there."""
    if feature.name == "atom_fraction":
        return 2 * asin(sqrt(feature.value)), 1 / sqrt(feature.n)
    relative = feature.stderr / feature.value
    return log(feature.value), float(np.hypot(relative, FLOORS[feature.name]))


def _one_stimulus_each(
    responses: Sequence[Response], n_pulses: int, key: str
) -> dict[float, PulseTrain]:
    stimuli: dict[float, PulseTrain] = {}
    for train in grouped(readings_of_trains(responses, n_pulses), key).items():
        where, readings = train
        pulses = tuple(reading.pulse for reading in readings[0])
        after_s = 1e-3 if n_pulses == 1 else 0.0
        stimuli[where] = PulseTrain(pulses, duration_s=pulses[-1].end_s + after_s)
    return stimuli


def _always_fired(responses: Sequence[Response]) -> set[float]:
    groups = grouped(readings_of_trains(responses, 1), "amplitude_v")
    return {v for v, trials in groups.items() if all(t[0].fired for t in trials)}


def _log_latency(stimulus: PulseTrain, simulation: Simulation, index: int) -> float:
    reading = read_pulses(Response(stimulus, simulation.trace))[index]
    if reading.latency_s is not None:
        return log(reading.latency_s)
    # Did not fire: go on smoothly beyond the window, by how far the filament was from closing.
    solution = simulation.solution
    closest = float(np.max(solution.f + solution.r))
    return log(reading.pulse.width_s) + 2 * (1 - min(closest, 1.0))


def _log_ratio(stimulus: PulseTrain, simulation: Simulation) -> float:
    return _log_latency(stimulus, simulation, 1) - _log_latency(stimulus, simulation, 0)


def _log_recovery(stimulus: PulseTrain, card: ModelCard, loading: Loading | None) -> float:
    simulation = simulate(card, stimulus, noise="off", loading=loading, rtol=RTOL)
    seconds = recovery_time_s(Response(stimulus, simulation.trace))
    if seconds is None:
        seconds = 0.28 * card["control_resistance_ohm"] * card["gate_capacitance_f"]
    return log(seconds)


def _hazard_until(
    simulation: Simulation, stimulus: PulseTrain, latency_s: float, card: ModelCard
) -> float:
    """Return the hazard accumulated up to the filament's closing, in a run without noise."""
    solution = simulation.solution
    closed_s = solution.event_times_s("on")
    end_s = closed_s[0] if closed_s.size else stimulus.pulses[0].edge_s + latency_s
    inside = solution.time_s <= end_s
    rate = card["kappa_per_s"] * np.clip(solution.f[inside], 0, None) ** card["m"]
    return float(np.trapezoid(rate, solution.time_s[inside]))


def _closed_form_start(
    data: Dataset, prior_card: ModelCard, responses: Sequence[Response]
) -> ModelCard:
    """Return the prior card with mu and gamma1 from the latencies' closed form."""
    shortest = {
        feature.at["amplitude_v"]: feature.value
        for name in ("latency", "atom_latency")
        for feature in [*threshold_firing(responses), *stochasticity(responses)]
        if feature.name == name and feature.label in data.labels
    }
    volts = np.array(list(shortest))
    measured = np.log(list(shortest.values()))

    def misfit(theta: FloatArray) -> FloatArray:
        card = prior_card.with_values({"mu_per_v_s": exp(theta[0]), "gamma1_per_s": exp(theta[1])})
        total = [
            min(switching_time_s(card, v) + gate_rise_s(card, v, SPIKE_GATE_V), 1e3) for v in volts
        ]
        return np.log(total) - measured

    # The growth rate that fits the strongest latency alone, with no decay, is a safe corner.
    strongest = float(volts.max())
    mu = (prior_card["alpha"] + 0.5) / (strongest * shortest[strongest])
    gamma1 = mu * float(volts.min())
    found = least_squares(misfit, [log(1.5 * mu), log(gamma1)], x_scale=0.1, loss="soft_l1")
    return prior_card.with_values({"mu_per_v_s": exp(found.x[0]), "gamma1_per_s": exp(found.x[1])})
