"""How fast the simulated bench answers, against the links that it stands in for.

Ratios within one run. `*IDN?` in process against a raw socket, and over HiSLIP against a bare
HiSLIP echo through the same client; a block of 1 MB; and the whole way of a train: 100 pulses
loaded, armed, triggered, integrated, digitised at 100,000 points on two channels and read.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median

import numpy as np
import pyvisa

from instruments.infiniivision import InfiniiVision
from instruments.keithley2400 import Keithley2400
from instruments.keysight33500 import Keysight33500
from instruments.simulated.bench import bench_of, read_bench
from instruments.simulated.links import hislip
from instruments.simulated.links.serve import BenchServer
from labbench.stimulus import Pulse, PulseTrain

AWG, SCOPE = "TCPIP0::awg.sim::inst0::INSTR", "TCPIP0::scope.sim::inst0::INSTR"
SMU = "GPIB0::24::INSTR"
IDENTITY = b"Agilent Technologies,33512B,SIM00001,5.03-3.15-2.00-58-00\n"


def seconds(act: Callable[[], object], repeats: int = 7) -> float:
    """Return the median time of an action, after one to warm up."""
    act()
    taken = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started_s)
    return median(taken)


def queries(resource: pyvisa.resources.MessageBasedResource, count: int = 500) -> float:
    """Return the seconds of one `*IDN?`."""
    return seconds(lambda: [resource.query("*IDN?") for _ in range(count)]) / count


class Echo(threading.Thread):
    """A HiSLIP server that has one answer to everything: what the protocol alone costs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.start()

    def run(self) -> None:
        link, _ = self._listener.accept()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hislip._receive(link)
        hislip._send(link, hislip.INITIALIZE_RESPONSE, 0, 0x0100 << 16 | 1)
        side, _ = self._listener.accept()
        hislip._receive(side)
        hislip._send(side, hislip.ASYNC_INITIALIZE_RESPONSE, 0, 0)
        hislip._receive(side)
        hislip._send(side, hislip.MAX_SIZE_RESPONSE, 0, 0, (1 << 20).to_bytes(8, "big"))
        while True:
            try:
                _, _, number, _ = hislip._receive(link)
            except (EOFError, OSError):
                return
            hislip._send(link, hislip.DATA_END, 0, number, IDENTITY)


def round_trips() -> None:
    """Compare the transports."""
    with closing(pyvisa.ResourceManager("@labbench")) as manager:
        in_process_s = queries(manager.open_resource(AWG))
    with BenchServer(read_bench()) as server, closing(pyvisa.ResourceManager("@py")) as manager:
        served = next(one for one in server.served if one.address == AWG)
        ends = {"read_termination": "\n", "write_termination": "\n"}
        socket_s = queries(manager.open_resource(served.socket, **ends))
        hislip_s = queries(manager.open_resource(served.hislip))
        echo = manager.open_resource(f"TCPIP0::127.0.0.1::hislip0,{Echo().port}::INSTR")
        echo_s = queries(echo)
    for name, taken_s in (
        ("in process", in_process_s), ("raw socket", socket_s), ("HiSLIP", hislip_s),
        ("HiSLIP, bare echo", echo_s),
    ):  # fmt: skip
        print(f"*IDN? {name:18} {1 / taken_s:9,.0f} a second")
    print(f"in process against socket  {socket_s / in_process_s:5.2f} times as fast (2.5 asked)")
    print(f"HiSLIP against bare echo   {hislip_s / echo_s:5.2f} times the time (2 asked)")


def block_and_train() -> None:
    """Time a block of 1 MB, and a train from stimulus to trace."""
    with closing(pyvisa.ResourceManager("@labbench")) as manager:
        bench = bench_of(manager)
        link = {"visa_library": manager.visalib, "clock": bench.clock}
        awg, scope, meter = Keysight33500(AWG, **link), InfiniiVision(SCOPE, **link), None
        meter = Keithley2400(SMU, **link)
        meter.source_voltage(0.5, 1e-3)
        pulses = tuple(Pulse(1e-3 * k + 1e-4, 5e-4, 1.2) for k in range(100))
        number = iter(range(1_000))

        def play(points: int = 100_000) -> None:
            # Another amplitude each time, so that everything is uploaded anew.
            level_v = 1.2 + 1e-3 * next(number)
            train = PulseTrain(
                tuple(Pulse(p.start_s, p.width_s, level_v) for p in pulses), duration_s=0.1
            )
            awg.load(train)
            scope.arm(0.1, 0.0, 0.1 / points, {1: (4.0, 1.0), 2: (0.8, 0.25)})
            awg.arm()
            awg.trigger()
            trace = scope.read()
            assert len(trace) == points
            assert np.ptp(trace.values("2")) > 0.3

        print(f"train of 100 pulses, 2 x 100,000 points: {1e3 * seconds(play):5.1f} ms (50 asked)")
        play(500_000)
        resource = scope.driver

        def fetch() -> None:
            assert resource.read_words().nbytes == 1_000_000

        resource.waveform_source = "CHAN1"
        print(f"block of 1 MB through the driver: {1e3 * seconds(fetch):5.1f} ms (5 asked)")
        meter.safe()
        awg.safe()


if __name__ == "__main__":
    round_trips()
    block_and_train()
