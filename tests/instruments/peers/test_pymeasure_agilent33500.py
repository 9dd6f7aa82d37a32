"""The stock pymeasure driver of the 33500 series, unchanged, against the simulated ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymeasure.instruments.agilent import Agilent33500

ADDRESS = "TCPIP0::awg.sim::inst0::INSTR"
BOTH = {
    "shape": "PULS", "frequency": 2e3, "amplitude": 1.5, "amplitude_unit": "VRMS", "offset": 0.5,
    "voltage_high": 2.0, "voltage_low": -1.0, "phase": 45.0, "square_dutycycle": 30.0,
    "ramp_symmetry": 40.0, "pulse_period": 2e-3, "pulse_hold": "DCYC", "pulse_width": 3e-4,
    "pulse_dutycycle": 25.0, "pulse_transition": 5e-8, "output": True, "output_load": 75.0,
    "burst_state": True, "burst_mode": "GAT", "burst_period": 0.2, "burst_ncycles": 12,
    "arb_advance": "TRIG", "arb_filter": "OFF", "arb_srate": 1e6,
}  # fmt: skip
WHOLE = {"trigger_source": "BUS", "ext_trig_out": True}


@pytest.fixture(params=["33512B", "33522B", "33622A"])
def stock(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Agilent33500]:
    path = tmp_path / "bench.toml"
    path.write_text(
        f'visa = "@labbench"\n[simulated]\n[[simulated.instruments]]\naddress = "{ADDRESS}"\n'
        f'model = "{request.param}"\n'
    )
    made = Agilent33500(ADDRESS, visa_library=f"{path}@labbench")
    yield made
    made.adapter.manager.close()


def set_and_read(owner: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(owner, name, value)
        found = getattr(owner, name)
        assert found == (pytest.approx(value) if isinstance(value, float) else value), name


def test_every_property_is_read_back(stock: Agilent33500) -> None:
    for owner in (stock.ch_1, stock.ch_2):
        set_and_read(owner, BOTH)
        assert stock.check_errors() == []
    stock.reset()
    set_and_read(stock, BOTH | WHOLE)
    assert stock.check_errors() == []


def test_methods(stock: Agilent33500) -> None:
    stock.beep()
    stock.display = "hello"
    stock.clear_display()
    for owner, name in ((stock, "one"), (stock.ch_2, "two")):
        owner.data_volatile_clear()
        owner.data_arb(name, range(-100, 100, 10))
        owner.data_arb(name + "f", [0.1] * 8, data_format="float")
        owner.arb_file = name
        assert owner.arb_file.strip('"') == name.upper()
    stock.phase_sync()
    stock.burst_state, stock.trigger_source, stock.output = True, "BUS", True
    stock.trigger()
    stock.wait_for_trigger()
    assert stock.check_errors() == []
