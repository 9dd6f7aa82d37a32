"""Fit a bare memristor from recorded pulses or sweeps.

Repeats of one condition are condensed into features; the mean drift of the jumps predicts their
means. Jump noise itself stays as assumed: one amplitude cannot tell its strength from its rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import hypot, isfinite, log

import numpy as np

from labbench.errors import FitError
from labbench.features import Feature, Outcome, Response, pulse_switching, relaxation
from labbench.features.memristor_pulse import find_pulse
from labbench.features.volatile_switching import HOLD_A
from labbench.features.volatile_switching import volatile_switching as draw_volatile_switching
from labbench.fit.least_squares import Dataset, Freed, fit_dataset
from labbench.fit.result import FitResult
from labbench.model import ModelCard, simulate
from labbench.model.replay import ASSUMED_DWELL_S
from labbench.stimulus import Stimulus, Sweep, Waveform

_OTHER_AMPLITUDES = "delays at three amplitudes or more"
FREED_BY_PULSES = {
    "mu_per_v_s": Freed(None, _OTHER_AMPLITUDES),
    "r_on_ohm": Freed(1.0, "a measuring range that holds the on current"),
    "lambda": Freed(0.5, "off currents at several voltages"),
    "gamma1_per_s": Freed(1.0, _OTHER_AMPLITUDES),
    "alpha": Freed(0.5, "hold voltage on a fast falling ramp"),
    "beta_per_s": Freed(1.0, "on-dwell, gap, test at several gaps"),
    "gamma2_per_s": Freed(1.0, "on-dwell, gap, test at several gaps"),
    "r_off_ohm": Freed(2.0, "off currents above the noise floor"),
}
FREED_BY_SWEEPS = {
    "mu_per_v_s": Freed(None, _OTHER_AMPLITUDES),
    "r_off_ohm": Freed(None, "off currents above the noise floor"),
    "gamma1_per_s": Freed(1.0, _OTHER_AMPLITUDES),
    "alpha": Freed(1.0, "hold voltage on a fast falling ramp"),
    "beta_per_s": Freed(1.0, "sweeps at several rates"),
    "gamma2_per_s": Freed(1.0, "sweeps at several rates"),
}

# What the model leaves open in each: fitted are logarithms, so these are relative.
FLOOR = 0.02
RTOL = 1e-6
# After the falling edge: when the first read current is averaged (see features/relaxation.py).
READ_WINDOW_S = (17e-6, 32e-6)


def fit_memristor(
    responses: Sequence[Response], prior_card: ModelCard, *, name: str = "fitted"
) -> FitResult:
    """Fit a memristor card to recorded responses.

    Parameters
    ----------
    responses : sequence of Response
        Either pulses or sweeps, with the channels "input" and "memristor"; a file each, since
        nothing says that two files show the same device.
    prior_card : ModelCard
        Centre of the priors.
    name : str
        Of the new card.

    Raises
    ------
    FitError
        If nothing switched, or pulses and sweeps are mixed.
    """
    kinds = {isinstance(response.stimulus, Sweep) for response in responses}
    if len(kinds) != 1:
        raise FitError(
            "A memristor fit takes pulses or sweeps, not both: nothing in two recordings says "
            "that they show the same device. Import them as two devices."
        )
    if kinds == {True}:
        data, stages = _sweep_data(responses)
        freed = FREED_BY_SWEEPS
    else:
        data, stages = _pulse_data(responses)
        freed = FREED_BY_PULSES
    starts = [
        prior_card.with_values({"mu_per_v_s": prior_card["mu_per_v_s"] * factor})
        for factor in (0.2, 0.5, 1.0, 2.0)
    ]
    return fit_dataset(data, starts, freed, prior_card=prior_card, name=name, stages=stages)


def _pulse_data(responses: Sequence[Response]) -> tuple[Dataset, list[str]]:
    wanted = [
        feature
        for feature in [*pulse_switching(responses), *relaxation(responses)]
        if (feature.name == "switching_delay" and "current_a" in feature.at)
        or feature.name == "post_pulse_current"
    ]
    pulse = find_pulse(responses[0])
    edge_s, end_s = float(pulse.time_s[pulse.rise]), float(pulse.time_s[pulse.fall])

    def predict(card: ModelCard) -> dict[str, float]:
        return _predict_pulse(card, responses[0].stimulus, edge_s, end_s)

    data = _dataset(wanted, predict, len(responses))
    return data, [
        "the first repeat's stimulus stands for all, features for the repeats",
        "relaxation is left for the comparison: under a read voltage about the hold voltage single "
        "jumps decide when a filament breaks, which no mean can predict",
    ]


def _sweep_data(responses: Sequence[Response]) -> tuple[Dataset, list[str]]:
    positive = [r for r in responses if float(r.trace.values("input").sum()) > 0] or list(responses)
    wanted = [
        feature
        for feature in draw_volatile_switching(positive)
        if feature.name in ("threshold_voltage", "off_current")
        or (feature.name == "hold_voltage" and feature.at["current_a"] == min(HOLD_A))
    ]
    stages = [f"{len(positive)} of {len(responses)} sweeps, those of positive voltage"]
    stimulus = positive[0].stimulus
    assert isinstance(stimulus, Sweep)
    if stimulus.dwell_s is None:
        stages.append(
            f"the recording has no times: {ASSUMED_DWELL_S:g} s at each voltage is assumed, and "
            "all rates follow from that"
        )
    ramp = _ramp(stimulus)
    step_v = float(np.median(np.abs(np.diff(stimulus.voltage_v))))

    def predict(card: ModelCard) -> dict[str, float]:
        return _predict_sweep(card, ramp, step_v)

    return _dataset(wanted, predict, len(positive)), stages


def _dataset(
    wanted: list[Feature], predict: Callable[[ModelCard], dict[str, float]], n: int
) -> Dataset:
    usable = [f for f in wanted if f.outcome is Outcome.OK and f.value > 0 and isfinite(f.stderr)]
    if not any(f.name in ("switching_delay", "threshold_voltage") for f in usable):
        raise FitError("Nothing switched in these recordings: there is no delay or threshold.")
    return Dataset(
        labels=tuple(f.label for f in usable),
        measured=np.array([log(f.value) for f in usable]),
        sigma=np.array([hypot(f.stderr / f.value, FLOOR) for f in usable]),
        predict=lambda card: np.array([predict(card)[f.name] for f in usable]),
        source=f"{n} responses ({len(usable)} statistics)",
    )


def _predict_pulse(
    card: ModelCard, stimulus: Stimulus, edge_s: float, end_s: float
) -> dict[str, float]:
    """Return ln of delay and first read current; the delay is an exact event time, on no grid."""
    after_s = end_s + np.linspace(*READ_WINDOW_S, 4)
    made = simulate(
        card, stimulus, noise="mean", sample_s=np.r_[edge_s, end_s, after_s], rtol=RTOL
    ).solution
    closed_s = made.event_times_s("on")
    if closed_s.size and closed_s[0] > edge_s:
        log_delay = log(closed_s[0] - edge_s)
    else:
        closest = float(np.max(made.f + made.r))
        log_delay = log(end_s - edge_s) + 2 * (1 - min(closest, 1.0))
    first_a = max(float(made.memristor_a[2:].mean()), 1e-18)
    return {
        "switching_delay": log_delay,
        "post_pulse_current": log(first_a),
    }


def _ramp(stimulus: Sweep) -> Waveform:
    """Return the staircase as a ramp up and down at its mean rate, on which nothing is quantised.

    The half step by which a staircase reads high is in the measured error.
    """
    dwell_s = stimulus.dwell_s or ASSUMED_DWELL_S
    level = np.abs(stimulus.voltage_v)
    peak = int(np.argmax(level))
    up_s, down_s = (peak + 1) * dwell_s, (level.size - peak - 1) * dwell_s
    return Waveform(
        np.array([0.0, up_s, up_s + down_s]),
        np.array([0.0, level[peak], 0.0]),
        duration_s=up_s + down_s,
    )


def _predict_sweep(card: ModelCard, ramp: Waveform, step_v: float) -> dict[str, float]:
    """Return ln of threshold, hold voltage and off current, from exact event times."""
    up_s, end_s = float(ramp.time_s[1]), float(ramp.time_s[2])
    peak_v = float(ramp.level[1])
    rise_s = np.linspace(0.0, up_s, 401)[1:]
    made = simulate(card, ramp, noise="mean", sample_s=np.r_[rise_s, end_s], rtol=RTOL).solution
    closed_s, opened_s = made.event_times_s("on"), made.event_times_s("off")
    if closed_s.size:
        threshold_v = peak_v * float(ramp.sample(closed_s[:1])[0]) / peak_v
    else:
        threshold_v = peak_v * (1 + 2 * (1 - min(float(np.max(made.f + made.r)), 1.0)))
    # The last opening: a filament may close again on its way.
    down = opened_s[opened_s > up_s]
    hold_v = float(ramp.sample(down[-1:])[0]) if down.size else 1e-3
    # The median voltage of the recorded points before half the threshold.
    off_v = min(threshold_v, peak_v) / 4 + step_v / 2
    off_a = np.interp(off_v, peak_v * rise_s / up_s, made.memristor_a[:-1])
    return {
        "threshold_voltage": log(threshold_v),
        "hold_voltage": log(max(hold_v, 1e-3)),
        "off_current": log(max(float(off_a), 1e-18)),
    }
