"""What comes next on a device, from what the store knows of it: the same anew and resumed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from labbench.features import Feature, Outcome
from labbench.store import PointRecord
from labbench.wafer.plan import Plan, Uncertain

FeaturesOf = Callable[[int], Sequence[Feature]]
# How the note of a point begins that was skipped because nobody knows the contact.
CONTACT_UNKNOWN = "contact is not known"


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


def decide(
    plan: Plan,
    points: Sequence[PointRecord],
    features_of: FeaturesOf,
    *,
    is_under: bool = True,
    before: Collection[int] = (),
) -> Decision:
    """Return what comes next on a device; None if it is done.

    Parameters
    ----------
    plan : Plan
    points : sequence of PointRecord
        All of the device.
    features_of : callable
        Returns the features of a run by its id.
    is_under : bool, optional
        Whether the needles are on the device, as they were when its contact was checked.
    before : collection of int, optional
        Ids of points that were settled before these needles came down: of other touches.
    """
    last = last_attempts(points)
    contact = next((point for point in last if _is_contact(plan, point)), None)
    if contact is not None:
        decision = _judge_contact(plan, contact, points, features_of, before)
        if decision is not None:
            return decision
    for point in last:
        if point is contact:
            continue
        if point.state == "planned":
            if contact is None or is_under:
                return Run(point)
            # What was found at another touch says nothing of where the needles come down now.
            return Repeat(contact, "needles down anew", touches=True)
        if point.state == "failed" and plan.conditions.stop_on_faults:
            return Skip(f"{point.procedure} failed")
        if point.state == "recorded" and point.run_id is not None:
            n_tries = sum(p.ordinal == point.ordinal and p.state == "recorded" for p in points)
            decision = _judge_step(plan, point, features_of(point.run_id), n_tries)
            if decision is not None:
                return decision
    return None


def _is_contact(plan: Plan, point: PointRecord) -> bool:
    return plan.contact is not None and point.ordinal % len(plan.all_steps) == 0


def last_attempts(points: Sequence[PointRecord]) -> list[PointRecord]:
    """Return the last attempt at each point, in the order of measuring."""
    last: Mapping[int, PointRecord] = {
        point.ordinal: point for point in sorted(points, key=lambda p: (p.ordinal, p.attempt))
    }
    return list(last.values())


def _judge_contact(
    plan: Plan,
    contact: PointRecord,
    points: Sequence[PointRecord],
    features_of: FeaturesOf,
    before: Collection[int],
) -> Decision:
    if contact.state == "planned":
        return Run(contact)
    if contact.state == "failed":
        return Skip(f"{contact.procedure} failed")
    if contact.state == "interrupted":
        return Skip(f"{CONTACT_UNKNOWN}: {contact.procedure} was interrupted")
    if contact.run_id is None:
        return None
    outcome, reason = _leaving(plan, contact, features_of(contact.run_id))
    if not reason:
        return None
    tries = [p for p in points if p.ordinal == contact.ordinal and p.id not in before]
    n_tries = sum(each.state == "recorded" for each in tries)
    # A device that was given up, with nothing left to do there, is not touched again.
    is_wanted = any(point.state == "planned" for point in points)
    more = plan.contact is not None and n_tries < plan.contact.touches
    if outcome is Outcome.OPEN and more and is_wanted:
        return Repeat(contact, reason, touches=True)
    return Skip(reason)


def _judge_step(
    plan: Plan, point: PointRecord, features: Sequence[Feature], n_tries: int
) -> Decision:
    _, reason = _leaving(plan, point, features)
    if reason:
        return Skip(reason)
    uncertain = plan.conditions.uncertain
    if uncertain is None or n_tries > uncertain.repeats:
        return None
    doubt = next((doubt for f in features if (doubt := _doubt(f, uncertain))), "")
    return Repeat(point, doubt) if doubt else None


def _leaving(
    plan: Plan, point: PointRecord, features: Sequence[Feature]
) -> tuple[Outcome | None, str]:
    """Return the outcome after which the device is left, and the reason; empty if there is none."""
    found = {feature.outcome: feature for feature in reversed(features)}
    for outcome in plan.conditions.skip_on:
        if outcome in found:
            return outcome, f"{outcome}: {found[outcome].label} of {point.procedure}"
    return None, ""


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
