"""The stock QCoDeS driver of the 2400, unchanged."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

if os.environ.get("CI"):
    import qcodes  # noqa: F401
else:
    pytest.importorskip("qcodes")

from qcodes.instrument_drivers.Keithley import Keithley2400

SMU = "GPIB0::24::INSTR"
DEVICES = {
    "resistor": ("devices = { r = { resistance_ohm = 1e6 } }", "top"),
    "neuron": ("seed = 0", "supply"),
}


def opened(folder: Path, device: str) -> Keithley2400:
    path = folder / "bench.toml"
    entry, node = DEVICES[device]
    path.write_text(
        f'[simulated]\n{entry}\n[[simulated.instruments]]\naddress = "{SMU}"\n'
        f'model = "2400"\nterminals = {{ 1 = "{node}" }}\n'
    )
    return Keithley2400("smu", SMU, visalib=f"{path}@labbench")


@pytest.fixture
def smu(tmp_path: Path) -> Iterator[Keithley2400]:
    driver = opened(tmp_path, "resistor")
    yield driver
    assert driver.ask("SYST:ERR?") == '0,"No error"'
    driver.close()


def test_voltage_mode(smu: Keithley2400) -> None:
    assert smu.get_idn()["model"] == "2400"
    smu.reset()
    smu.mode("VOLT")
    smu.rangev(20)
    assert smu.rangev() == 21.0
    smu.compliancei(1e-3)
    assert smu.compliancei() == 1e-3
    smu.nplci(0.1)
    assert smu.nplci() == smu.nplcv() == 0.1
    smu.output(True)
    smu.volt(1.5)
    assert smu.volt() == 1.5
    assert smu.curr() == pytest.approx(1.5e-6, rel=0.05)
    smu.output(False)
    with pytest.raises(RuntimeError, match="output off"):
        smu.volt()


def test_current_mode(smu: Keithley2400) -> None:
    smu.reset()
    smu.mode("CURR")
    assert smu.sense() == '"VOLT:DC","CURR:DC"'
    smu.compliancev(5)
    assert smu.compliancev() == 5.0
    smu.curr(2e-6)
    smu.output(True)
    assert smu.volt() == pytest.approx(2.0, rel=1e-3)
    assert smu.resistance() == pytest.approx(1e6, rel=1e-2)


def test_the_supply_of_a_neuron(tmp_path: Path) -> None:
    driver = opened(tmp_path, "neuron")
    driver.mode("VOLT")
    driver.compliancei(1e-3)
    driver.volt(0.5)
    driver.output(True)
    assert driver.volt() == pytest.approx(0.5, abs=1e-4)
    assert abs(driver.curr()) < 1e-5
    driver.close()
