"""Simulated instruments on 127.0.0.1: a raw socket for each, and one HiSLIP port for all.

For clients in other processes and languages. Nothing but the loopback interface is ever bound. One
thread serves one connection; the bench's lock makes them take turns.
"""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from instruments.simulated.bench import SimulatedBench
from instruments.simulated.faults import LinkDroppedError, Port
from instruments.simulated.scpi.message import complete_messages

HOST = "127.0.0.1"
# How often a connection looks for what it is waiting for, and a paced clock is brought up.
_TICK_S = 2e-3
_CHUNK = 1 << 16


class Line:
    """The bench's end of a link to one instrument."""

    def __init__(self, bench: SimulatedBench, port: Port) -> None:
        self.port = port
        self._bench = bench

    def send(self, message: bytes) -> None:
        """Give the instrument a program message.

        Raises
        ------
        LinkDroppedError
            If a fault breaks the link with it.
        """
        with self._bench.lock:
            self._bench.clock.catch_up()
            # A paced clock goes with real time, which the message has taken already.
            if not self._bench.clock.pace:
                self._bench.clock.sleep(self._bench.message_latency_s)
            self.port.message(message)

    def ask(self, message: bytes) -> list[bytes]:
        """Give the instrument a message, and take what it answers at once.

        Raises
        ------
        LinkDroppedError
            If a fault breaks the link with it.
        """
        with self._bench.lock:
            self.send(message)
            return self.answers()

    def answers(self) -> list[bytes]:
        """Take what waits to be read; a clock that nobody waits for is brought to it."""
        with self._bench.lock:
            clock = self._bench.clock
            clock.catch_up()
            if not clock.pace and clock.now() < self.port.next_answer_s < float("inf"):
                clock.sleep(self.port.next_answer_s - clock.now())
            found = []
            while self.port.is_talking:
                found.append(self.port.take(1 << 62)[0])
            return found

    def locked(self, act: Callable[[], int | None]) -> int | None:
        """Do something with the instrument while nobody else does."""
        with self._bench.lock:
            self._bench.clock.catch_up()
            return act()


def readable(link: socket.socket, line: Line) -> bool:
    """Wait until a client has something to say, or a tick if the instrument may have, too."""
    wait_s = _TICK_S if line.port.is_expected else None
    return bool(select.select([link], [], [], wait_s)[0])


class _SocketHandler(socketserver.BaseRequestHandler):
    """One client of a raw socket: messages end with the instrument's terminator."""

    server: _SocketServer

    def handle(self) -> None:
        """Serve until the client leaves or a fault drops the link."""
        link: socket.socket = self.request
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line, stream = self.server.line, b""
        try:
            while not self.server.is_closing:
                if readable(link, line):
                    data = link.recv(_CHUNK)
                    if not data:
                        return
                    instrument = line.port.instrument
                    messages, stream = complete_messages(
                        stream + data, instrument.terminator, instrument.has_blocks
                    )
                    for message in messages:
                        self._send(link, line.ask(message))
                else:
                    self._send(link, line.answers())
        except (LinkDroppedError, OSError):
            return

    def _send(self, link: socket.socket, answers: list[bytes]) -> None:
        for answer in answers:
            link.sendall(answer)


class LoopbackServer(socketserver.ThreadingTCPServer):
    """A server of one port of 127.0.0.1, whose connections end with it."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, handler: type[socketserver.BaseRequestHandler]) -> None:
        self.is_closing = False
        self._links: set[socket.socket] = set()
        super().__init__((HOST, port), handler)

    @property
    def port(self) -> int:
        """The port it listens at."""
        return int(self.server_address[1])

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Remember the link, to close it with the server."""
        self._links.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a link."""
        self._links.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop listening and close all links."""
        self.is_closing = True
        self.shutdown()
        self.server_close()
        for link in list(self._links):
            self.shutdown_request(link)

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client that left in the middle of a message go."""


class _SocketServer(LoopbackServer):
    def __init__(self, port: int, line: Line) -> None:
        self.line = line
        super().__init__(port, _SocketHandler)


@dataclass(frozen=True)
class Served:
    """Where one instrument answers: bench address, raw socket, HiSLIP."""

    address: str
    identity: str
    socket: str
    hislip: str


class BenchServer:
    """A bench on 127.0.0.1 while it is open as a context.

    Parameters
    ----------
    bench : SimulatedBench
    first_port : int
        HiSLIP listens there and the sockets at the ports behind it; 0 for any that are free.

    Attributes
    ----------
    served : tuple of Served
    """

    def __init__(self, bench: SimulatedBench, first_port: int = 0) -> None:
        from instruments.simulated.links.hislip import HislipServer

        self._bench = bench
        self._is_closing = threading.Event()
        lines = {address: Line(bench, port) for address, port in bench.ports.items()}
        self._servers: list[LoopbackServer] = []
        try:
            hislip = HislipServer(first_port, list(lines.values()))
            self._servers.append(hislip)
            for place, line in enumerate(lines.values()):
                self._servers.append(_SocketServer(first_port and first_port + 1 + place, line))
        except BaseException:
            for server in self._servers:
                server.server_close()
            raise
        self.served = tuple(
            Served(
                address,
                bench.instruments[address].identity,
                f"TCPIP0::{HOST}::{server.port}::SOCKET",
                f"TCPIP0::{HOST}::hislip{place},{hislip.port}::INSTR",
            )
            for place, (address, server) in enumerate(zip(lines, self._servers[1:], strict=True))
        )

    def __enter__(self) -> BenchServer:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        if self._bench.clock.pace:
            threading.Thread(target=self._keep_pace, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_closing.set()
        for server in self._servers:
            server.close()

    def _keep_pace(self) -> None:
        """Let what is due happen when nobody asks: a service request does not wait for that."""
        while not self._is_closing.wait(_TICK_S):
            with self._bench.lock:
                self._bench.clock.catch_up()
