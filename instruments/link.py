"""What all drivers share: one kind of error for a broken link, one for an unhappy instrument."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import finalize

from pymeasure.instruments import Instrument, SCPIMixin
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from labbench.errors import InstrumentError, LinkError

# More than any instrument's queue holds: a queue that never ends is a broken link.
_LONGEST_QUEUE = 50
# Answers that may lie in front of the one that was asked for.
_MOST_STALE = 10


@contextmanager
def link(resource: str, command: str) -> Iterator[None]:
    """Turn whatever a VISA library raises when a link breaks into a LinkError.

    A dropped HiSLIP link is a RuntimeError, garbage on the wire a UnicodeDecodeError, and a missing
    interface library a ValueError or ImportError.
    """
    try:
        yield
    except (VisaIOError, RuntimeError, ValueError, ImportError, OSError) as error:
        raise LinkError(
            f"{resource} did not answer {command!r} properly: {error} {_remedy(error)}"
        ) from error


def _remedy(error: Exception) -> str:
    if isinstance(error, VisaIOError) and error.error_code == StatusCode.error_timeout:
        return "Check that it is on and not waiting for a trigger, or raise the timeout."
    if isinstance(error, UnicodeDecodeError):
        return "Check address, baud rate and cable; the answer was dropped."
    if isinstance(error, (ImportError, ValueError)):
        return "Check the VISA library and the resource name."
    return "Check cable and network; the link is opened anew before the next command."


class LinkedMixin(SCPIMixin):
    """Mix into a pymeasure driver, before its other bases.

    After a failure the next command waits until question and answer are in step again: the buffers
    are cleared, or else the link is opened anew, and answers are dropped until the instrument says
    who it is. The command that failed is never sent again: it may have energised something.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
        Resource name, usually; then the instrument is asked who it is at once.
    name : str
    **kwargs
        For the VISA connection: ``visa_library``, ``timeout``, ...

    Attributes
    ----------
    resource : str
        Name of the resource, for messages.
    """

    # pymeasure guards names of dynamic properties at every access, a fifth of a stimulus's time;
    # our drivers have none.
    __getattribute__ = object.__getattribute__

    def __init__(self, adapter: Any, name: str = "instrument", **kwargs: Any) -> None:
        self.resource = str(getattr(adapter, "resource_name", None) or adapter)
        self._command = "open"
        self._identity: str | None = None
        self._is_astray = self._is_raw = False
        self._gathered: list[str] | None = None
        with link(self.resource, self._command):
            super().__init__(adapter, name, **kwargs)
        if isinstance(adapter, (str, int)):
            finalize(self, _disconnect, self.adapter)
            self._is_raw = self.adapter.connection.read_termination is None
            self._identity = self.identity.strip()

    @contextmanager
    def _linked(self) -> Iterator[None]:
        try:
            with link(self.resource, self._command):
                yield
        except LinkError:
            self._is_astray = True
            raise

    def _in_step(self, command: str) -> None:
        """Get ready to send a command."""
        if self._is_astray:
            self.resynchronise()
            self.forget_errors()  # what the failure left behind is no fault of what follows
        self._command = command

    def resynchronise(self) -> None:
        """Bring question and answer into step; ask nothing but who is there.

        Raises
        ------
        LinkError
            If the instrument does not say who it is, even on a link opened anew.
        """
        if self._identity is None:
            self._is_astray = False
            return  # handed an adapter that is not ours to open
        failure: LinkError | None = None
        # A raw socket has no device clear, and PyVISA-py's never returns once the link is dropped.
        is_socket = self.resource.upper().endswith("::SOCKET")
        for prepare in (self._reopen,) if is_socket else (self._clear, self._reopen):
            try:
                with link(self.resource, "*IDN?"):
                    prepare()
                    super().write("*IDN?")
                    self._drop_until_identity()
            except LinkError as error:
                failure = error
                continue
            self._is_astray = False
            return
        raise LinkError(
            f"{self.resource} is lost: it was {self._identity}, and does not answer '*IDN?' any "
            f"more, even on a link opened anew ({failure}) Switch its outputs off by hand."
        ) from failure

    def forget_errors(self) -> None:
        """Empty the instrument's error queue unread."""
        super().write("*CLS")

    def _clear(self) -> None:
        # Not every interface can clear; a link that is really broken shows in what follows.
        with suppress(VisaIOError, RuntimeError, NotImplementedError, OSError):
            self.adapter.connection.clear()

    def _reopen(self) -> None:
        connection = self.adapter.connection
        timeout = connection.timeout
        termination = connection.read_termination
        with suppress(VisaIOError, RuntimeError, OSError):
            connection.close()
        connection.open()
        connection.timeout = timeout
        connection.read_termination = termination

    def _drop_until_identity(self) -> None:
        found = ""
        for _ in range(_MOST_STALE):
            try:
                found = super().read().strip()
            except UnicodeDecodeError:
                continue
            except VisaIOError:
                if not found:
                    raise
                break
            if found == self._identity:
                return
        raise ValueError(f"expected {self._identity!r}, found {found!r}")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send what is set inside in one message, and look at the error queue once, at its end.

        Queries and binary blocks go out at once, behind what was gathered before them. If anything
        raises inside, what is still gathered is not sent.
        """
        self._gathered = []
        try:
            yield
            self._send_gathered()
        finally:
            self._gathered = None
        self.check_errors()

    def _send_gathered(self) -> None:
        gathered, self._gathered = self._gathered, None
        if gathered:
            self.write(";".join(one if one[0] in ":*" else f":{one}" for one in gathered))
        self._gathered = [] if gathered is not None else None

    def write(self, command: str, **kwargs: Any) -> None:
        """Send a command."""
        if self._gathered is not None:
            if "?" not in command:
                self._gathered.append(command)
                return
            self._send_gathered()
        self._in_step(command)
        with self._linked():
            super().write(command, **kwargs)

    def write_bytes(self, content: bytes, **kwargs: Any) -> None:
        """Send a command with a binary block."""
        self._send_gathered()
        self._in_step(content[:40].decode("ascii", "replace"))
        with self._linked():
            super().write_bytes(content, **kwargs)

    def read(self, **kwargs: Any) -> str:
        """Read an answer."""
        with self._linked():
            return self._whole(str(super().read(**kwargs)))

    def _whole(self, answer: str) -> str:
        """Refuse an answer without its end: half a number is a number, too."""
        # Without a termination VISA hands on the newline that every answer ends with.
        if self._is_raw and not answer.endswith("\n"):
            raise ValueError(f"the answer was cut short, {answer!r}.")
        return answer

    def read_bytes(self, count: int, **kwargs: Any) -> bytes:
        """Read part of a binary answer."""
        with self._linked():
            return bytes(super().read_bytes(count, **kwargs))

    def read_block(self) -> bytes:
        """Read an answer that is one IEEE 488.2 definite-length block."""
        head = self.read_bytes(2)
        if head[:1] != b"#" or not head[1:].isdigit():
            self._is_astray = True
            raise LinkError(f"{self.resource} answered {self._command!r} without a block: {head!r}")
        length = int(self.read_bytes(int(head[1:])))
        block = self.read_bytes(length + 1)  # and the newline behind it
        return block[:length]

    def write_each(self, *commands: str) -> None:
        """Send commands one after the other, the later ones even if an earlier one fails.

        Made for the safe end: also an instrument that does not answer any more is told.

        Raises
        ------
        LinkError
            The first failure, once all were tried.
        """
        failures = []
        with suppress(LinkError):
            self._in_step(commands[0])
        for command in commands:
            self._command = command
            try:
                with self._linked():
                    super().write(command)
            except LinkError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def abandon(self) -> None:
        """Drop a reply that nobody read.

        Whatever stopped a run may have done so between a question and its answer: without this,
        the next question - is the output off? - would get the old answer.
        """
        with suppress(LinkError):
            self.resynchronise()

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
        if self._gathered is not None:
            return []  # at the end of them all
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
