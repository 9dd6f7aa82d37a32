"""The QCoDeS drivers of the 33500 and 33600 series, unchanged, against the simulated ones."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if not os.environ.get("CI"):
    pytest.importorskip("qcodes")

MODELS = ["33512B", "33522B", "33622A"]
ADDRESS = "TCPIP0::awg.sim::inst0::INSTR"
CHANNEL = {
    "function_type": "PULS", "frequency_mode": "CW", "frequency": 2.5e3, "phase": 90.0,
    "amplitude_unit": "VRMS", "amplitude": 0.05, "offset": 0.25, "output": "ON",
    "ramp_symmetry": 30.0, "pulse_width": 2e-5, "trigger_source": "BUS", "trigger_slope": "NEG",
    "trigger_count": 12, "trigger_delay": 0.5, "trigger_timer": 2.0, "output_polarity": "INV",
    "burst_state": "ON", "burst_mode": "Gated", "burst_ncycles": 7, "burst_phase": -45.0,
    "burst_polarity": "INV", "burst_int_period": 0.5,
}  # fmt: skip


@pytest.fixture(params=MODELS)
def generator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    from qcodes.instrument_drivers import Keysight

    path = tmp_path / "bench.toml"
    path.write_text(
        f'visa = "@labbench"\n[simulated]\n[[simulated.instruments]]\naddress = "{ADDRESS}"\n'
        f'model = "{request.param}"\n'
    )
    kind = getattr(Keysight, f"Keysight{request.param}")
    made = kind("awg", ADDRESS, visalib=f"{path}@labbench", silent=True)
    made.ask("*IDN?")
    yield made
    made.close()
    made.resource_manager.close() if hasattr(made, "resource_manager") else None


def test_every_parameter_is_read_back(generator: Any) -> None:
    for channel in (generator.ch1, generator.ch2):
        for name, value in CHANNEL.items():
            parameter = channel.parameters[name]
            parameter.set(value)
            found = parameter.get()
            expected = pytest.approx(value) if isinstance(value, float) else value
            assert (found.strip() if isinstance(found, str) else found) == expected, name
        channel.burst_ncycles.set("INF")
        assert channel.burst_ncycles.get() == float("inf")
    generator.sync.output.set("OFF")
    generator.sync.source.set(2)
    assert (generator.sync.output.get(), generator.sync.source.get()) == ("OFF", 2)
    assert generator.error() == (0, "No error")
    generator.sync_channel_phases()
    generator.write("FUNC WAVY")
    assert generator.error() == (-224, "Illegal parameter value")
    generator.flush_error_queue(verbose=False)


def test_a_forced_trigger_starts_a_burst(generator: Any) -> None:
    channel = generator.ch1
    channel.trigger_source.set("BUS")
    channel.burst_state.set("ON")
    channel.output.set("ON")
    generator.force_trigger()
    assert generator.error() == (0, "No error")
    assert set(channel.snapshot(update=True)["parameters"]) > {"frequency", "burst_ncycles"}
