"""The PyVISA backend "@labbench": simulated instruments behind real VISA calls, in process.

``ResourceManager("some/bench.toml@labbench")`` uses the bench of that file, ``"@labbench"`` the
default one. A bench is switched on, fresh from its seed, when its resource manager is opened, and
off when the manager is closed; whoever opens the same path in between shares it, as with real
instruments. To start anew, close the manager first.

A write costs the bench's message latency in virtual time and a read without an answer its timeout;
real time is never spent.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from pyvisa import attributes, constants, errors, highlevel, rname
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.util import LibraryPath

from instruments.simulated.bench import SimulatedBench, canonical, read_bench
from instruments.simulated.scpi import ScpiInstrument
from labbench.errors import BenchError

_DEFAULT_BENCH = LibraryPath("default", "the default bench")


class Session:
    """One opened resource: its attributes, and the message being written."""

    def __init__(self, manager: int, name: rname.ResourceName, instrument: ScpiInstrument) -> None:
        self.instrument = instrument
        self.kind = (name.interface_type_const, name.resource_class)
        self.partial = b""
        self.attributes: dict[int, Any] = {
            ResourceAttribute.resource_manager_session: manager,
            ResourceAttribute.resource_name: str(name),
            ResourceAttribute.resource_class: name.resource_class,
            ResourceAttribute.interface_type: name.interface_type_const,
            ResourceAttribute.interface_number: int(getattr(name, "board", 0)),
        }

    def get(self, attribute: int) -> tuple[Any, StatusCode]:
        """Return an attribute, by default that of the VISA specification."""
        known = attributes.AttributesByID.get(attribute)
        if known is None or not known.in_resource(self.kind) or not known.read:
            return 0, StatusCode.error_nonsupported_attribute
        return self.attributes.setdefault(attribute, known.default), StatusCode.success

    def set(self, attribute: int, value: Any) -> StatusCode:
        """Change an attribute."""
        known = attributes.AttributesByID.get(attribute)
        if known is None or not known.in_resource(self.kind):
            return StatusCode.error_nonsupported_attribute
        if not known.write:
            return StatusCode.error_attribute_read_only
        self.attributes[attribute] = value
        return StatusCode.success

    @property
    def timeout_s(self) -> float:
        """How long a read waits for an answer."""
        value = self.get(ResourceAttribute.timeout_value)[0]
        return 0.0 if value in (constants.VI_TMO_INFINITE, None) else value / 1000.0

    @property
    def has_end(self) -> bool:
        """Whether a write ends its message by itself; sockets and serial lines need a newline."""
        interface, resource_class = self.kind
        return resource_class == "INSTR" and interface != constants.InterfaceType.asrl

    @property
    def termination(self) -> bytes | None:
        """The character that ends a read, if one does."""
        if not self.get(ResourceAttribute.termchar_enabled)[0]:
            return None
        return bytes([self.get(ResourceAttribute.termchar)[0]])


class SimulatedVisaLibrary(highlevel.VisaLibraryBase):
    """Dispatches VISA calls to the instruments of one simulated bench.

    Attributes
    ----------
    bench : SimulatedBench or None
        While the resource manager is open.
    """

    bench: SimulatedBench | None

    @staticmethod
    def get_library_paths() -> Iterable[LibraryPath]:
        """Name the default bench."""
        return (_DEFAULT_BENCH,)

    @staticmethod
    def get_debug_info() -> dict[str, str]:
        """Say what this is."""
        return {"Backend": "labbench's simulated bench"}

    def _init(self) -> None:
        self.bench = None
        self._sessions: dict[int, Session] = {}
        self._managers: set[int] = set()
        self._numbers = count(1)

    # Opening and closing.

    def open_default_resource_manager(self) -> tuple[Any, StatusCode]:
        """Switch the bench on, as its file describes it now."""
        self.bench = read_bench(None if self.library_path == _DEFAULT_BENCH else self.library_path)
        self._sessions.clear()
        number = next(self._numbers)
        self._managers = {number}
        return number, self._done(number)

    def open(
        self,
        session: Any,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: Any = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[Any, StatusCode]:
        """Open a resource."""
        try:
            address = canonical(resource_name)
        except BenchError:
            return 0, self._done(session, StatusCode.error_invalid_resource_name)
        instrument = self._bench.instruments.get(address)
        if instrument is None:
            return 0, self._done(session, StatusCode.error_resource_not_found)
        number = next(self._numbers)
        name = rname.ResourceName.from_string(address)
        self._sessions[number] = Session(session, name, instrument)
        return number, self._done(number)

    def close(self, session: Any) -> StatusCode:
        """Close a resource, or the manager and with it the bench."""
        if session in self._managers:
            self._managers.clear()
            self._sessions.clear()
            self.bench = None
        else:
            self._sessions.pop(session, None)
        return StatusCode.success

    def list_resources(self, session: Any, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the resource names that match."""
        return rname.filter(list(self._bench.instruments), query)

    # Messages.

    def write(self, session: Any, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes to an instrument."""
        opened = self._session(session)
        with self._bench.lock:
            opened.partial += bytes(data)
            if opened.has_end or opened.partial.endswith(b"\n"):
                message, opened.partial = opened.partial, b""
                self._bench.clock.sleep(self._bench.message_latency_s)
                opened.instrument.message(message)
        return len(data), self._done(session)

    def read(self, session: Any, count: int) -> tuple[bytes, StatusCode]:
        """Read up to the end of the answer, a termination character or some number of bytes."""
        opened = self._session(session)
        instrument = opened.instrument
        with self._bench.lock:
            if not instrument.is_talking:
                instrument.unterminated()
                self._bench.clock.sleep(opened.timeout_s)
                return b"", self._done(session, StatusCode.error_timeout)
            end = opened.termination
            data = instrument.take(count, end)
            if end and data.endswith(end):
                status = StatusCode.success_termination_character_read
            elif instrument.is_talking:
                status = StatusCode.success_max_count_read
            else:
                status = StatusCode.success
        return data, self._done(session, status)

    def read_stb(self, session: Any) -> tuple[int, StatusCode]:
        """Read the status byte without a message."""
        status = self._session(session).instrument.status_byte
        return status, self._done(session)

    def clear(self, session: Any) -> StatusCode:
        """Clear the buffers of an instrument."""
        opened = self._session(session)
        with self._bench.lock:
            opened.partial = b""
            opened.instrument.device_clear()
        return self._done(session)

    def flush(self, session: Any, mask: Any) -> StatusCode:
        """Discard what waits to be read."""
        return self.clear(session)

    def assert_trigger(self, session: Any, protocol: Any) -> StatusCode:
        """Send an interface trigger."""
        opened = self._session(session)
        with self._bench.lock:
            self._bench.clock.sleep(self._bench.message_latency_s)
            opened.instrument.group_trigger()
        return self._done(session)

    # Attributes and events.

    def get_attribute(self, session: Any, attribute: Any) -> tuple[Any, StatusCode]:
        """Return an attribute of a resource."""
        value, status = self._session(session).get(attribute)
        return value, self._done(session, status)

    def set_attribute(self, session: Any, attribute: Any, attribute_state: Any) -> StatusCode:
        """Change an attribute of a resource."""
        status = self._session(session).set(attribute, attribute_state)
        return self._done(session, status)

    def disable_event(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """Do nothing: there are no events yet, but PyVISA switches them off when it closes."""
        return StatusCode.success

    def discard_events(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """Do nothing, see `disable_event`."""
        return StatusCode.success

    def _done(self, session: Any, status: StatusCode = StatusCode.success) -> StatusCode:
        """Note a status; one that is an error raises."""
        return self.handle_return_value(session, status)

    @property
    def _bench(self) -> SimulatedBench:
        if self.bench is None:
            raise errors.InvalidSession
        return self.bench

    def _session(self, session: Any) -> Session:
        try:
            return self._sessions[session]
        except KeyError:
            raise errors.VisaIOError(StatusCode.error_invalid_object) from None
