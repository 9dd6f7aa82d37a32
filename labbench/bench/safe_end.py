"""The safe end: every output to zero and off, verified, whatever fails on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# A link that failed is in step again, or opened anew, at the second try.
TRIES = 2


def switch_off(instruments: Mapping[str, tuple[str, Any]]) -> list[str]:
    """Bring every output to zero and off, read back that it is, and return what failed.

    One instrument's failure does not keep the next one from being switched off, and neither does
    Ctrl-C: it is raised again once all of them were tried.

    Parameters
    ----------
    instruments : mapping of role to (address, instrument)
    """
    faults: list[str] = []
    stop: KeyboardInterrupt | None = None
    for role, (address, instrument) in instruments.items():
        fault = ""
        # An interrupt spoils a try; a second one comes from nobody but an impatient operator.
        for _ in range(TRIES + 1):
            try:
                fault = _off(instrument)
            except KeyboardInterrupt as error:
                stop = error
                fault = fault or "interrupted"
                continue
            if not fault:
                break
        if fault:
            faults.append(f"{role} at {address}: {fault}")
    if stop is not None and not faults:
        raise stop
    return faults


def unsafe(faults: list[str]) -> str:
    """Return what an operator must know and do."""
    return "These outputs could not be verified as off - switch them off by hand: " + "; ".join(
        faults
    )


def _off(instrument: Any) -> str:
    """Return what failed, empty if the output is off."""
    try:
        instrument.safe()
        # Asked once more: a driver's own check came before the last commands that it sent.
        if getattr(instrument, "is_output_on", False):
            return "the output is still on"
    except Exception as error:  # noqa: BLE001 - whatever it is, the others come next
        return str(error) or type(error).__name__
    return ""
