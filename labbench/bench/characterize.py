"""A whole characterization of one device: a run for each procedure of the plan."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from labbench.bench.bench import Bench
from labbench.bench.run import RunReport, run_procedure
from labbench.errors import FeatureError, SettingError, StimulusError, TraceError
from labbench.features import Feature, Outcome
from labbench.store import Store
from procedures import PROCEDURES, configure
from procedures.characterization import PURPOSES, PlanStep, characterization, settings_for

# Faults of one procedure. Those of bench, link, instrument or store end the whole: whatever comes
# next would meet them again, or a device that nobody watches.
_OWN_FAULTS = (SettingError, StimulusError, TraceError, FeatureError)


@dataclass
class Characterization:
    """What came of it.

    Attributes
    ----------
    reports : list of RunReport
    out_of_reach : list of str
        What the wiring does not reach, by procedure or feature.
    notes : list of str
        What was left out, failed, or ended it early.
    is_complete : bool
        Whether the plan came to its end.
    """

    reports: list[RunReport] = field(default_factory=list)
    out_of_reach: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_complete: bool = False


def characterize(
    bench: Bench,
    store: Store,
    session_id: int,
    device_id: int,
    *,
    effort: float = 1.0,
    purposes: Collection[str] = PURPOSES,
    on_progress: Callable[[str, float], None] = lambda stage, percent: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Characterization:
    """Characterise a neuron: each procedure of the plan in a run of its own.

    A procedure that fails by itself is noted, and the next one comes. The plan ends early if the
    device does not fire.

    Parameters
    ----------
    bench, store : Bench, Store
        Open.
    session_id, device_id : int
    effort : float, optional
        Multiplies how often things are repeated.
    purposes : collection of str, optional
        Of `PlanStep`: steps with another one are left out.
    on_progress : callable, optional
        Called with the name of a procedure and percent.
    should_stop : callable, optional
        Asked before each stimulus.

    Raises
    ------
    LabbenchError
        If bench, instruments or store are at fault.
    """
    found = Characterization()
    plan, drawn = characterization(effort), None
    while not should_stop():
        try:
            step = next(plan) if drawn is None else plan.send(drawn)
        except StopIteration as end:
            if end.value:
                found.notes.append(end.value)
            found.is_complete = not end.value
            return found
        if step.purpose not in purposes:
            drawn = []
            continue
        drawn = _run(bench, store, session_id, device_id, step, found, on_progress, should_stop)
    found.notes.append("stopped by the operator")
    return found


def _run(
    bench: Bench,
    store: Store,
    session_id: int,
    device_id: int,
    step: PlanStep,
    found: Characterization,
    on_progress: Callable[[str, float], None],
    should_stop: Callable[[], bool],
) -> list[Feature]:
    """Run one step and return its features; none if it failed or there is no such procedure."""
    name = step.procedure
    if name not in PROCEDURES:
        found.notes.append(f"{name}: there is no such procedure yet")
        return []
    try:
        procedure = configure(PROCEDURES[name], settings_for(PROCEDURES[name], step.settings))
        report = run_procedure(
            bench,
            store,
            session_id,
            device_id,
            procedure,
            on_progress=lambda percent: on_progress(name, percent),
            should_stop=should_stop,
        )
    except _OWN_FAULTS as error:
        found.notes.append(f"{name}: {error}")
        return []
    found.reports.append(report)
    features = [record.feature for record in store.features(run_id=report.run_id)]
    missed = [f for f in features if f.outcome is Outcome.OUT_OF_REACH]
    if features and len(missed) == len(features):
        found.out_of_reach.append(name)
    else:
        found.out_of_reach += [f"{name}: {feature.label}" for feature in missed]
    return features
