"""Points of a sweep: planned from a plan, and settled after whatever ended their run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labbench.errors import PlanError, StoreError
from labbench.report.device import draw_features, save_features
from labbench.store import DoseRecord, PointRecord, Store, SweepRecord
from labbench.wafer.plan import Plan

# What says which points there are, and what each device may take: the rest may change on the way.
_MAKES_POINTS = ("wafer", "devices", "contact", "steps", "conditions", "budget")


def begin_sweep(plan: Plan, store: Store, resume: bool = False) -> SweepRecord:
    """Write all points of a plan into the store; or, to resume, find those that are there.

    Raises
    ------
    PlanError
        If the sweep is there and nobody asked to resume it, or the plan was changed since.
    NotFoundError
        If there is no such sweep to resume.
    """
    known = {sweep.name for sweep in store.sweeps()}
    if resume:
        found = store.sweep(plan.name)
        if changed := _changed(found.plan, plan.to_dict()):
            raise PlanError(
                f"The plan {plan.name!r} is not the one that was begun on {found.created_at:%F}: "
                f"{', '.join(changed)} changed. Resume with that one, or give the new plan a name "
                "of its own."
            )
        return found
    if plan.name in known:
        raise PlanError(
            f"The sweep {plan.name!r} was begun before: go on with --resume, or give the plan "
            "another name to measure everything anew."
        )
    store.add_wafer(plan.wafer.label, plan.wafer.material)
    ids = store.add_sites(plan.wafer.label, [plan.site_of(place) for place in plan.places()])
    budget = plan.budget.model_dump(exclude_none=True)
    for name in ids if budget else ():
        store.set_budget(name, budget)
    points = [
        (ids[place.name], step.procedure, dict(step.settings))
        for place in plan.places()
        for step in plan.all_steps
    ]
    store.plan_sweep(plan.wafer.label, plan.name, plan.to_dict(), points)
    return store.sweep(plan.name)


def _changed(begun: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name what makes other points than those of the plan that was begun, by section and key."""
    changed = []
    for section in _MAKES_POINTS:
        # Once, no contact check was written as nothing at all.
        old, new = begun.get(section, False), now.get(section, False)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
            changed += [f"{section}.{key}" for key in keys]
        elif old != new:
            changed.append(section)
    return changed


def settle(store: Store, point: PointRecord) -> str:
    """Take a point that was left on its way to what its run and the ledger say.

    A point none of whose stimuli is in the ledger is planned anew. One that is in there is never:
    it is recorded if its run came to its end, and otherwise left to a person.

    Returns
    -------
    str
        What a person has to decide, in a sentence; empty if there is nothing.
    """
    if point.state == "moving":
        store.change_point(point.id, "planned", note="the needles were on their way")
    if point.state != "applying" or point.run_id is None:
        return ""
    run = next(run for run in store.runs(device=point.device) if run.id == point.run_id)
    dose = store.dose(point.device, run.id)
    if run.state == "running":
        raise StoreError(
            f"Run {run.id} on device {run.device!r} is running: wait for its end, or give it up."
        )
    if run.state == "finished":
        complete_features(store, run.id, run.procedure)
        store.change_point(point.id, "recorded")
    elif dose.n_stimuli == 0:
        store.change_point(point.id, "planned", note=f"run {run.id} had applied nothing")
    elif run.state == "failed" and not dose.n_not_recorded:
        store.change_point(point.id, "failed", note=run.error or "failed")
    else:
        note = f"{_lost(dose)}; not repeated: decide by hand"
        store.change_point(point.id, "interrupted", note=note)
        return f"{point.procedure} on {point.device} was interrupted: {note}"
    return ""


def complete_features(store: Store, run_id: int, procedure: str) -> None:
    """Draw the features of a run whose process ended between its end and its features."""
    if not store.features(run_id=run_id):
        save_features(store, run_id, draw_features(procedure, store.responses(run_id)))


def _lost(dose: DoseRecord) -> str:
    if not dose.n_not_recorded:
        plural = "us" if dose.n_stimuli == 1 else "i"
        return f"stopped after {dose.n_stimuli} recorded stimul{plural}"
    was = "was" if dose.n_not_recorded == 1 else "were"
    return (
        f"of {dose.n_stimuli} stimuli {dose.n_not_recorded} may have been applied and {was} "
        "not recorded"
    )
