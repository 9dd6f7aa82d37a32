"""Runs, responses and features as rows of text."""

from __future__ import annotations

from labbench.features import Feature, Response
from labbench.report.quantity import MISSING, format_quantity
from labbench.report.wording import count, feature_words, words
from labbench.stimulus import PulseTrain, Stimulus, Sweep
from labbench.store import JournalRecord, RunRecord, RunSummary

RUN_HEADER = ("Run", "Device", "Procedure", "State", "Started", "Origin", "Responses", "Remarks")
RESPONSE_HEADER = ("#", "Stimulus", "Peak", "Length", "Samples")
FEATURE_HEADER = ("Property", "Feature", "Condition", "Value", "n", "Outcome")


def run_row(run: RunSummary) -> tuple[str, ...]:
    """Return a run under `RUN_HEADER`, its start in local time."""
    started = MISSING if run.started_at is None else f"{run.started_at.astimezone():%d %b %H:%M:%S}"
    remarks = "" if run.excluded is None else f"excluded: {run.excluded}"
    return (
        str(run.id),
        run.device,
        words(run.procedure),
        run.state,
        started,
        origin(run),
        str(run.n_responses),
        remarks,
    )


def journal_words(record: JournalRecord) -> str:
    """Return what somebody said, in one line."""
    when = f"{record.created_at.astimezone():%d %b %H:%M}"
    return f"{when} {record.author}, {record.kind}: {record.text}"


def origin(run: RunRecord | RunSummary) -> str:
    """Return who answered the stimuli of a run: "simulated" or "measured"."""
    return "simulated" if run.simulated else "measured"


def run_words(run: RunRecord) -> str:
    """Return a run in one line, with what went wrong."""
    parts = [run.device, words(run.procedure), f"run {run.id}", run.state]
    if run.source_sha256 is not None:
        parts.append("imported from a file")
    if run.error is not None:
        parts.append(run.error)
    if run.excluded is not None:
        parts.append(f"excluded: {run.excluded}")
    return " · ".join(parts)


def response_row(ordinal: int, response: Response) -> tuple[str, ...]:
    """Return a response under `RESPONSE_HEADER`."""
    stimulus = response.stimulus
    is_untimed = isinstance(stimulus, Sweep) and stimulus.dwell_s is None
    return (
        str(ordinal + 1),
        _stimulus_words(stimulus),
        format_quantity(stimulus.peak, None, stimulus.unit),
        MISSING if is_untimed else format_quantity(stimulus.duration_s, None, "s"),
        str(len(response.trace)),
    )


def _stimulus_words(stimulus: Stimulus) -> str:
    if isinstance(stimulus, Sweep):
        return f"sweep of {count(stimulus.voltage_v.size, 'level')}"
    if not isinstance(stimulus, PulseTrain):
        return words(stimulus.kind)
    pulses = stimulus.pulses
    text = f"{count(len(pulses), 'pulse')} of {format_quantity(pulses[0].width_s, None, 's')}"
    if len(pulses) == 1:
        return text
    return f"{text}, gap {format_quantity(pulses[1].start_s - pulses[0].end_s, None, 's')}"


def feature_row(property_name: str, feature: Feature) -> tuple[str, ...]:
    """Return a feature under `FEATURE_HEADER`."""
    name, condition = feature_words(feature.label)
    return (
        words(property_name),
        name,
        condition,
        format_quantity(feature.value, feature.stderr, feature.unit),
        str(feature.n),
        f"{feature.outcome}, inferred" if feature.inferred else str(feature.outcome),
    )
