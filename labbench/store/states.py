"""The states of a run, and from which to which it can go: the only place that says so.

::

    planned -> running -> finished | aborted | failed | interrupted

A run that ended stays as it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENDED_STATES = ("finished", "aborted", "failed", "interrupted")
TRANSITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"planned": ("running",), "running": ENDED_STATES, **dict.fromkeys(ENDED_STATES, ())}
)
RUN_STATES = tuple(TRANSITIONS)


def sources(state: str) -> tuple[str, ...]:
    """Return the states from which a run can become `state`."""
    return tuple(source for source, targets in TRANSITIONS.items() if state in targets)
