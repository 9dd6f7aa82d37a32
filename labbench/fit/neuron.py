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
    refractory_period,
    stochasticity,
    threshold_firing,
)
from labbench.features.pulses import grouped, readings_of_trains
from labbench.fit.least_squares import Dataset, FloatArray, Freed, fit_dataset
from labbench.fit.prediction import Prediction
from labbench.fit.result import FitResult
from labbench.model import SPIKE_GATE_V, Loading, ModelCard
from labbench.model.closed_forms import gate_rise_s, switching_time_s
from labbench.stimulus import PulseTrain

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

    def predict(card: ModelCard) -> FloatArray:
        prediction = Prediction(card, singles, pairs, quiet_v, loading)
        return np.array([prediction.of(feature) for feature in wanted])

    return Dataset(
        labels=tuple(f.label for f in wanted),
        measured=np.array([_scaled(f)[0] for f in wanted]),
        sigma=np.array([_scaled(f)[1] for f in wanted]),
        predict=predict,
        source=f"{len(responses)} responses ({len(wanted)} statistics)",
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
