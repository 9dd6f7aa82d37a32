"""The PyVISA backend "@labbench": simulated instruments behind real VISA calls, in process.

``ResourceManager("some/bench.toml@labbench")`` uses the bench of that file, ``"@labbench"`` the
default one. A bench is switched on, fresh from its seed, when its resource manager is opened, and
off when the manager is closed; whoever opens the same path in between shares it, as with real
instruments. To start anew, close the manager first.

A write costs the bench's message latency and a read without an answer its timeout, in the time of
the bench: virtual, so that real time is never spent, unless the bench file paces the clock.

When a link breaks, each interface shows it as the VISA libraries do: HiSLIP by a RuntimeError, a
socket by timeouts from then on, others by VI_ERROR_CONN_LOST. On sockets and serial lines an
answer that nobody read is still there in front of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from math import inf
from typing import Any

from pyvisa import constants, errors, highlevel, rname
from pyvisa.constants import (
    EventMechanism,
    EventType,
    ResourceAttribute,
    StatusCode,
)
from pyvisa.util import LibraryPath

from instruments.simulated.bench import SimulatedBench, canonical, read_bench
from instruments.simulated.clock import VirtualClock
from instruments.simulated.faults import LinkDroppedError
from instruments.simulated.session import Locks, Session
from labbench.errors import BenchError

_DEFAULT_BENCH = LibraryPath("default", "the default bench")


# While a paced clock waits, other threads get at the bench this often.
_SLICE_S = 5e-3


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
        self._locks = Locks()

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
        # VISA does not tell capitals from small letters.
        names = {known.upper(): known for known in self._bench.ports}
        address = names.get(address.upper(), address)
        port = self._bench.ports.get(address)
        if port is None:
            return 0, self._done(session, StatusCode.error_resource_not_found)
        number = next(self._numbers)
        name = rname.ResourceName.from_string(address)
        opened = Session(session, name, port)
        if access_mode and self._locks.take(port, number, access_mode, None) is None:
            return 0, self._done(session, StatusCode.error_resource_locked)
        self._sessions[number] = opened
        opened.listener = lambda: self._service_request(number, opened)
        port.instrument.service_listeners.append(opened.listener)
        return number, self._done(number)

    def close(self, session: Any) -> StatusCode:
        """Close a resource, or the manager and with it the bench."""
        if session in self._managers:
            self._managers.clear()
            self._sessions.clear()
            self.bench = None
        elif (opened := self._sessions.pop(session, None)) is not None:
            opened.port.instrument.service_listeners.remove(opened.listener)
            while self._locks.give_back(opened.port, session):
                pass
        return StatusCode.success

    def list_resources(self, session: Any, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the resource names that match."""
        return rname.filter(list(self._bench.instruments), query)

    # Messages.

    def write(self, session: Any, data: bytes) -> tuple[int, StatusCode]:
        """Send bytes to an instrument."""
        opened = self._unlocked(session)
        with self._bench.lock:
            self._check_link(session, opened)
            self._clock.catch_up()
            self._clock.sleep(self._bench.message_latency_s)
            try:
                opened.write(bytes(data))
            except LinkDroppedError:
                opened.is_dropped = True
        return len(data), self._done(session)

    def read(self, session: Any, count: int) -> tuple[bytes, StatusCode]:
        """Read up to the end of the answer, a termination character or some number of bytes."""
        opened = self._unlocked(session)
        has_come = self._has_answer(session, opened, count)
        if not has_come and not self._wait_for_answer(session, opened, count):
            return b"", self._done(session, StatusCode.error_timeout)
        with self._bench.lock:
            data, status = opened.read(count)
        return data, self._done(session, status)

    def read_stb(self, session: Any) -> tuple[int, StatusCode]:
        """Read the status byte without a message."""
        opened = self._unlocked(session)
        with self._bench.lock:
            self._clock.catch_up()
            status = opened.port.instrument.serial_poll()
        return status, self._done(session)

    def clear(self, session: Any) -> StatusCode:
        """Clear the buffers of an instrument."""
        opened = self._unlocked(session)
        with self._bench.lock:
            self._check_link(session, opened)
            opened.clear()
        return self._done(session)

    def flush(self, session: Any, mask: Any) -> StatusCode:
        """Discard what has been read ahead; an instrument with END keeps its own answer."""
        opened = self._unlocked(session)
        with self._bench.lock:
            opened.flush()
        return self._done(session)

    def assert_trigger(self, session: Any, protocol: Any) -> StatusCode:
        """Send an interface trigger."""
        opened = self._unlocked(session)
        with self._bench.lock:
            self._check_link(session, opened)
            self._clock.sleep(self._bench.message_latency_s)
            opened.port.instrument.group_trigger()
        return self._done(session)

    def gpib_control_ren(self, session: Any, mode: Any) -> StatusCode:
        """Take remote control: there is no front panel to take it from."""
        return self._done(session)

    def gpib_send_ifc(self, session: Any) -> StatusCode:
        """Clear the interface."""
        return self._done(session)

    def lock(
        self, session: Any, lock_type: Any, timeout: Any, requested_key: Any = None
    ) -> tuple[str, StatusCode]:
        """Keep other sessions from an instrument, but those with the key of a shared lock."""
        opened, key = self._session(session), None

        def is_taken() -> bool:
            nonlocal key
            key = self._locks.take(opened.port, session, lock_type, requested_key)
            return key is not None

        is_endless = timeout is None or timeout >= constants.VI_TMO_INFINITE
        if not self._wait(inf if is_endless else timeout / 1e3, lambda: inf, is_taken):
            self._done(session, StatusCode.error_resource_locked)
        return key or "", self._done(session)

    def unlock(self, session: Any) -> StatusCode:
        """Let other sessions at an instrument again."""
        opened = self._session(session)
        if not self._locks.give_back(opened.port, session):
            return self._done(session, StatusCode.error_session_not_locked)
        return self._done(session)

    # Attributes and events.

    def get_attribute(self, session: Any, attribute: Any) -> tuple[Any, StatusCode]:
        """Return an attribute of a resource."""
        opened = self._session(session)
        if attribute == ResourceAttribute.resource_lock_state:
            return self._locks.state(opened.port), self._done(session)
        with self._bench.lock:
            value, status = opened.get(attribute)
        return value, self._done(session, status)

    def set_attribute(self, session: Any, attribute: Any, attribute_state: Any) -> StatusCode:
        """Change an attribute of a resource."""
        status = self._session(session).set(attribute, attribute_state)
        return self._done(session, status)

    def enable_event(
        self, session: Any, event_type: Any, mechanism: Any, context: Any = None
    ) -> StatusCode:
        """Have service requests queued, handed to handlers, or both."""
        if event_type != EventType.service_request:
            return self._done(session, StatusCode.error_invalid_event)
        self._session(session).mechanisms |= int(mechanism)
        return self._done(session)

    def disable_event(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """Have service requests go unnoticed."""
        opened = self._sessions.get(session)
        if opened is not None:
            opened.mechanisms &= ~int(mechanism)
        return StatusCode.success

    def discard_events(self, session: Any, event_type: Any, mechanism: Any) -> StatusCode:
        """Forget the service requests that are queued."""
        opened = self._sessions.get(session)
        if opened is not None:
            opened.events.clear()
        return StatusCode.success

    def wait_on_event(
        self, session: Any, in_event_type: Any, timeout: int
    ) -> tuple[Any, Any, StatusCode]:
        """Wait for a service request."""
        opened = self._session(session)
        if not opened.mechanisms & EventMechanism.queue:
            return in_event_type, None, self._done(session, StatusCode.error_not_enabled)
        is_endless = timeout is None or timeout >= constants.VI_TMO_INFINITE
        timeout_s = inf if is_endless else timeout / 1000.0
        if not self._wait(timeout_s, lambda: inf, lambda: bool(opened.events)):
            return in_event_type, None, self._done(session, StatusCode.error_timeout)
        return opened.events.popleft(), None, self._done(session)

    def install_handler(
        self, session: Any, event_type: Any, handler: Any, user_handle: Any = None
    ) -> tuple[Any, Any, Any, StatusCode]:
        """Have a handler called at each service request, once events are enabled for handlers."""
        return handler, user_handle, handler, self._done(session)

    def uninstall_handler(
        self, session: Any, event_type: Any, handler: Any, user_handle: Any = None
    ) -> StatusCode:
        """Have it called no longer; PyVISA keeps the list."""
        return StatusCode.success

    def _service_request(self, session: int, opened: Session) -> None:
        if opened.mechanisms & EventMechanism.queue:
            opened.events.append(EventType.service_request)
        if opened.mechanisms & EventMechanism.handler:
            for handler, user_handle, _, event_type in list(self.handlers[session]):
                if event_type == EventType.service_request:
                    handler(session, event_type, None, user_handle)

    # Waiting, and what goes wrong.

    def _has_answer(self, session: Any, opened: Session, count: int) -> bool:
        with self._bench.lock:
            self._check_link(session, opened)
            return opened.has_come(count)

    def _wait_for_answer(self, session: Any, opened: Session, count: int) -> bool:
        is_expected = opened.port.is_expected

        def has_come() -> bool:
            nonlocal is_expected
            is_expected = is_expected or opened.port.is_expected
            return self._has_answer(session, opened, count)

        # An answer that is known to come is waited for exactly; what others do may bring one too.
        if self._wait(opened.timeout_s, lambda: opened.port.next_answer_s, has_come):
            return True
        if opened.has_end and not is_expected:
            opened.port.instrument.unterminated()
        return False

    def _wait(
        self, timeout_s: float, expected_s: Callable[[], float], has_come: Callable[[], bool]
    ) -> bool:
        """Let time pass until something has come; return whether it has before the timeout."""
        deadline_s = self._clock.now() + timeout_s
        while True:
            with self._bench.lock:
                self._clock.catch_up()
                if has_come():
                    return True
                now_s = self._clock.now()
                until_s = min(deadline_s, max(now_s, min(expected_s(), self._clock.next_s())))
                if now_s >= deadline_s or until_s == inf:
                    return False  # nothing will ever happen: an endless wait ends here
                slice_s = _SLICE_S * self._clock.pace or inf
                self._clock.sleep(min(until_s - now_s, slice_s))

    def _check_link(self, session: Any, opened: Session) -> None:
        """Show a broken link as the interface does; a socket shows nothing but silence."""
        if not opened.is_dropped:
            return
        if opened.is_hislip:
            raise RuntimeError("Connection was dropped by server.")
        if opened.has_end:
            self._done(session, StatusCode.error_connection_lost)

    def _done(self, session: Any, status: StatusCode = StatusCode.success) -> StatusCode:
        """Note a status; one that is an error raises."""
        return self.handle_return_value(session, status)

    @property
    def _bench(self) -> SimulatedBench:
        if self.bench is None:
            raise errors.InvalidSession
        return self.bench

    @property
    def _clock(self) -> VirtualClock:
        return self._bench.clock

    def _unlocked(self, session: Any) -> Session:
        opened = self._session(session)
        if not self._locks.lets_in(opened.port, session):
            self._done(session, StatusCode.error_resource_locked)
        return opened

    def _session(self, session: Any) -> Session:
        try:
            return self._sessions[session]
        except KeyError:
            raise errors.VisaIOError(StatusCode.error_invalid_object) from None
