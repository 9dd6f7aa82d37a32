"""The stock pymeasure drivers of the 2400, unchanged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import pyvisa
from pymeasure.instruments.keithley import Keithley2400
from pymeasure.instruments.keithley.keithley2400_legacy import Keithley2400Legacy

from instruments.simulated.bench import bench_of

SMU = "GPIB0::24::INSTR"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    path = tmp_path / "bench.toml"
    path.write_text(
        "[simulated]\ndevices = { r = { resistance_ohm = 1e6 } }\n[[simulated.instruments]]\n"
        f'address = "{SMU}"\nmodel = "2400"\nterminals = {{ 1 = "top" }}\n'
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    yield manager
    manager.close()


def test_stock_pymeasure_waits_for_its_buffer(manager: pyvisa.ResourceManager) -> None:
    smu = Keithley2400(SMU, visa_library=manager.visalib)
    smu.reset()
    smu.source_voltage = 0.5
    smu.compliance_current = 1e-3
    smu.config_buffer(10, delay=0.01)
    smu.source_enabled = True
    assert not smu.is_buffer_full()
    smu.start_buffer()
    smu.wait_for_buffer(lambda: bench_of(manager).clock.sleep(0.1), timeout=5, interval=0)
    assert smu.buffer_data.reshape(10, 5)[:, 1] == pytest.approx(5e-7, rel=1e-2)
    assert smu.mean_voltage == pytest.approx(0.5)
    assert smu.std_current < 1e-9
    smu.reset_buffer()
    assert not smu.is_buffer_full()
    assert smu.check_errors() == []
    smu.ramp_to_voltage(1.0, steps=3, pause=0)
    assert smu.resistance == pytest.approx(1e6, rel=1e-3)
    smu.shutdown()
    assert not smu.source_enabled


def test_stock_legacy_driver(manager: pyvisa.ResourceManager) -> None:
    with pytest.warns(FutureWarning, match="legacy"):
        smu = Keithley2400Legacy(SMU, visa_library=manager.visalib)
    smu.reset()
    smu.apply_voltage(None, 1e-3)
    smu.measure_current()
    smu.source_voltage = 2.0
    smu.enable_source()
    assert smu.current == pytest.approx(2e-6, rel=1e-3)
    assert smu.check_errors() == []
    smu.apply_current(None, 10.0)
    smu.measure_voltage()
    smu.source_current = 1e-6
    smu.enable_source()
    assert smu.voltage == pytest.approx(1.0, rel=1e-3)
    smu.disable_source()
    assert smu.check_errors() == []
