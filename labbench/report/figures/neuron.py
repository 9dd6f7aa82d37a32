"""A neuron's features against amplitude and gap, measured and simulated on the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labbench.features import Feature, Response
from labbench.features.pulses import readings_of_trains
from labbench.report.figures.style import (
    LINES,
    POINTS,
    FloatArray,
    log_axis,
    new_figure,
    styled,
)
from labbench.report.quantity import axis_scale

MOST_DOTS = 300

# "measured" and "simulated" to the features of a property.
Both = Mapping[str, Sequence[Feature]]


@styled
def fire_probability(both: Both) -> Figure:
    """Draw P(fire) of single pulses against amplitude, the half points as vertical lines."""
    figure = new_figure(3.3)
    axes = figure.subplots()
    factor, unit = _condition_scale(both, "fire_probability", "amplitude_v", "V")
    for kind, features in both.items():
        _points(axes, kind, features, "fire_probability", "amplitude_v", factor, top=1.0)
        half_v = [f.value for f in features if f.name == "threshold_voltage" and f.is_usable]
        for value in half_v:
            axes.axvline(value / factor, **{**LINES[kind], "linewidth": 0.8})
    axes.set(xlabel=f"Amplitude ({unit})", ylabel="P(fire)", ylim=(-0.06, 1.06))
    _legend(axes, loc="center right")
    return figure


@styled
def latency(both: Both, trials: Mapping[str, Sequence[Response]]) -> Figure:
    """Draw the latency against amplitude: geometric means over the single trials as dots."""
    figure = new_figure(3.3)
    axes = figure.subplots()
    clouds = {kind: _latencies(responses) for kind, responses in trials.items()}
    longest_s = max((float(s.max(initial=0.0)) for _, s in clouds.values()), default=0.0)
    seconds, time_unit = axis_scale(longest_s, "s")
    # Ten times as many simulated trials would bury the measured ones.
    clouds = {kind: (v[:MOST_DOTS], s[:MOST_DOTS]) for kind, (v, s) in clouds.items()}
    volts, unit = _condition_scale(both, "latency", "amplitude_v", "V")
    # Measured trials a little to the left, simulated to the right, so that both are seen.
    for (kind, (amplitude_v, latency_s)), aside in zip(clouds.items(), (-1, 1), strict=False):
        shift = aside * 0.008 * (float(np.ptp(amplitude_v)) if amplitude_v.size else 0.0)
        axes.plot(
            (amplitude_v + shift) / volts, latency_s / seconds, POINTS[kind]["marker"],
            color=POINTS[kind]["color"], fillstyle=_fill(kind), markersize=2.2,
            markeredgewidth=0.5, alpha=0.45, zorder=1,
        )  # fmt: skip
    for kind, features in both.items():
        _points(axes, kind, features, "latency", "amplitude_v", volts, 1 / seconds)
    log_axis(axes.yaxis)
    axes.set(xlabel=f"Amplitude ({unit})", ylabel=f"Latency ({time_unit})")
    _legend(axes, loc="upper right")
    return figure


@styled
def recovery(both: Both) -> Figure:
    """Draw the second pulse's chance to fire, and its latency over the first's, against the gap."""
    figure = new_figure(4.2)
    above, below = figure.subplots(2, sharex=True, height_ratios=(1, 1.6))
    factor, unit = _condition_scale(both, "second_fire_probability", "gap_s", "s")
    for kind, features in both.items():
        _points(above, kind, features, "second_fire_probability", "gap_s", factor, top=1.0)
        _points(below, kind, features, "latency_ratio", "gap_s", factor)
    below.axhline(1.0, color=LINES["measured"]["color"], alpha=0.4, linewidth=0.8)
    log_axis(below.xaxis)
    above.set(ylabel="P(second fires)", ylim=(-0.08, 1.08))
    below.set(xlabel=f"Gap ({unit})", ylabel="Second latency / first")
    _legend(below, loc="upper right")
    return figure


@styled
def against(
    both: Both,
    name: str,
    condition: tuple[str, str, str],
    y_label: str,
    *,
    is_log: tuple[bool, bool] = (True, False),
) -> Figure:
    """Draw the features of one name against their condition.

    Parameters
    ----------
    both : mapping
    name : str
        Of the features.
    condition : (str, str, str)
        Its key in `Feature.at`, its unit and what to call it.
    y_label : str
    is_log : (bool, bool)
        Whether the axes are logarithmic.
    """
    key, unit, x_label = condition
    figure = new_figure(3.3)
    axes = figure.subplots()
    factor, shown = _condition_scale(both, name, key, unit)
    for kind, features in both.items():
        _points(axes, kind, features, name, key, factor)
    if is_log[0]:
        log_axis(axes.xaxis)
    if is_log[1]:
        log_axis(axes.yaxis)
    axes.set(xlabel=f"{x_label} ({shown})", ylabel=y_label)
    _legend(axes, loc="best")
    return figure


@styled
def cumulated_latencies(trials: Mapping[str, Sequence[Response]]) -> Figure:
    """Draw the share of trials that have fired by a time, at the amplitude with most trials.

    Trials that never fired keep the curve below one: nothing is left out.
    """
    figure = new_figure(3.3)
    axes = figure.subplots()
    at_v = _commonest_amplitude(trials["measured"])
    for kind, responses in trials.items():
        same = [t[0] for t in readings_of_trains(responses, 1) if t[0].pulse.amplitude_v == at_v]
        seen_s = np.sort([r.latency_s for r in same if r.latency_s is not None])
        factor, unit = axis_scale(float(seen_s.max(initial=1e-3)), "s")
        share = np.arange(1, seen_s.size + 1) / max(len(same), 1)
        axes.step(seen_s / factor, share, where="post", **LINES[kind], label=kind)
        axes.set_xlabel(f"Latency ({unit})")
    axes.set(ylabel="Share of trials that fired", ylim=(-0.03, 1.03))
    _legend(axes, loc="lower right")
    return figure


def _commonest_amplitude(responses: Sequence[Response]) -> float:
    amplitudes = [t[0].pulse.amplitude_v for t in readings_of_trains(responses, 1)]
    return max(dict.fromkeys(amplitudes), key=amplitudes.count) if amplitudes else nan


def _points(
    axes: Axes,
    kind: str,
    features: Sequence[Feature],
    name: str,
    condition: str,
    x_factor: float,
    y_scale: float = 1.0,
    top: float = np.inf,
) -> None:
    """Draw the features of one name with their standard errors, cut at 0 and `top`."""
    usable = [f for f in features if f.name == name and np.isfinite(f.value) and condition in f.at]
    if not usable:
        return
    x = np.array([f.at[condition] for f in usable]) / x_factor
    y = np.array([f.value for f in usable])
    error = np.nan_to_num([f.stderr for f in usable])
    ends = [y - np.maximum(y - error, 0.0), np.minimum(y + error, top) - y]
    axes.errorbar(x, y * y_scale, np.array(ends) * y_scale, **POINTS[kind], label=kind)


def _latencies(responses: Sequence[Response]) -> tuple[FloatArray, FloatArray]:
    fired = [train[0] for train in readings_of_trains(responses, 1) if train[0].fired]
    pairs = [(reading.pulse.amplitude_v, reading.latency_s) for reading in fired]
    amplitude_v, latency_s = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return amplitude_v, latency_s


def _condition_scale(both: Both, name: str, condition: str, unit: str) -> tuple[float, str]:
    values = [
        abs(feature.at[condition])
        for features in both.values()
        for feature in features
        if feature.name == name and condition in feature.at
    ]
    return axis_scale(max(values, default=0.0), unit)


def _fill(kind: str) -> str:
    return "full" if kind == "measured" else "none"


def _legend(axes: Axes, loc: Any) -> None:
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=loc)
