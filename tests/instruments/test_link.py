"""Our drivers on links that fail: one kind of error, and in step again with the next command."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import pyvisa

from instruments.infiniivision import InfiniiVision
from instruments.keithley2400 import Keithley2400
from instruments.keithley2600 import Keithley2600
from instruments.keithley4200a import Keithley4200A
from instruments.keysight33500 import Keysight33500, Keysight33500Driver
from instruments.simulated.bench import SimulatedBench, bench_of, canonical, read_bench
from instruments.simulated.faults import Fault
from instruments.simulated.links.serve import BenchServer
from instruments.velox import Velox
from labbench.errors import InstrumentError, LinkError

from .conftest import AWG, SMU

TRANSPORTS = ("in process", "socket", "hislip")
QUICK_MS = 300


@contextmanager
def connected(transport: str) -> Iterator[tuple[SimulatedBench, Keysight33500Driver]]:
    if transport == "in process":
        with closing(pyvisa.ResourceManager("@labbench")) as manager:
            driver = Keysight33500Driver(AWG, visa_library=manager.visalib, timeout=QUICK_MS)
            yield bench_of(manager), driver
        return
    bench = read_bench(None, 1.0)
    with BenchServer(bench) as server:
        address = next(getattr(one, transport) for one in server.served if one.address == AWG)
        ends = (
            {"read_termination": "\n", "write_termination": "\n"} if transport == "socket" else {}
        )
        driver = Keysight33500Driver(address, visa_library="@py", timeout=QUICK_MS, **ends)
        yield bench, driver
        driver.adapter.connection.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind="mute", on="VOLT"),
        Fault(kind="delay", on="VOLT", value=0.5),
        Fault(kind="garbage", on="VOLT"),
        Fault(kind="drop", on="VOLT"),
    ],
    ids=lambda fault: fault.kind,
)
def test_one_error_and_then_in_step_again(transport: str, fault: Fault) -> None:
    with connected(transport) as (bench, driver):
        output = driver.channels[1]
        bench.ports[AWG].add_fault(fault)
        started_s = time.monotonic()
        with pytest.raises(LinkError, match="VOLT"):
            _ = output.amplitude_v
        output.arb_rate_hz = 12_345.0
        assert output.arb_rate_hz == 12_345.0
        assert output.amplitude_v == pytest.approx(0.1)
        assert time.monotonic() - started_s < 5.0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_command_that_failed_is_not_sent_again(transport: str) -> None:
    with connected(transport) as (bench, driver):
        heard: list[bytes] = []
        instrument = bench.instruments[AWG]
        take = instrument.message
        instrument.message = lambda data: (heard.append(data), take(data))[1]  # type: ignore[method-assign]
        bench.ports[AWG].add_fault(Fault(kind="drop", on="OUTP1"))
        with pytest.raises(LinkError):
            driver.channels[1].is_output_on = True
        assert driver.channels[1].is_output_on is False
        assert not [message for message in heard if b"OUTP1 1" in message]


def test_an_instrument_that_is_gone_is_told_to_be_off_and_then_reported() -> None:
    with closing(pyvisa.ResourceManager("@labbench")) as manager:
        bench = bench_of(manager)
        meter = Keithley2400(SMU, visa_library=manager.visalib, clock=bench.clock)
        meter.source_voltage(0.5, 1e-3)
        bench.ports[SMU].add_fault(Fault(kind="mute", times=0))
        with pytest.raises(LinkError):
            meter.safe()
        assert not bench.instruments[SMU].settings["output", 0]
        with pytest.raises(LinkError, match=r"does not answer.*by hand"):
            meter.measure()


def test_another_instrument_at_the_old_address_is_not_taken_for_the_old_one() -> None:
    with closing(pyvisa.ResourceManager("@labbench")) as manager:
        bench = bench_of(manager)
        awg = Keysight33500(AWG, visa_library=manager.visalib, clock=bench.clock)
        bench.instruments[AWG].identity = "Somebody,else,1,1"
        bench.ports[AWG].add_fault(Fault(kind="drop", on="TRG"))
        with pytest.raises(InstrumentError):
            awg.trigger()
        with pytest.raises(LinkError, match="Somebody"):
            awg.trigger()


def test_who_does_not_say_who_it_is_is_not_opened() -> None:
    with closing(pyvisa.ResourceManager("@labbench")) as manager:
        bench_of(manager).ports[AWG].add_fault(Fault(kind="mute", times=0))
        with pytest.raises(LinkError, match="IDN"):
            Keysight33500(AWG, visa_library=manager.visalib)


EVERY = """
visa = "@labbench"
[simulated.wafer]
[[simulated.instruments]]
address = "TCPIP0::meter::inst0::INSTR"
model = "2636B"
[[simulated.instruments]]
address = "TCPIP0::frame::1225::SOCKET"
model = "4200A-SCS"
[[simulated.instruments]]
address = "GPIB0::28::INSTR"
model = "Velox"
[[simulated.instruments]]
address = "TCPIP0::scope::hislip0::INSTR"
model = "DSOX3024T"
[[simulated.instruments]]
address = "GPIB0::24::INSTR"
model = "2400"
"""


@pytest.mark.parametrize("kind", ["mute", "garbage", "drop", "truncate"])
@pytest.mark.parametrize(
    ("role", "address", "question"),
    [
        (Keithley2600, "TCPIP0::meter::inst0::INSTR", lambda r: r.smu.limit_current),
        (Keithley4200A, "TCPIP0::frame::1225::SOCKET", lambda r: r.driver.check_errors()),
        (Velox, "GPIB0::28::INSTR", lambda r: r.driver.dies),
        (InfiniiVision, "TCPIP0::scope::hislip0::INSTR", lambda r: r.driver.timebase_range_s),
        (Keithley2400, "GPIB0::24::INSTR", lambda r: r.driver.compliance_current),
    ],
)
def test_every_driver_is_in_step_again(
    tmp_path: Path, role: Any, address: str, question: Any, kind: str
) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(EVERY)
    with closing(pyvisa.ResourceManager(f"{path}@labbench")) as manager:
        bench = bench_of(manager)
        made = role(address, visa_library=manager.visalib, clock=bench.clock)
        before = question(made)
        bench.ports[canonical(address)].add_fault(Fault(kind=kind))
        with pytest.raises(InstrumentError):
            question(made)
        assert question(made) == before
