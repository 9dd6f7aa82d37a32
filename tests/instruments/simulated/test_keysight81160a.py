"""What the simulated 81160A emits and answers, and the stock driver against it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymeasure.instruments.keysight import Keysight81160A

from .generator_bench import ADDRESS, Pad, pads

STOCK = {
    "shape": "SIN", "frequency": 2e6, "amplitude": 2.0, "amplitude_unit": "VPP", "offset": 0.5,
    "voltage_high": 2.0, "voltage_low": -1.0, "phase": 10.0, "square_dutycycle": 30.0,
    "ramp_symmetry": 40.0, "pulse_period": 1e-5, "pulse_hold": "WIDT", "pulse_width": 6e-7,
    "pulse_dutycycle": 30.0, "pulse_transition": 5e-9, "output": True, "output_load": 50.0,
    "burst_state": True, "burst_mode": "TRIG", "burst_period": 1e-3, "burst_ncycles": 3,
    "limit_high": 9.0, "limit_low": -9.0, "limit_state_enabled": True,
    "coupling_enabled": False, "trigger_mode": "MAN", "trigger_count": 4,
}  # fmt: skip


@pytest.fixture
def pad(tmp_path: Path) -> Iterator[Pad]:
    yield from pads(tmp_path, "81160A")


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(width_s=st.floats(1.5e-9, 1e-6), count=st.integers(1, 5))
def test_pulses_have_their_width_and_number(pad: Pad, width_s: float, count: int) -> None:
    assert pad.send("*RST", "FREQ1 4e5", f"PULS:WIDT1 {width_s:.12g}", "VOLT1 2") == []
    assert pad.send("ARM:SOUR1 MAN", f"TRIG1:COUN {count}", "OUTP1 ON") == []
    start_s = pad.watch() + 1e-3
    assert pad.send("*TRG") == []
    middle_s = start_s + 0.625e-9 + np.repeat(2.5e-6 * np.arange(count + 1), 3)
    times = middle_s + np.tile([0.0, width_s / 2, width_s], count + 1)
    seen = pad.seen(times).reshape(-1, 3)
    assert seen[:count, 1] == pytest.approx(np.ones(count), abs=1e-3)
    assert np.abs(seen[:count, [0, 2]]).max() < 1e-3
    assert seen[count] == pytest.approx([-1.0] * 3)


@pytest.mark.parametrize("which", ["ch_1", "ch_2"])
@pytest.mark.parametrize(("name", "value"), STOCK.items())
def test_stock_driver_reads_back_what_it_set(pad: Pad, which: str, name: str, value: Any) -> None:
    stock = Keysight81160A(ADDRESS, visa_library=pad.manager.visalib)
    stock.channels[int(which[-1])].shape = "PULS"
    # Room for a slow edge: the instrument starts with short pulses.
    stock.channels[int(which[-1])].pulse_width = 2e-7
    setattr(getattr(stock, which), name, value)
    found = getattr(getattr(stock, which), name)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)
    if name != "pulse_period":
        assert stock.check_errors() == []


def test_stock_driver_waveforms_and_shapes(pad: Pad) -> None:
    stock = Keysight81160A(ADDRESS, visa_library=pad.manager.visalib)
    channel = stock.ch_1
    channel.save_waveform([-2.0, -1.5, 0.0, 1.5, 2.0], "test")
    assert channel.waveforms == "TEST"
    assert channel.free_memory_slots == 3
    channel.shape, channel.trigger_mode, channel.trigger_count = "USER", "MAN", 2
    channel.output = True
    stock.trigger()
    channel.delete_waveform("test")
    channel.apply_dc(1.0)
    channel.apply_noise(1, 0)
    channel.apply_sin(1e6, 1, 0)
    channel.apply_square(1e6, 1, 0)
    channel.apply_pulse(1e6, 1, 0)
    channel.apply_user_waveform(1e6, 1, 0)
    assert channel.shape == "USER"
    assert stock.check_errors() == []


def test_user_waveforms_are_checked(pad: Pad) -> None:
    assert pad.send("BURS1:NCYC 1") == ['-222,"Data out of range"']
    assert pad.send("DATA1:DAC VOLATILE,0,9000") == ['-222,"Data out of range"']
    assert pad.send("DATA1:DAC VOLATILE,0,8191,-8191,0", "FUNC1 USER", "FREQ1 1e3") == []
    assert pad.send("ARM:SOUR1 MAN", "VOLT1 1", "OUTP1 ON") == []
    start_s = pad.watch() + 1e-3
    pad.awg.write("*TRG")
    seen = pad.seen(start_s + np.array([0, 0.125e-3, 0.25e-3, 0.5e-3, 0.75e-3, 2e-3]))
    assert seen == pytest.approx([0, 0.25, 0.5, -0.5, 0, 0], abs=1e-6)
    assert pad.send("FUNC1:USER NONE")[0].startswith("+785")
    assert pad.ask("DATA1:NVOL:CAT?;FREE?") == ";4"
    assert pad.ask("*IDN?").startswith("Agilent Technologies,81160A,")


def test_built_in_waveforms_can_be_selected_and_played(pad: Pad) -> None:
    for name in ("EXP_RISE", "EXP_FALL", "SINC", "NEG_RAMP", "CARDIAC"):
        assert pad.send(f"FUNC1:USER {name}", "FUNC1 USER", "FREQ1 1e4", "OUTP1 ON") == []
        assert pad.ask(f"DATA1:ATTR:POIN? {name}") == "100"
    assert pad.send("FUNC1:USER NEG_RAMP", "VOLT1 2", "VOLT1:OFFS 0") == []
    start_s = pad.watch()
    seen = pad.seen(start_s + np.linspace(0, 1e-4, 1001))
    assert np.ptp(seen) == pytest.approx(2.0, rel=0.02)
