"""Our 81160A driver: its bytes, and its role on the simulated bench."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
from pymeasure.test import expected_protocol

from instruments.keysight81160a import Keysight81160A, Keysight81160ADriver
from instruments.roles import PulseSource
from instruments.simulated.bench import bench_of
from instruments.simulated.circuit import Cable
from labbench.errors import InstrumentError, StimulusError
from labbench.stimulus import Pulse, PulseTrain, Waveform

OK = ("SYST:ERR?", '+0,"No error"')
ADDRESS = "TCPIP0::pulse.sim::inst0::INSTR"


@pytest.mark.parametrize(
    ("name", "value", "command", "query", "answer"),
    [
        ("amplitude_v", 0.123456789, ":VOLT2 0.123456789", ":VOLT2?", "+1.23456789E-01"),
        ("offset_v", 1e-6, ":VOLT2:OFFS 1e-06", ":VOLT2:OFFS?", "+1.0E-06"),
        ("frequency_hz", 123.456789, ":FREQ2 123.456789", ":FREQ2?", "+1.23456789E+02"),
        ("cycles", 1, ":TRIG2:COUN 1", ":TRIG2:COUN?", "1"),
        ("is_output_on", True, ":OUTP2 1", ":OUTP2?", "1"),
        ("load_ohm", 1e6, ":OUTP2:LOAD 1000000", ":OUTP2:LOAD?", "+1.0E+06"),
    ],
)
def test_properties(name: str, value: Any, command: str, query: str, answer: str) -> None:
    pairs = [(command, None), OK, (query, answer)]
    with expected_protocol(Keysight81160ADriver, pairs) as driver:
        setattr(driver.ch_2, name, value)
        assert getattr(driver.ch_2, name) == value


@pytest.mark.parametrize(
    ("waveform", "data"),
    [([-3, 0, 1, 0], b"\xe0\x01\x00\x00\x0a\xaa\x00\x00"), ([0, 0], b"\0\0\0\0")],
)
def test_waveforms_are_scaled_by_their_peak(waveform: list[float], data: bytes) -> None:
    head = b":DATA1:DAC VOLATILE,#1" + str(len(data)).encode()
    with expected_protocol(Keysight81160ADriver, [(head + data, None)]) as driver:
        driver.ch_1.waveform_volatile = waveform


def test_the_role_emits_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text(
        f'visa = "@labbench"\n[simulated.devices.pad]\nresistance_ohm = 1e9\n'
        f'[[simulated.instruments]]\naddress = "{ADDRESS}"\nmodel = "81160A"\n'
        'terminals = { 2 = "top" }\n'
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    bench = bench_of(manager)
    probe = bench.circuit.terminal(Cable("top"))
    source = Keysight81160A(ADDRESS, visa_library=manager.visalib, channel=2)
    assert isinstance(source, PulseSource)
    assert "81160A" in source.identity
    with pytest.raises(StimulusError, match="load one before"):
        source.arm()
    pair = PulseTrain((Pulse(1e-8, 4e-8, 1.2, 2e-9, 2e-9), Pulse(1e-7, 5e-8, -0.7, 4e-9, 4e-9)),
                      duration_s=3e-7)  # fmt: skip
    edges: list[float] = []
    bench.instruments[ADDRESS].edge_listeners.append(edges.append)
    for stimulus in (pair, Waveform(np.array([0, 1e-7, 2e-7]), np.array([0, 1.0, 0]), 3e-7)):
        emitted = source.load(stimulus)
        assert source.load(stimulus) is emitted
        source.arm()
        assert source.is_output_on
        probe.watch(bench.clock.now())
        source.trigger()
        time_s = np.arange(-2e-8, 3e-7, 0.37e-9)
        seen = probe.voltage(edges[-1] + time_s)
        probe.unwatch()
        assert np.abs(seen - emitted.sample(time_s)).max() < 1e-4
        assert np.abs(emitted.sample(time_s) - stimulus.sample(time_s)).max() < 2e-4
        source.safe()
        assert not source.is_output_on
    tall = PulseTrain((Pulse(0, 1e-6, 8.0), Pulse(2e-6, 1e-6, -8.0)), duration_s=5e-6)
    with pytest.raises(StimulusError, match="peak to peak"):
        source.load(tall)
    with pytest.raises(InstrumentError, match="not 3"):
        Keysight81160A(ADDRESS, visa_library=manager.visalib, channel=3)
    manager.close()
