"""Which figures a report has, with captions that say conditions and numbers of trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labbench.features import PROPERTIES, Response
from labbench.fit import FitResult
from labbench.report.figures.cases import memristor_cases, neuron_cases
from labbench.report.figures.neuron import (
    Both,
    against,
    cumulated_latencies,
    fire_probability,
    latency,
    recovery,
)
from labbench.report.figures.quantiles import quantiles, quantiles_of
from labbench.report.figures.residuals import residuals
from labbench.report.figures.style import to_svg
from labbench.report.figures.sweeps import MOST_CYCLES, current_voltage
from labbench.report.figures.traces import traces
from labbench.report.quantity import format_quantity
from labbench.report.wording import count
from labbench.stimulus import PulseTrain, Sweep

Responses = Mapping[str, Sequence[Response]]


@dataclass(frozen=True)
class PageFigure:
    """A drawing with its words; `is_wide` if it takes the whole width of the page."""

    title: str
    svg: str
    caption: str
    is_wide: bool = False


def figures_of(
    measured: Responses, simulated: Responses, fit: FitResult | None
) -> list[PageFigure]:
    """Draw what the responses allow.

    Parameters
    ----------
    measured, simulated : mapping of property name to responses
    fit : FitResult or None
    """
    every = {"measured": _once(measured), "simulated": _once(simulated)}
    figures = [
        *_traces(every),
        *_neuron(measured, simulated),
        *_curves(measured, simulated),
        *_quantiles(every),
        *_sweeps(every),
    ]
    if fit is not None and fit.residuals:
        svg = to_svg(residuals(fit.residuals), "residuals")
        figures.append(
            PageFigure(
                "What the fit leaves",
                svg,
                f"Measured minus fitted in standard errors, for the "
                f"{count(len(fit.residuals), 'statistic')} that were fitted. About 19 of 20 belong "
                f"in the grey band; those outside are crosses.",
            )
        )
    return figures


def _traces(every: Responses) -> Iterator[PageFigure]:
    neuron = {kind: [r for r in rs if _is_neuron(r)] for kind, rs in every.items()}
    cases = neuron_cases(neuron["measured"], neuron["simulated"])
    if cases:
        yield PageFigure(
            "The same stimuli, measured and simulated",
            to_svg(traces(cases, "output"), "neuron"),
            "One trial each, the one of median latency. Triangles mark spikes: filled measured, "
            "open simulated. Latencies are random, so the two need not coincide; their statistics "
            "are below.",
            is_wide=True,
        )
    bare = {kind: [r for r in rs if _is_bare_pulse(r)] for kind, rs in every.items()}
    cases = memristor_cases(bare["measured"], bare["simulated"])
    if cases:
        yield PageFigure(
            "Current under a pulse, measured and simulated",
            to_svg(traces(cases, "memristor"), "pulse"),
            f"The first {max(len(case.measured) for case in cases)} of "
            f"{count(len(bare['measured']), 'recorded pulse')}, and "
            f"{count(max(len(case.simulated) for case in cases), 'simulated one')}. Crosses: the "
            f"current is at the end of the measuring range, the true one is at least that. "
            f"Currents are drawn along the voltage, however the probes were connected.",
            is_wide=True,
        )


def _neuron(measured: Responses, simulated: Responses) -> Iterator[PageFigure]:
    both = _features(measured, simulated, "threshold_firing")
    trials = {
        "measured": measured.get("threshold_firing", ()),
        "simulated": simulated.get("threshold_firing", ()),
    }
    width = _width(trials["measured"])
    if _has(both, "fire_probability"):
        yield PageFigure(
            "Threshold firing",
            to_svg(fire_probability(both), "probability"),
            f"Chance to fire against amplitude; {_numbers(both, 'fire_probability')} trials at "
            f"each, {width}. Bars are standard errors, vertical lines the half points.",
        )
    if _has(both, "latency"):
        yield PageFigure(
            "Latency",
            to_svg(latency(both, trials), "latency"),
            f"Pulse edge to spike. Large marks are geometric means of {_numbers(both, 'latency')} "
            f"trials with standard errors, dots the single trials; {width}.",
        )
    both = _features(measured, simulated, "refractory_period")
    if _has(both, "second_fire_probability"):
        yield PageFigure(
            "Refractory period",
            to_svg(recovery(both), "recovery"),
            f"What the second of two pulses does after a gap; "
            f"{_numbers(both, 'second_fire_probability')} pairs at each, "
            f"{_width(measured['refractory_period'], n_pulses=2)}. A ratio of 1 is full recovery.",
        )


@dataclass(frozen=True)
class _Curve:
    """A feature to draw against its condition."""

    property: str
    feature: str
    condition: tuple[str, str, str]
    title: str
    y_label: str
    caption: str
    is_log: tuple[bool, bool] = (True, False)


_CURVES = (
    _Curve(
        "leaky_integration",
        "pulses_to_fire",
        ("gap_s", "s", "Gap between pulses"),
        "Leaky integration",
        "Pulses to fire",
        "Pulses too short to fire alone, {n} trains at each gap. What leaks away in a gap has to "
        "be brought in again.",
        (False, True),
    ),
    _Curve(
        "intrinsic_plasticity",
        "latency_ratio",
        ("gap_s", "s", "Gap after the burst"),
        "Intrinsic plasticity",
        "Latency / rested latency",
        "Latency of a test pulse after a burst, over that of a rested neuron; {n} trials at each "
        "gap. Below 1 the residue of the burst hastens it.",
    ),
    _Curve(
        "gate_discharge",
        "interval",
        ("control_resistance_ohm", "Ohm", "Control resistor"),
        "Interval against control resistor",
        "Interval (s)",
        "Interval between spikes, {n} at each resistor.",
        (False, False),
    ),
)


def _curves(measured: Responses, simulated: Responses) -> Iterator[PageFigure]:
    for curve in _CURVES:
        if curve.property not in PROPERTIES:
            continue
        both = _features(measured, simulated, curve.property)
        if _has(both, curve.feature):
            drawn = against(
                both, curve.feature, curve.condition, curve.y_label, is_log=curve.is_log
            )
            caption = curve.caption.format(n=_numbers(both, curve.feature))
            yield PageFigure(curve.title, to_svg(drawn, curve.property), caption)
    if measured.get("stochasticity"):
        trials = {
            "measured": measured["stochasticity"],
            "simulated": simulated.get("stochasticity", ()),
        }
        yield PageFigure(
            "Stochasticity",
            to_svg(cumulated_latencies(trials), "stochasticity"),
            "Share of trials that have fired by a time, at the amplitude with most trials. A curve "
            "that ends below 1 has trials that never fired; a step at its start is the atom of "
            "trials without a jump.",
        )


def _quantiles(every: Mapping[str, Sequence[Response]]) -> Iterator[PageFigure]:
    pairs = quantiles_of(
        *([r for r in every[kind] if _is_neuron(r)] for kind in ("measured", "simulated"))
    )
    if pairs:
        yield PageFigure(
            "Distributions against each other",
            to_svg(quantiles(pairs), "quantiles"),
            "Simulated against measured quantiles of latency and interval, in percent of the "
            "measured median; on the diagonal the two laws are the same. A curve beside it is "
            "faster or slower throughout, a steeper one scatters more.",
        )


def _sweeps(every: Responses) -> Iterator[PageFigure]:
    both = {kind: [r for r in rs if _is_memristor_sweep(r)] for kind, rs in every.items()}
    if both["measured"]:
        shown = (
            f", {MOST_CYCLES} at most of each drawn" if len(both["measured"]) > MOST_CYCLES else ""
        )
        yield PageFigure(
            "Current against voltage",
            to_svg(current_voltage(both), "sweeps"),
            f"{count(len(both['measured']), 'recorded sweep')}{shown}. Crosses: at the end of the "
            f"measuring range, the true current is at least that. The model knows one polarity.",
            is_wide=True,
        )


def _features(measured: Responses, simulated: Responses, name: str) -> Both:
    extract = PROPERTIES[name][0]
    return {
        "measured": extract(measured.get(name, ())),
        "simulated": extract(simulated.get(name, ())),
    }


def _has(both: Both, name: str) -> bool:
    return any(feature.name == name for feature in both["measured"])


def _numbers(both: Both, name: str) -> str:
    n = sorted({feature.n for feature in both["measured"] if feature.name == name})
    return f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"


def _width(responses: Sequence[Response], n_pulses: int = 1) -> str:
    widths_s = {
        r.stimulus.pulses[0].width_s
        for r in responses
        if isinstance(r.stimulus, PulseTrain) and len(r.stimulus.pulses) == n_pulses
    }
    return "pulses of " + " and ".join(format_quantity(w, None, "s") for w in sorted(widths_s))


def _once(responses: Responses) -> list[Response]:
    """Return all responses; one that serves several properties once."""
    return list({id(r): r for several in responses.values() for r in several}.values())


def _is_memristor_sweep(response: Response) -> bool:
    return isinstance(response.stimulus, Sweep) and response.stimulus.terminal == "input"


def _is_neuron(response: Response) -> bool:
    return isinstance(response.stimulus, PulseTrain) and "output" in response.trace.channels


def _is_bare_pulse(response: Response) -> bool:
    trace = response.trace
    return (
        not isinstance(response.stimulus, Sweep)
        and "memristor" in trace.channels
        and "output" not in trace.channels
        and trace.has_time
        and bool(np.isfinite(trace.values("memristor")).any())
    )
