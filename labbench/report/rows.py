"""A scorecard and a fit as the rows of a page: every number a text, every flag in plain words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import isfinite

from labbench.compare import (
    AGREES,
    CANNOT_TELL,
    DISAGREES,
    Comparison,
    Estimate,
    ParameterRow,
    Scorecard,
)
from labbench.features import Outcome
from labbench.fit import FitResult
from labbench.model import PARAMETERS
from labbench.report.quantity import (
    MISSING,
    format_error,
    format_p,
    format_quantity,
    format_sigma,
)
from labbench.report.verdict import INFERRED, SIGNS, property_verdicts
from labbench.report.wording import count, feature_phrase, feature_words

# Above this, what is left is more than the errors that were stated.
POOR_FIT = 2.0
# A longer scorecard is folded.
SHORT = 30
HELD_OUT = "held out"


@dataclass(frozen=True)
class FeatureRow:
    """One line of the scorecard."""

    feature: str
    condition: str
    measured: str
    measured_n: int
    simulated: str
    simulated_n: int
    parts: str
    difference: str
    p: str
    verdict: str
    sign: str
    role: str


@dataclass(frozen=True)
class FeatureGroup:
    """The lines of one property, with what they say in sum; `is_open` if to be seen at once."""

    property: str
    verdict: str
    sign: str
    summary: str
    is_open: bool
    rows: list[FeatureRow]


@dataclass(frozen=True)
class ParameterLine:
    """One line of the parameter table; `truth` and `error` only where a simulated bench knows."""

    name: str
    meaning: str
    value: str
    identifiable: bool
    remedy: str
    truth: str
    error: str


@dataclass(frozen=True)
class FitSummary:
    """What was fitted, how, and how well."""

    stages: tuple[str, ...]
    redchi: str
    nfree: int
    outcome: str
    message: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Flag:
    """One line to read first; `is_warning` if it limits what the rest is worth."""

    text: str
    is_warning: bool


def headline(scorecard: Scorecard, fit: FitResult | None) -> list[Flag]:
    """Return what to know first: agreement, what disagrees, how good the fit is."""
    counts = Counter(row.verdict for row in scorecard.properties)
    flags = []
    if scorecard.properties:
        compared = counts.total() - counts[INFERRED]
        text = f"{counts[AGREES]} of {count(compared, 'feature')} agree"
        if counts[DISAGREES]:
            verb = "differs" if counts[DISAGREES] == 1 else "differ"
            text += f", {counts[DISAGREES]} {verb} more than chance allows"
        if counts[CANNOT_TELL]:
            text += f", {counts[CANNOT_TELL]} cannot be told with these errors"
        flags.append(Flag(f"{text}.", False))
        inside = [r.within for r in scorecard.properties if r.role == HELD_OUT]
        known = [within for within in inside if within is not None]
        if known:
            flags.append(
                Flag(
                    f"{sum(known)} of {count(len(known), 'feature')} that the fit did not see "
                    f"lie within their 95 % interval.",
                    False,
                )
            )
    against = [row for row in scorecard.properties if row.verdict == DISAGREES]
    if against:
        where: dict[str, list[str]] = {}
        for row in against:
            where.setdefault(feature_words(row.feature)[0], []).append(feature_phrase(row.feature))
        named = [f"{name} ({len(p)} times)" if len(p) > 1 else p[0] for name, p in where.items()]
        flags.append(Flag(f"Model and measurement differ in {', '.join(named)}.", True))
    discrepancy = _discrepancy(scorecard, fit)
    if discrepancy:
        text = (
            f"{discrepancy} The parameters are the best of a poor fit: their errors are too small."
        )
        flags.append(Flag(text, True))
    if fit is not None and fit.outcome is not Outcome.OK:
        flags.append(Flag(f"The fit: {fit.outcome}. {fit.message}", True))
    assumed = [row.name for row in scorecard.parameters if not row.identifiable]
    if assumed:
        flags.append(
            Flag(
                f"The data do not determine {', '.join(assumed)}: what is shown for them is an "
                f"assumption, not a result.",
                True,
            )
        )
    return flags


def _discrepancy(scorecard: Scorecard, fit: FitResult | None) -> str:
    """Return what the model does not explain: the fit's own words, or its chi-square's."""
    if fit is not None and fit.discrepancy:
        return fit.discrepancy
    redchi = fit.redchi if fit is not None else scorecard.redchi
    if redchi is None or not redchi > POOR_FIT:
        return ""
    return (
        f"The model does not explain these data: reduced chi-square {redchi:.1f}, where about 1 "
        "is expected."
    )


def feature_groups(scorecard: Scorecard) -> list[FeatureGroup]:
    """Return the scorecard's lines by property, the conditions of a feature together.

    Of a long scorecard only what disagrees is open.
    """
    groups: dict[str, dict[str, list[FeatureRow]]] = {}
    for row in scorecard.properties:
        line = _feature_row(row)
        groups.setdefault(row.property, {}).setdefault(line.feature, []).append(line)
    verdicts = {each.property: each for each in property_verdicts(scorecard)}
    is_short = len(scorecard.properties) <= SHORT
    return [
        FeatureGroup(
            property=name,
            verdict=verdicts[name].verdict,
            sign=SIGNS[verdicts[name].verdict],
            summary=verdicts[name].summary,
            is_open=is_short or verdicts[name].verdict == DISAGREES,
            rows=[line for lines in features.values() for line in lines],
        )
        for name, features in groups.items()
    ]


def parameter_rows(scorecard: Scorecard) -> list[ParameterLine]:
    """Return the lines of the parameter table."""
    return [_parameter_line(row) for row in scorecard.parameters]


def fit_summary(fit: FitResult | None) -> FitSummary | None:
    """Return what to say about a fit; None without one."""
    if fit is None:
        return None
    return FitSummary(
        stages=fit.stages,
        redchi=f"{fit.redchi:.2f}" if isfinite(fit.redchi) else MISSING,
        nfree=fit.nfree,
        outcome=str(fit.outcome),
        message=fit.message,
        notes=fit.notes,
    )


def _feature_row(row: Comparison) -> FeatureRow:
    feature, condition = feature_words(row.feature)
    return FeatureRow(
        feature=feature,
        condition=condition,
        measured=measured_text(row),
        measured_n=row.measured.n,
        simulated=_estimate(row.simulated, row.unit),
        simulated_n=row.simulated.n,
        parts=error_parts(row),
        difference=format_sigma(row.difference_sigma),
        p=format_p(row.p_value),
        verdict=row.verdict,
        sign=SIGNS.get(row.verdict, ""),
        role=row.role,
    )


def error_parts(row: Comparison) -> str:
    """Return the simulated value's error by its trials and by the card; empty without one."""
    if not isfinite(row.trials_stderr):
        return ""
    if row.card_stderr == 0.0 and row.trials_stderr == 0.0:
        return MISSING
    card = format_error(row.card_stderr, row.unit) if isfinite(row.card_stderr) else "unknown"
    return f"{format_error(row.trials_stderr, row.unit)} | {card}"


def measured_text(row: Comparison) -> str:
    """Return the measured value, with what came of it unless that is plain."""
    text = _estimate(row.measured, row.unit)
    return text if row.outcome is Outcome.OK else f"{text} ({row.outcome})"


def _estimate(estimate: Estimate, unit: str) -> str:
    return format_quantity(estimate.value, estimate.stderr, unit)


def _parameter_line(row: ParameterRow) -> ParameterLine:
    truth = error = ""
    if row.truth is not None:
        truth = format_quantity(row.truth, None, row.unit)
        if row.truth:
            error = f"{100 * (row.value / row.truth - 1):+.1f} %".replace("-", "\N{MINUS SIGN}")
            error += (
                f" ({format_sigma((row.value - row.truth) / row.stderr)} σ)" if row.stderr else ""
            )
    known = PARAMETERS.get(row.name)
    return ParameterLine(
        name=row.name,
        meaning=known.meaning if known else "",
        value=format_quantity(row.value, row.stderr, row.unit),
        identifiable=row.identifiable,
        remedy=row.remedy,
        truth=truth,
        error=error,
    )
