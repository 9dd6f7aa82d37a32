"""What all drivers share: one kind of error for a broken link, one for an unhappy instrument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import finalize

from pymeasure.instruments import Instrument, SCPIMixin
from pyvisa.errors import VisaIOError

from labbench.errors import InstrumentError, LinkError

# More than any instrument's queue holds: a queue that never ends is a broken link.
_LONGEST_QUEUE = 50


@contextmanager
def link(resource: str, command: str) -> Iterator[None]:
    """Turn whatever a VISA library raises when a link breaks into a LinkError.

    A dropped HiSLIP link is a RuntimeError, garbage on the wire a UnicodeDecodeError, and a missing
    interface library a ValueError or ImportError.
    """
    try:
        yield
    except (VisaIOError, RuntimeError, ValueError, ImportError, OSError) as error:
        raise LinkError(f"{resource} did not answer {command!r} properly: {error}") from error


class LinkedMixin(SCPIMixin):
    """Mix into a pymeasure driver, before its other bases.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
        Resource name, usually.
    name : str
    **kwargs
        For the VISA connection: ``visa_library``, ``timeout``, ...

    Attributes
    ----------
    resource : str
        Name of the resource, for messages.
    """

    def __init__(self, adapter: Any, name: str = "instrument", **kwargs: Any) -> None:
        self.resource = str(getattr(adapter, "resource_name", None) or adapter)
        self._command = "open"
        with link(self.resource, self._command):
            super().__init__(adapter, name, **kwargs)
        if isinstance(adapter, (str, int)):
            finalize(self, _disconnect, self.adapter)

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command."""
        self._command = command
        with link(self.resource, command):
            super().write(command, **kwargs)

    def write_bytes(self, content: bytes, **kwargs: Any) -> None:
        """Send a command with a binary block."""
        self._command = content[:40].decode("ascii", "replace")
        with link(self.resource, self._command):
            super().write_bytes(content, **kwargs)

    def read(self, **kwargs: Any) -> str:
        """Read an answer."""
        with link(self.resource, self._command):
            return str(super().read(**kwargs))

    def read_bytes(self, count: int, **kwargs: Any) -> bytes:
        """Read part of a binary answer."""
        with link(self.resource, self._command):
            return bytes(super().read_bytes(count, **kwargs))

    def read_block(self) -> bytes:
        """Read an answer that is one IEEE 488.2 definite-length block."""
        head = self.read_bytes(2)
        if head[:1] != b"#" or not head[1:].isdigit():
            raise LinkError(f"{self.resource} answered {self._command!r} without a block: {head!r}")
        length = int(self.read_bytes(int(head[1:])))
        block = self.read_bytes(length + 1)  # and the newline behind it
        return block[:length]

    def write_each(self, *commands: str) -> None:
        """Send commands one after the other, the later ones even if an earlier one fails.

        Raises
        ------
        LinkError
            The first failure, once all were tried.
        """
        failures = []
        for command in commands:
            try:
                self.write(command)
            except LinkError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def abandon(self) -> None:
        """Drop a reply that nobody read.

        Whatever stopped a run may have done so between a question and its answer: without this,
        the next question - is the output off? - would get the old answer.
        """
        # Not every interface can clear; a link that is really broken shows in the next command.
        with suppress(LinkError), link(self.resource, "device clear"):
            self.adapter.connection.clear()

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return str(self.id)

    def check_errors(self) -> list[Any]:
        """Read the instrument's error queue empty.

        Raises
        ------
        InstrumentError
            If there was anything in it.
        """
        command = self._command
        found: list[str] = []
        for _ in range(_LONGEST_QUEUE):
            answer = self.ask("SYST:ERR?").strip()
            code = answer.split(",", 1)[0]
            if not code.lstrip("+-").isdigit():
                raise LinkError(f"{self.resource} answered 'SYST:ERR?' with {answer!r}.")
            if int(code) == 0:
                break
            found.append(answer)
        if found:
            raise InstrumentError(f"{self.resource} reports {'; '.join(found)} after {command!r}.")
        return found


def _disconnect(adapter: Any) -> None:
    # pymeasure closes in __del__: at the end of a program that is too late for PyVISA.
    adapter.close()
    adapter.connection = None


class LinkedInstrument(LinkedMixin, Instrument):
    """Base of our own SCPI drivers."""
