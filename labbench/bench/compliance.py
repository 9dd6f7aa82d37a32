"""What is done when a source is found in compliance after a stimulus: never nothing, unsaid."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labbench.errors import SettingError

# Of the way down to zero.
RAMP_STEPS = 10
RAMP_STEP_S = 5e-3


class CompliancePolicy(StrEnum):
    """What is done; each is noted with every stimulus that it was in force for."""

    RECORD = "record"
    STOP = "stop"
    RAMP_DOWN = "ramp_down"


@dataclass(frozen=True)
class Verdict:
    """What follows from a look at a limit.

    Attributes
    ----------
    stops : bool
        Whether no further stimulus may be applied.
    ramps : bool
        Whether the source goes down in steps first.
    note : str
        Why, for the run; empty if it goes on.
    """

    stops: bool = False
    ramps: bool = False
    note: str = ""


def policy_named(name: str) -> CompliancePolicy:
    """Return a policy by its name.

    Raises
    ------
    SettingError
        If there is none.
    """
    try:
        return CompliancePolicy(name)
    except ValueError:
        known = ", ".join(CompliancePolicy)
        raise SettingError(f"A compliance policy is one of {known}, not {name!r}.") from None


def judge(
    policy: CompliancePolicy, in_compliance: bool | None, ordinal: int, limit_a: float
) -> Verdict:
    """Return what follows from what was seen after a stimulus.

    Parameters
    ----------
    policy : CompliancePolicy
    in_compliance : bool or None
        None where nobody looked, as before the supply is on.
    ordinal : int
        Of the stimulus.
    limit_a : float
        The limit that acted.
    """
    if not in_compliance or policy is CompliancePolicy.RECORD:
        return Verdict()
    note = (
        f"a source was in compliance ({limit_a:g} A) after stimulus {ordinal}, and the policy is "
        f"{policy}: look at the device and its contacts, or allow it with the policy record"
    )
    return Verdict(stops=True, ramps=policy is CompliancePolicy.RAMP_DOWN, note=note)


def ramp_down_levels(level_v: float) -> tuple[float, ...]:
    """Return the levels on the way from a level to zero, equal steps, zero the last."""
    return tuple(level_v * (RAMP_STEPS - k) / RAMP_STEPS for k in range(1, RAMP_STEPS + 1))
