"""Registers of the SCPI STATus subsystem: condition, transitions, event, enable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from instruments.simulated.scpi.instrument import ScpiInstrument
from instruments.simulated.scpi.message import Parameter, ScpiError, number

_ALL = 32767


class StatusRegister:
    """One of the registers, added to an instrument under a header.

    Parameters
    ----------
    instrument : ScpiInstrument
    header : str
        As in the manuals: ``:STATus:OPERation``.
    condition : callable
        Returns the condition bits of now.
    """

    def __init__(
        self, instrument: ScpiInstrument, header: str, condition: Callable[[], int]
    ) -> None:
        self._condition = condition
        self._seen = 0
        self._event = 0
        self.enable, self.positive, self.negative = 0, _ALL, 0
        instrument.on(f"{header}[:EVENt]?", lambda c, p: str(self._take_event()))
        instrument.on(f"{header}:CONDition?", lambda c, p: str(self._condition()))
        for words, name in (
            (":ENABle", "enable"), (":PTRansition", "positive"), (":NTRansition", "negative"),
        ):  # fmt: skip
            instrument.on(f"{header}{words}", self._setter(name))
            instrument.on(f"{header}{words}?", lambda c, p, name=name: str(getattr(self, name)))

    @property
    def is_summary(self) -> bool:
        """Whether an enabled event happened."""
        self.notice()
        return bool(self._event & self.enable)

    def notice(self) -> None:
        """Note transitions of the condition since the last time."""
        now = self._condition()
        rises, falls = now & ~self._seen, self._seen & ~now
        self._event |= rises & self.positive | falls & self.negative
        self._seen = now

    def clear(self) -> None:
        """Forget the events."""
        self.notice()
        self._event = 0

    def preset(self) -> None:
        """Go back to the state of ``STATus:PRESet``."""
        self.enable, self.positive, self.negative = 0, _ALL, 0

    def _take_event(self) -> int:
        self.notice()
        event, self._event = self._event, 0
        return event

    def _setter(self, name: str) -> Callable[[int, Sequence[Parameter]], None]:
        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if not parameters:
                raise ScpiError(-109)
            value = round(number(parameters[0]))
            if not 0 <= value <= 65535:
                raise ScpiError(-222)
            setattr(self, name, value & _ALL)

        return put
