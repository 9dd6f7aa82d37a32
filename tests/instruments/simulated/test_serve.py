"""One bench through three transports, and what goes wrong on each."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import pyvisa
from pyvisa.constants import EventMechanism, EventType, StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.resources import MessageBasedResource
from pyvisa_py.protocols.hislip import Instrument as HislipClient

from instruments.simulated.bench import SimulatedBench, read_bench
from instruments.simulated.faults import Fault
from instruments.simulated.links.serve import BenchServer

AWG, SMU = "TCPIP0::awg.sim::inst0::INSTR", "GPIB0::24::INSTR"
TRANSPORTS = ("in process", "socket", "hislip")


@contextmanager
def opened(
    transport: str, address: str = AWG, pace: float = 0.0
) -> Iterator[tuple[SimulatedBench, MessageBasedResource]]:
    if transport == "in process":
        with closing(pyvisa.ResourceManager("@labbench")) as manager:
            yield manager.visalib.bench, manager.open_resource(address, timeout=400)
        return
    bench = read_bench(None, pace)
    with BenchServer(bench) as server, closing(pyvisa.ResourceManager("@py")) as manager:
        served = next(one for one in server.served if one.address == address)
        link = manager.open_resource(getattr(served, transport), timeout=400)
        if transport == "socket":
            link.read_termination = link.write_termination = "\n"
        yield bench, link


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_words_blocks_and_a_long_answer(transport: str) -> None:
    with opened(transport) as (_, link):
        assert "33512B" in link.query("*IDN?")
        codes = [1, -10, 0x0A0A, 32767] * 50_000  # newlines within the block
        link.write_binary_values("SOUR1:DATA:ARB:DAC X,", codes, "h", is_big_endian=True)
        assert link.query("SYST:ERR?").startswith("+0")
        many = link.query(";".join(["*IDN?"] * 500)).strip().split(";")
        assert len(many) == 500
        assert len(set(many)) == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_mute_instrument_times_out_and_comes_back(transport: str) -> None:
    with opened(transport) as (bench, link):
        bench.ports[AWG].add_fault(Fault(kind="mute", on=r"\*IDN"))
        with pytest.raises(VisaIOError) as caught:
            link.query("*IDN?")
        assert caught.value.error_code == StatusCode.error_timeout
        assert "33512B" in link.query("*IDN?")
        assert link.query("SYST:ERR?").startswith("+0")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_late_answer_is_stale_on_a_socket_only(transport: str) -> None:
    with opened(transport, pace=1.0) as (bench, link):
        bench.ports[AWG].add_fault(Fault(kind="delay", on="VOLT", value=0.6))
        with pytest.raises(VisaIOError):
            link.query("VOLT?")
        if transport == "in process":
            bench.clock.sleep(0.4)
        else:
            time.sleep(0.4)
        answer = link.query("*IDN?")
        assert ("33512B" in answer) == (transport != "socket")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_garbage_and_half_an_answer(transport: str) -> None:
    with opened(transport) as (bench, link):
        bench.ports[AWG].add_fault(Fault(kind="garbage"))
        with pytest.raises(UnicodeDecodeError):
            link.query("*IDN?")
        bench.ports[AWG].add_fault(Fault(kind="truncate"))
        if transport == "socket":
            with pytest.raises(VisaIOError):
                link.query("*IDN?")
        else:
            assert link.query("*IDN?") == "Agilent Technologies,33512B,S"
        link.clear()
        assert "33512B" in link.query("*IDN?")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_dropped_link_raises_within_its_timeout(transport: str) -> None:
    with opened(transport) as (bench, link):
        bench.ports[AWG].add_fault(Fault(kind="drop", on="VOLT"))
        started_s = time.monotonic()
        with pytest.raises((VisaIOError, RuntimeError, OSError)):
            link.query("VOLT?")
        with pytest.raises((VisaIOError, RuntimeError, OSError)):
            link.query("*IDN?")
        assert time.monotonic() - started_s < 2.0


def test_the_other_faults(tmp_path: object) -> None:
    with opened("in process") as (bench, link):
        bench.ports[AWG].add_fault(Fault(kind="refuse", on="VOLT 2"))
        link.write("VOLT 2")
        assert float(link.query("VOLT?")) == pytest.approx(0.1)
        assert link.query("SYST:ERR?").startswith("+0")
        link.write("VOLT 2")
        assert float(link.query("VOLT?")) == 2.0
        # After two that are spared, twice.
        bench.ports[AWG].add_fault(Fault(kind="mute", on="OPC", after=2, times=2))
        seen = []
        for _ in range(5):
            try:
                seen.append(link.query("*OPC?").strip())
            except VisaIOError:
                seen.append("mute")
        assert seen == ["1", "1", "mute", "mute", "1"]


@pytest.mark.parametrize("transport", ["socket", "hislip"])
def test_an_answer_that_comes_when_somebody_else_triggers(transport: str) -> None:
    bench = read_bench(None, 1.0)
    with BenchServer(bench) as server, closing(pyvisa.ResourceManager("@py")) as manager:
        links = [
            manager.open_resource(getattr(one, transport), timeout=3000) for one in server.served
        ]
        if transport == "socket":
            for link in links:
                link.read_termination = link.write_termination = "\n"
        awg, scope, *_ = links
        for command in ("FUNC DC", "BURS:STAT ON", "TRIG:SOUR BUS"):
            awg.write(command)
        awg.write_binary_values("DATA:ARB:DAC X,", [0, 1000] * 50 + [0], "h", is_big_endian=True)
        awg.write("FUNC:ARB X;:FUNC ARB;:OUTP ON")
        assert awg.query("SYST:ERR?").startswith("+0")
        for command in (":TRIG:SOUR EXT", ":TRIG:SWE NORM", ":ACQ:TYPE HRES", ":TIM:RANG 1e-3"):
            scope.write(command)
        scope.write(":DIG CHAN1")
        threading.Timer(0.2, awg.write, ("*TRG",)).start()
        assert scope.query("*OPC?").strip() == "1"
        assert scope.query(":SYST:ERR?").startswith("+0")


def test_hislip_status_locks_clear_and_what_is_not_hislip() -> None:
    bench = read_bench(None)
    with BenchServer(bench) as server:
        port = int(server.served[0].hislip.split(",")[1].split("::")[0])
        one, other = HislipClient("127.0.0.1", port=port), HislipClient("127.0.0.1", port=port)
        assert one.async_lock_request(0.1) == "success"
        assert other.async_lock_info() == 1
        assert other.async_lock_request(0.1) == "failure"
        one.send(b"*IDN?")
        assert one.async_status_query() & 16
        assert b"33512B" in one.receive()
        assert not one.async_status_query() & 16
        one.send(b"NONSENSE")
        assert one.async_status_query() & 4
        one.close()  # and its lock goes with it
        assert other.async_lock_request(2.0) == "success"
        other.send(b"*OPC")
        other.device_clear()
        other.send(b"*ESE 1;*ESE?")
        assert other.receive().strip() == b"1"
        other.close()
        nobody = struct.pack("!2sBBIQ", b"HS", 0, 0, 0, 7) + b"hislip9"
        for words, code in ((b"GET / HTTP/1.0\r\n\r\n", 1), (nobody, 3)):
            with socket.create_connection(("127.0.0.1", port), timeout=2.0) as link:
                link.sendall(words)
                assert struct.unpack("!2sBB", link.recv(4)) == (b"HS", 2, code)


def test_a_service_request_over_hislip() -> None:
    bench = read_bench(None)
    with BenchServer(bench) as server:
        port = int(server.served[0].hislip.split(",")[1].split("::")[0])
        client = HislipClient("127.0.0.1", port=port)
        client.send(b"*SRE 32;*ESE 1;*OPC")
        header = client._async.recv(16)
        assert header[2] == 20
        assert header[3] & 96 == 96
        client.close()


def test_only_the_loopback_is_bound_and_ports_close() -> None:
    bench = read_bench(None)
    with BenchServer(bench) as server:
        ports = [int(one.socket.split("::")[2]) for one in server.served]
        assert all("127.0.0.1" in one.hislip for one in server.served)
        kept = socket.create_connection(("127.0.0.1", ports[0]), timeout=2.0)
    assert kept.recv(10) == b""
    kept.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=2.0)


def test_service_requests_in_process() -> None:
    with opened("in process", SMU) as (_, link):
        link.enable_event(EventType.service_request, EventMechanism.queue)
        link.write("*SRE 32;*ESE 1")
        with pytest.raises(VisaIOError) as caught:
            link.wait_on_event(EventType.service_request, 100)
        assert caught.value.error_code == StatusCode.error_timeout
        link.write("*OPC")
        answer = link.wait_on_event(EventType.service_request, 100)
        assert answer.event.event_type == EventType.service_request
        assert link.read_stb() & 64
        assert not link.read_stb() & 64  # asked for once
        link.query("*ESR?")
        link.disable_event(EventType.service_request, EventMechanism.queue)
        seen = []
        handler = link.wrap_handler(lambda resource, event, handle: seen.append(handle))
        link.install_handler(EventType.service_request, handler, 7)
        link.enable_event(EventType.service_request, EventMechanism.handler)
        link.write("*OPC")
        assert seen == [7]
        link.uninstall_handler(EventType.service_request, handler, 7)


def test_an_exclusive_lock_keeps_others_out() -> None:
    with closing(pyvisa.ResourceManager("@labbench")) as manager:
        one, other = manager.open_resource(SMU), manager.open_resource(SMU)
        one.lock_excl()
        with pytest.raises(VisaIOError) as caught:
            other.query("*IDN?")
        assert caught.value.error_code == StatusCode.error_resource_locked
        one.unlock()
        assert "2400" in other.query("*IDN?")


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "labbench", "sim", "serve", "--pace", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = {}
        try:
            document = json.loads(process.stdout.readline())
            with closing(pyvisa.ResourceManager("@py")) as manager:
                for one in document["instruments"]:
                    with manager.open_resource(one["hislip"], timeout=2000) as link:
                        said[one["identity"]] = link.query("*IDN?").strip("\r\n\0")
        finally:
            os.kill(process.pid, signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert list(said) == list(said.values())
    assert len(said) == len(document["instruments"]) > 5
