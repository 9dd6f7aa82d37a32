"""What a card predicts for a neuron's statistics, smooth in the card and without random numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import asin, exp, log, sqrt

import numpy as np

from labbench.features import Feature, Response, read_pulses
from labbench.features.refractory_period import recovery_time_s
from labbench.model import Loading, ModelCard, Solution, advance, resting, simulate
from labbench.model.simulation import closed
from labbench.stimulus import PulseTrain, Stimulus
from labbench.trace import Channel, Trace

# Tighter than for a record: the fit differentiates these runs.
RTOL = 1e-7
# ln of the ratio of the two gate voltages between which the output recovers, for card B1's
# transistor: stands in where a simulated output does not come back within the record.
USUAL_RECOVERY = 0.28


@dataclass(frozen=True, eq=False)
class _Played:
    """What a card makes of one stimulus: its output, and all that is behind it."""

    trace: Trace
    solution: Solution


class Prediction:
    """The statistics that one card predicts; each stimulus is played once.

    Parameters
    ----------
    card : ModelCard
    singles, pairs : mapping of float to PulseTrain
        Single pulses by amplitude in V, pairs by gap in s.
    quiet_v : float
        Amplitude at which the recovery is read.
    loading : Loading or None
        The probe on the output.
    """

    def __init__(
        self,
        card: ModelCard,
        singles: Mapping[float, PulseTrain],
        pairs: Mapping[float, PulseTrain],
        quiet_v: float,
        loading: Loading | None,
    ) -> None:
        self.card, self.singles, self.pairs = card, singles, pairs
        self.quiet_v, self.loading = quiet_v, loading
        self._played: dict[tuple[str, float], _Played] = {}

    def of(self, feature: Feature) -> float:
        """Return the prediction for a feature, on the scale that is fitted."""
        if feature.name == "latency_ratio":
            stimulus = self.pairs[feature.at["gap_s"]]
            made = _play_finely(self.card, stimulus, "mean", self.loading)
            return _log_latency(stimulus, made, 1) - _log_latency(stimulus, made, 0)
        if feature.name == "recovery_time":
            return self._log_recovery()
        amplitude_v = feature.at["amplitude_v"]
        stimulus = self.singles[amplitude_v]
        if feature.name == "latency":
            return _log_latency(stimulus, self._play("mean", amplitude_v), 0)
        # The atom is made of the trials without a jump: the model without noise.
        made = self._play("off", amplitude_v)
        log_latency = _log_latency(stimulus, made, 0)
        if feature.name == "atom_latency":
            return log_latency
        hazard = _hazard_until(made, stimulus, exp(log_latency), self.card)
        return 2 * asin(sqrt(exp(-hazard)))

    def _play(self, noise: str, amplitude_v: float) -> _Played:
        key = (noise, amplitude_v)
        if key not in self._played:
            stimulus = self.singles[amplitude_v]
            self._played[key] = _play_finely(self.card, stimulus, noise, self.loading)
        return self._played[key]

    def _log_recovery(self) -> float:
        card, stimulus = self.card, self.singles[self.quiet_v]
        interval_s = stimulus.duration_s / 2000
        made = simulate(
            card, stimulus, noise="off", interval_s=interval_s, loading=self.loading, rtol=RTOL
        )
        seconds = recovery_time_s(Response(stimulus, made.trace))
        if seconds is None:
            tau_s = card["control_resistance_ohm"] * card["gate_capacitance_f"]
            seconds = USUAL_RECOVERY * tau_s
        return log(seconds)


def _play_finely(
    card: ModelCard, stimulus: Stimulus, noise: str, loading: Loading | None
) -> _Played:
    """Simulate with samples so dense around each spike that its time is smooth in the card.

    On an even grid the interpolated crossing has a sawtooth error of the card's parameters, far
    below a measurement's but enough to spoil a Jacobian.
    """
    end_s = np.array([stimulus.duration_s])
    solution = advance(
        card, resting(card), *closed(*stimulus.breakpoints()), end_s,
        noise=noise, loading=loading, rtol=RTOL, is_dense=True,
    )  # fmt: skip
    rise_s = card["r_on_ohm"] * card["gate_capacitance_f"]
    fine_s = np.arange(-0.5, 4.0, 0.02) * rise_s
    spikes_s = solution.event_times_s("spike")
    coarse_s = np.linspace(0.0, stimulus.duration_s, 400)
    sample_s = np.unique(np.r_[coarse_s, (spikes_s[:, None] + fine_s).ravel()])
    sample_s = sample_s[(sample_s >= 0.0) & (sample_s <= stimulus.duration_s)]
    assert solution.dense is not None
    solution = replace(solution, time_s=sample_s, samples=solution.dense(sample_s))
    output = Channel(solution.output_v, "voltage", "V")
    return _Played(Trace({"output": output}, uneven_time_s=sample_s), solution)


def _log_latency(stimulus: PulseTrain, simulation: _Played, index: int) -> float:
    reading = read_pulses(Response(stimulus, simulation.trace))[index]
    if reading.latency_s is not None:
        return log(reading.latency_s)
    # Did not fire: go on smoothly beyond the window, by how far the filament was from closing.
    solution = simulation.solution
    closest = float(np.max(solution.f + solution.r))
    return log(reading.pulse.width_s) + 2 * (1 - min(closest, 1.0))


def _hazard_until(
    simulation: _Played, stimulus: PulseTrain, latency_s: float, card: ModelCard
) -> float:
    """Return the hazard accumulated up to the filament's closing, in a run without noise."""
    solution = simulation.solution
    closed_s = solution.event_times_s("on")
    end_s = closed_s[0] if closed_s.size else stimulus.pulses[0].edge_s + latency_s
    inside = solution.time_s <= end_s
    rate = card["kappa_per_s"] * np.clip(solution.f[inside], 0, None) ** card["m"]
    return float(np.trapezoid(rate, solution.time_s[inside]))
