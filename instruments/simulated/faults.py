"""Faults between an instrument and its link, scripted in the bench file or added by a test.

What a client makes of a fault is the business of the transports: here answers disappear, come
late, or come spoilt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import inf
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from instruments.simulated.instrument import FaultUnknownError, Instrument
from labbench.errors import BenchError

GARBAGE = b"\xff\xfe\x9d\xc3\n"
# Faults of the link; all others are the instrument's own.
_LINK_KINDS = ("mute", "delay", "garbage", "truncate", "drop", "refuse")


class LinkDroppedError(Exception):
    """The link to an instrument is gone."""


class Fault(BaseModel):
    """One thing that goes wrong.

    Attributes
    ----------
    kind : str
        Of the link: "mute" (the answer never comes), "delay" (`value` s late), "garbage" (bytes
        that are no text), "truncate" (half of the answer), "drop" (the link breaks), "refuse" (the
        message is silently not obeyed). Of the instrument: "queue_overflow" (errors), "over_range"
        (readings), "interlock" (open), "trip" (the output goes off), "compliance" (silently
        becomes `value`).
    on : str
        Messages that it happens to, a regular expression looked for in them; all by default.
    after : int
        How many of those are spared first.
    times : int
        To how many of those it happens; 0 for all.
    value : float
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Literal[
        "mute", "delay", "garbage", "truncate", "drop", "refuse",
        "queue_overflow", "over_range", "interlock", "trip", "compliance",
    ]  # fmt: skip
    on: str = ""
    after: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=0)] = 1
    value: float | None = None

    @field_validator("on")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from error
        return value


class Port:
    """The instrument as its links see it, with whatever goes wrong in between.

    Parameters
    ----------
    instrument : Instrument
    faults : iterable of Fault
    """

    def __init__(self, instrument: Instrument, faults: Iterable[Fault] = ()) -> None:
        self.instrument = instrument
        self.faults: list[tuple[Fault, re.Pattern[str]]] = []
        self._seen: list[int] = []
        self._not_before_s = -inf
        self._is_muted = False
        for fault in faults:
            self.add_fault(fault)

    def add_fault(self, fault: Fault) -> None:
        """Have something go wrong from now on."""
        self.faults.append((fault, re.compile(fault.on, re.IGNORECASE)))
        self._seen.append(0)

    def message(self, data: bytes) -> None:
        """Send one complete program message.

        Raises
        ------
        LinkDroppedError
            If the link breaks with it; the instrument has not seen the message then.
        BenchError
            If the instrument cannot have the fault that the bench file asks for.
        """
        kinds = self._happening(data)
        if "drop" in kinds:
            raise LinkDroppedError
        for kind, value in kinds.items():
            if kind not in _LINK_KINDS:
                try:
                    self.instrument.fail(kind, value)
                except FaultUnknownError as error:
                    raise BenchError(
                        f"The simulated {self.instrument.identity} has no fault {kind!r}."
                    ) from error
        if "refuse" not in kinds:
            self.instrument.message(data)
        self._spoil(kinds)

    @property
    def next_answer_s(self) -> float:
        """When there will be an answer to read, as far as anybody knows; infinite if never."""
        return max(self.instrument.next_answer_s, self._not_before_s)

    @property
    def is_expected(self) -> bool:
        """Whether an answer was asked for, even if none will come."""
        return self._is_muted or bool(self.instrument.answers) or self.instrument.is_pending

    @property
    def is_talking(self) -> bool:
        """Whether an answer waits to be read."""
        return bool(self.instrument.answers) and self._not_before_s <= self.instrument.clock.now()

    def take(self, count: int, end: bytes | None = None) -> tuple[bytes, bool]:
        """Return up to `count` bytes of an answer, at most to an end character, and if it ended."""
        answers = self.instrument.answers
        if not self.is_talking:
            return b"", False
        if end and (at := answers[0].find(end)) >= 0:
            count = min(count, at + 1)
        taken, answers[0] = answers[0][:count], answers[0][count:]
        is_end = not answers[0]
        if is_end:
            answers.popleft()
            self.instrument.taken()
        return taken, is_end

    def _happening(self, data: bytes) -> dict[str, float | None]:
        if not self.faults:
            return {}
        text = data.decode("latin-1")
        kinds = {}
        for place, (fault, pattern) in enumerate(self.faults):
            if pattern.search(text):
                seen = self._seen[place] = self._seen[place] + 1
                if seen > fault.after and (not fault.times or seen <= fault.after + fault.times):
                    kinds[fault.kind] = fault.value
        return kinds

    def _spoil(self, kinds: dict[str, float | None]) -> None:
        answers = self.instrument.answers
        self._is_muted = "mute" in kinds and bool(answers)
        if self._is_muted:
            answers.clear()
        if "delay" in kinds:
            self._not_before_s = self.instrument.clock.now() + (kinds["delay"] or 0.0)
        if answers and "garbage" in kinds:
            answers[-1] = GARBAGE
        if answers and "truncate" in kinds:
            answers[-1] = answers[-1][: len(answers[-1]) // 2]
