"""The states of a run and of a point of a sweep, and from which to which they can go.

The only place that says so::

    run    planned -> running -> finished | aborted | failed | interrupted

    point  planned -> moving -> applying -> recorded | failed | interrupted
                  \\-> skipped          \\-> planned, only if nothing was applied

A run that ended stays as it ended, and so does a point; one that lost its needles is planned anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENDED_STATES = ("finished", "aborted", "failed", "interrupted")
TRANSITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"planned": ("running",), "running": ENDED_STATES, **dict.fromkeys(ENDED_STATES, ())}
)
RUN_STATES = tuple(TRANSITIONS)

POINT_TRANSITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "planned": ("moving", "applying", "skipped", "failed"),
        "moving": ("planned", "applying", "skipped", "failed"),
        "applying": ("planned", "recorded", "failed", "interrupted"),
        **dict.fromkeys(("recorded", "failed", "skipped", "interrupted"), ()),
    }
)
POINT_STATES = tuple(POINT_TRANSITIONS)


def sources(
    state: str, transitions: Mapping[str, tuple[str, ...]] = TRANSITIONS
) -> tuple[str, ...]:
    """Return the states from which something can become `state`; a run, if not said otherwise."""
    return tuple(source for source, targets in transitions.items() if state in targets)
