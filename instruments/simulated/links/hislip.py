"""HiSLIP 1.0, synchronized mode, as a server (IVI-6.1).

A client opens two channels: the synchronous one carries messages and answers, the asynchronous one
status, locks, device clear and service requests. Sub-address ``hislipN`` is the N-th instrument.
"""

from __future__ import annotations

import select
import socket
import socketserver
import struct
import threading
import time
from dataclasses import dataclass, field
from itertools import count

from instruments.simulated.faults import LinkDroppedError
from instruments.simulated.instrument import MESSAGE_AVAILABLE
from instruments.simulated.links.serve import Line, LoopbackServer, readable

_HEADER = struct.Struct("!2sBBIQ")
(
    INITIALIZE, INITIALIZE_RESPONSE, FATAL_ERROR, ERROR, ASYNC_LOCK, ASYNC_LOCK_RESPONSE, DATA,
    DATA_END, DEVICE_CLEAR_COMPLETE, DEVICE_CLEAR_ACKNOWLEDGE, REMOTE_LOCAL, REMOTE_LOCAL_RESPONSE,
    TRIGGER, INTERRUPTED, ASYNC_INTERRUPTED, MAX_SIZE, MAX_SIZE_RESPONSE, ASYNC_INITIALIZE,
    ASYNC_INITIALIZE_RESPONSE, ASYNC_DEVICE_CLEAR, SERVICE_REQUEST, STATUS_QUERY, STATUS_RESPONSE,
    ASYNC_CLEAR_ACKNOWLEDGE, LOCK_INFO, LOCK_INFO_RESPONSE,
) = range(26)  # fmt: skip
_VERSION, _VENDOR = 0x0100, 0x4C42
_BAD_HEADER, _NOT_BOTH, _BAD_INITIALIZATION = 1, 2, 3
_UNKNOWN_TYPE = 1
# How long a status query waits for messages that came before it.
_PATIENCE_S, _NAP_S = 0.1, 1e-4
# What a client may send at once, and what one that never said may be sent.
_MOST = 1 << 24
_LOCK_FAILED, _LOCK_GRANTED, _LOCK_ERROR = 0, 1, 3


class _FatalError(Exception):
    """The protocol was broken beyond repair."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(eq=False)
class _Session:
    """One client: both of its channels, and what they share."""

    line: Line
    link: socket.socket
    side: socket.socket | None = None
    most: int = _MOST
    message_id: int = 0
    partial: bytes = b""
    # An answer was sent that the client has not said to have read.
    is_answered: bool = False
    sending: threading.Lock = field(default_factory=threading.Lock)
    working: threading.Lock = field(default_factory=threading.Lock)

    def settle(self) -> None:
        """Wait until what was sent before a status query is worked off: the channels race."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while select.select([self.link], [], [], 0.0)[0] and time.monotonic() < deadline_s:
            time.sleep(_NAP_S)
        with self.working:
            pass


class HislipServer(LoopbackServer):
    """HiSLIP for several instruments at one port.

    Parameters
    ----------
    port : int
    lines : list of Line
        Instrument N answers at sub-address ``hislipN``.
    """

    def __init__(self, port: int, lines: list[Line]) -> None:
        self.lines = lines
        self.sessions: dict[int, _Session] = {}
        self.locks: dict[Line, _Session] = {}
        self.unlocked = threading.Condition()
        self.numbers = count(1)
        super().__init__(port, _Handler)


class _Handler(socketserver.BaseRequestHandler):
    """One channel of a client."""

    server: HislipServer

    def handle(self) -> None:
        """Find out which channel this is, and serve it to its end."""
        link: socket.socket = self.request
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            kind, _, parameter, payload = _receive(link)
            if kind == INITIALIZE:
                self._synchronous(link, payload)
            elif kind == ASYNC_INITIALIZE:
                self._asynchronous(link, parameter)
            else:
                raise _FatalError(_BAD_INITIALIZATION, "expected an initialization")
        except _FatalError as error:
            _send(link, FATAL_ERROR, error.code, 0, str(error).encode())
        except (LinkDroppedError, OSError, EOFError):
            return  # the client left, or a fault cut it off: both channels close

    # The synchronous channel.

    def _synchronous(self, link: socket.socket, sub_address: bytes) -> None:
        place = sub_address.decode("ascii", "replace").lower().removeprefix("hislip") or "0"
        if not (place.isdecimal() and int(place) < len(self.server.lines)):
            raise _FatalError(_BAD_INITIALIZATION, f"no instrument at {sub_address!r}")
        session = _Session(self.server.lines[int(place)], link)
        number = next(self.server.numbers) & 0xFFFF
        self.server.sessions[number] = session
        _send(link, INITIALIZE_RESPONSE, 0, _VERSION << 16 | number)
        try:
            while not self.server.is_closing:
                is_spoken_to = readable(link, session.line)
                with session.working:
                    if is_spoken_to:
                        self._take(session, *_receive(link))
                    else:
                        self._answer(session, session.line.answers())
        finally:
            del self.server.sessions[number]
            self._unlock(session)
            if session.side is not None:
                self.server.shutdown_request(session.side)

    def _take(
        self, session: _Session, kind: int, control: int, parameter: int, payload: bytes
    ) -> None:
        if session.side is None:
            raise _FatalError(_NOT_BOTH, "both channels come first")
        if kind in (DATA, DATA_END):
            session.is_answered &= not control & 1
            session.partial += payload
            session.message_id = parameter
            if kind == DATA_END:
                message, session.partial = session.partial, b""
                self._answer(session, session.line.ask(message))
        elif kind == TRIGGER:
            session.message_id = parameter
            session.line.locked(session.line.port.instrument.group_trigger)
        elif kind == DEVICE_CLEAR_COMPLETE:
            session.partial = b""
            _send(session.link, DEVICE_CLEAR_ACKNOWLEDGE, 0, 0)
        elif kind not in (ERROR, FATAL_ERROR):
            _send(session.link, ERROR, _UNKNOWN_TYPE, 0, b"unrecognized message type")

    def _answer(self, session: _Session, answers: list[bytes]) -> None:
        for answer in answers:
            room = session.most - _HEADER.size
            parts = [answer[at : at + room] for at in range(0, len(answer), room)] or [b""]
            for part in parts[:-1]:
                _send(session.link, DATA, 0, session.message_id, part)
            session.is_answered = True
            _send(session.link, DATA_END, 0, session.message_id, parts[-1])

    # The asynchronous channel.

    def _asynchronous(self, link: socket.socket, number: int) -> None:
        session = self.server.sessions.get(number)
        if session is None or session.side is not None:
            raise _FatalError(_BAD_INITIALIZATION, f"no session {number}")
        session.side = link
        instrument = session.line.port.instrument

        def request_service() -> None:
            with session.sending:
                _send(link, SERVICE_REQUEST, instrument.summary, 0)

        instrument.service_listeners.append(request_service)
        _send(link, ASYNC_INITIALIZE_RESPONSE, 0, _VENDOR)
        try:
            while not self.server.is_closing:
                reply = self._side(session, *_receive(link))
                with session.sending:
                    _send(link, *reply)
        finally:
            instrument.service_listeners.remove(request_service)
            self._unlock(session)

    def _side(
        self, session: _Session, kind: int, control: int, parameter: int, payload: bytes
    ) -> tuple[int, int, int, bytes]:
        if kind == MAX_SIZE and len(payload) == 8:
            session.most = max(min(int.from_bytes(payload, "big"), _MOST), _HEADER.size + 1)
            return MAX_SIZE_RESPONSE, 0, 0, _MOST.to_bytes(8, "big")
        if kind == STATUS_QUERY:
            session.is_answered &= not control & 1
            session.settle()
            status = session.line.locked(session.line.port.instrument.serial_poll) or 0
            # What was sent but not read is still an available message to the client.
            return STATUS_RESPONSE, status | MESSAGE_AVAILABLE * session.is_answered, 0, b""
        if kind == ASYNC_DEVICE_CLEAR:
            session.line.locked(session.line.port.instrument.device_clear)
            session.is_answered = False
            return ASYNC_CLEAR_ACKNOWLEDGE, 0, 0, b""
        if kind == ASYNC_LOCK:
            granted = self._lock(session, parameter / 1e3) if control else self._unlock(session)
            return ASYNC_LOCK_RESPONSE, granted, 0, b""
        if kind == LOCK_INFO:
            holders = int(session.line in self.server.locks)
            return LOCK_INFO_RESPONSE, holders, holders, b""
        if kind == REMOTE_LOCAL:
            return REMOTE_LOCAL_RESPONSE, 0, 0, b""
        return ERROR, _UNKNOWN_TYPE, 0, b"unrecognized message type"

    def _lock(self, session: _Session, timeout_s: float) -> int:
        """Keep others from asking for the instrument; locks are for clients that ask."""
        locks, deadline_s = self.server.locks, time.monotonic() + timeout_s
        with self.server.unlocked:
            if locks.get(session.line) is session:
                return _LOCK_ERROR
            while session.line in locks:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not self.server.unlocked.wait(left_s):
                    return _LOCK_FAILED
            locks[session.line] = session
            return _LOCK_GRANTED

    def _unlock(self, session: _Session) -> int:
        with self.server.unlocked:
            if self.server.locks.get(session.line) is not session:
                return _LOCK_ERROR
            del self.server.locks[session.line]
            self.server.unlocked.notify_all()
            return _LOCK_GRANTED


def _send(
    link: socket.socket, kind: int, control: int, parameter: int, payload: bytes = b""
) -> None:
    link.sendall(_HEADER.pack(b"HS", kind, control, parameter, len(payload)) + payload)


def _receive(link: socket.socket) -> tuple[int, int, int, bytes]:
    prologue, kind, control, parameter, length = _HEADER.unpack(_exactly(link, _HEADER.size))
    if prologue != b"HS" or length > _MOST:
        raise _FatalError(_BAD_HEADER, "poorly formed message header")
    return kind, control, parameter, _exactly(link, length)


def _exactly(link: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        part = link.recv(min(size - len(received), 1 << 20))
        if not part:
            raise EOFError
        received += part
    return bytes(received)
