"""The stock QCoDeS driver, unchanged, against the simulated 2636B."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not os.environ.get("CI"):
    # Elsewhere it may be missing; there it must not.
    pytest.importorskip("qcodes")

from qcodes.instrument_drivers.Keithley import Keithley2636B

pytestmark = pytest.mark.filterwarnings("default")

METER = "GPIB0::26::INSTR"
R_A_OHM, R_B_OHM = 1e4, 1e6


@dataclass
class Sweep:
    """What QCoDeS's LinSweep is, without its database."""

    param: Any
    start: float
    stop: float
    num_points: int
    delay: float = 0.0

    def get_setpoints(self) -> np.ndarray:
        return np.linspace(self.start, self.stop, self.num_points)


@pytest.fixture
def keithley(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "bench.toml"
    path.write_text(
        f"""visa = "@labbench"
[simulated.devices.a]
resistance_ohm = {R_A_OHM}
[simulated.devices.b]
resistance_ohm = {R_B_OHM}
[[simulated.instruments]]
address = "{METER}"
model = "2636B"
terminals = {{ 1 = "a.top", 2 = "b.top" }}
"""
    )
    driver = Keithley2636B("keithley", METER, visalib=f"{path}@labbench")
    yield driver
    count = driver.visa_handle.query("print(errorqueue.count)")
    driver.close()
    assert float(count) == 0


def test_identity_reset_and_snapshot(keithley: Any) -> None:
    assert keithley.get_idn() == {
        "vendor": "Keithley Instruments Inc.",
        "model": "2636B",
        "serial": "SIM00001",
        "firmware": "3.2.2",
    }
    keithley.reset()
    found = keithley.snapshot(update=True)["submodules"]["smub"]["parameters"]
    assert found["limiti"]["value"] == 0.1
    assert found["mode"]["value"] == "voltage"
    assert found["output"]["value"] in ("off", False)
    assert found["nplc"]["value"] == 1.0


def test_every_range_and_limit(keithley: Any) -> None:
    smu = keithley.smua
    for range_a in keithley._iranges["2636B"]:
        for parameter in (smu.measurerange_i, smu.sourcerange_i):
            # One measures on the range of the source where it is the same quantity.
            parameter(range_a)
            assert parameter() == pytest.approx(range_a)
    smu.mode("current")
    for range_v in keithley._vranges["2636B"]:
        for parameter in (smu.measurerange_v, smu.sourcerange_v):
            parameter(range_v)
            assert parameter() == pytest.approx(range_v)
    assert smu.source_autorange_v_enabled() is False
    for limit_a in (1e-10, 1e-7, 1.5):
        smu.limiti(limit_a)
        assert smu.limiti() == pytest.approx(limit_a)
    smu.limitv(0.02)
    assert smu.limitv() == pytest.approx(0.02)
    smu.four_wire_measurement(True)
    assert smu.four_wire_measurement() is True


def test_force_measure_and_compliance(keithley: Any) -> None:
    smu = keithley.smua
    smu.mode("voltage")
    smu.output("on")
    smu.volt(0.5)
    assert smu.volt() == pytest.approx(0.5, rel=1e-3)
    assert smu.curr() == pytest.approx(0.5 / R_A_OHM, rel=1e-3)
    assert smu.curr.measurement_status == "No error occured."
    assert smu.res() == pytest.approx(R_A_OHM, rel=1e-3)
    smu.limiti(1e-6)
    assert smu.curr() == pytest.approx(1e-6, rel=1e-3)
    assert smu.curr.measurement_status == "Reached current compliance limit."
    smu.mode("current")
    smu.limitv(0.1)
    smu.curr(1e-3)
    assert smu.volt() == pytest.approx(0.1, rel=1e-3)
    assert smu.volt.measurement_status == "Reached voltage compliance limit."


def test_fast_sweeps(keithley: Any) -> None:
    a, b = keithley.smua, keithley.smub
    a.nplc(0.1)
    a.setup_fastsweep(Sweep(a.volt, 0, 1, 11))
    np.testing.assert_allclose(a.fastsweep(), np.linspace(0, 1, 11) / R_A_OHM, atol=1e-8)
    a.setup_fastsweep(Sweep(a.volt, 0, 1, 4, 1e-3), Sweep(b.volt, 0, 0.5, 3))
    expected = np.tile(np.linspace(0, 1, 4) / R_A_OHM, (3, 1))
    np.testing.assert_allclose(a.fastsweep(), expected, atol=1e-8)
    a.setup_fastsweep(Sweep(a.curr, 0, 1e-4, 5), mode="VI")
    np.testing.assert_allclose(a.fastsweep(), np.linspace(0, 1, 5), atol=1e-3)


def test_time_trace(keithley: Any) -> None:
    smu = keithley.smub
    smu.nplc(0.05)
    smu.timetrace_npts(20)
    smu.timetrace_dt(5e-3)
    smu.output("on")
    smu.volt(1.0)
    np.testing.assert_allclose(smu.timetrace(), np.full(20, 1 / R_B_OHM), rtol=1e-2)
    smu.timetrace_mode("voltage")
    np.testing.assert_allclose(smu.timetrace(), np.ones(20), rtol=1e-3)
    assert smu.time_axis()[1] == pytest.approx(5e-3)


def test_display(keithley: Any) -> None:
    keithley.display_settext("hello")
    keithley.display_clear()
    keithley.display_normal()
    keithley.exit_key()
    assert float(keithley.visa_handle.query("print(display.screen)")) == 2
