"""What comes next on a device, from what the store knows of it: the same anew and resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from labbench.features import Feature, Outcome
from labbench.store import PointRecord
from labbench.wafer.plan import Plan, Uncertain

FeaturesOf = Callable[[int], Sequence[Feature]]


@dataclass(frozen=True)
class Run:
    """Run the procedure of a planned point."""

    point: PointRecord


@dataclass(frozen=True)
class Repeat:
    """Try a point once more; with the needles put down anew, if `touches`."""

    point: PointRecord
    reason: str
    touches: bool = False


@dataclass(frozen=True)
class Skip:
    """Leave the device, and say why."""

    reason: str


Decision = Run | Repeat | Skip | None


def decide(plan: Plan, points: Sequence[PointRecord], features_of: FeaturesOf) -> Decision:
    """Return what comes next on a device; None if it is done.

    Parameters
    ----------
    plan : Plan
    points : sequence of PointRecord
        All of the device.
    features_of : callable
        Returns the features of a run by its id.
    """
    n_steps = len(plan.all_steps)
    for point in _last_attempts(points):
        is_contact = plan.contact is not None and point.ordinal % n_steps == 0
        if point.state == "planned":
            return Run(point)
        if point.state == "failed" and (is_contact or plan.conditions.stop_on_faults):
            return Skip(f"{point.procedure} failed")
        if point.state == "recorded" and point.run_id is not None:
            decision = _judge(plan, point, is_contact, features_of(point.run_id))
            if decision is not None:
                return decision
    return None


def _last_attempts(points: Sequence[PointRecord]) -> list[PointRecord]:
    last: Mapping[int, PointRecord] = {
        point.ordinal: point for point in sorted(points, key=lambda p: (p.ordinal, p.attempt))
    }
    return list(last.values())


def _judge(
    plan: Plan, point: PointRecord, is_contact: bool, features: Sequence[Feature]
) -> Decision:
    found = {feature.outcome: feature for feature in reversed(features)}
    conditions = plan.conditions
    bad = next((outcome for outcome in conditions.skip_on if outcome in found), None)
    if bad is not None:
        reason = f"{bad}: {found[bad].label} of {point.procedure}"
        more = plan.contact is not None and point.attempt + 1 < plan.contact.touches
        if is_contact and bad is Outcome.OPEN and more:
            return Repeat(point, reason, touches=True)
        return Skip(reason)
    uncertain = conditions.uncertain
    if uncertain is None or is_contact or point.attempt >= uncertain.repeats:
        return None
    doubt = next((doubt for f in features if (doubt := _doubt(f, uncertain))), "")
    return Repeat(point, doubt) if doubt else None


def _doubt(feature: Feature, uncertain: Uncertain) -> str:
    if feature.name not in uncertain.features:
        return ""
    if not feature.is_usable:
        doubt = feature.outcome if feature.outcome is not Outcome.OK else "no standard error"
        return f"uncertain: {feature.label}, {doubt}"
    share = feature.stderr / abs(feature.value) if feature.value else float("inf")
    if share <= uncertain.relative_stderr:
        return ""
    said = f"{share:.0%}" if isfinite(share) else "more than it"
    return f"uncertain: {feature.label} to {said}"
