"""The 2636B: channels, limits, ranges, buffers, sweeps, triggers, status, faults."""

from itertools import pairwise
from pathlib import Path

import pytest
import pyvisa
from pymeasure.instruments.keithley import Keithley2600

from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.faults import Fault

from .meter import METER, R_A_OHM, R_B_OHM, Meter, meter_bench

ON = "smua.source.output = smua.OUTPUT_ON"


def node_v(bench: SimulatedBench, terminal: int = 1) -> float:
    return bench.instruments[METER]._terminals[terminal].line.level[-1]


def test_force_voltage_measure_current_on_two_channels(meter: Meter) -> None:
    meter.write(f"smua.source.levelv = 1 {ON}")
    meter.write("smub.source.levelv = -2 smub.source.output = 1")
    current_a, voltage_v = meter.numbers("smua.measure.iv()")
    assert current_a == pytest.approx(1 / R_A_OHM, rel=1e-3)
    assert voltage_v == pytest.approx(1, rel=1e-3)
    assert meter.number("smub.measure.i()") == pytest.approx(-2 / R_B_OHM, rel=1e-3)
    assert meter.number("smua.measure.r()") == pytest.approx(R_A_OHM, rel=1e-3)
    assert meter.number("smua.measure.p()") == pytest.approx(1 / R_A_OHM, rel=1e-3)
    meter.write("smua.source.output = 0")
    assert meter.number("smua.measure.i()") == pytest.approx(0, abs=1e-9)
    assert meter.error()[0] == 0


def test_force_current_measure_voltage_up_to_the_limit(meter: Meter) -> None:
    meter.write("smua.source.func = smua.OUTPUT_DCAMPS smua.source.leveli = 1e-4")
    meter.write(f"smua.source.limitv = 5 {ON}")
    assert meter.number("smua.measure.v()") == pytest.approx(1, rel=1e-3)
    meter.write("smua.source.leveli = 1e-2")
    assert meter.number("smua.measure.v()") == pytest.approx(5, rel=1e-3)
    assert meter.ask("smua.source.compliance") == ["true"]
    assert meter.number("status.measurement.instrument.smua.condition") == 1
    assert meter.number("status.measurement.voltage_limit.condition") == 2


def test_a_current_limit_acts_and_is_seen(meter: Meter) -> None:
    meter.write(f"smua.source.limiti = 1e-6 smua.source.levelv = 1 {ON}")
    current_a, voltage_v = meter.numbers("smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2)")
    assert current_a == pytest.approx(1e-6, rel=1e-3)
    assert voltage_v == pytest.approx(1e-2, rel=1e-2)
    assert int(meter.column("smua.nvbuffer1.statuses", 1)[0]) & 64
    assert meter.number("status.measurement.current_limit.condition") == 2
    assert int(meter.number("status.measurement.condition")) & 2
    meter.write("smua.source.limiti = 1e-2 smua.source.limitp = 1e-5")
    assert meter.number("smua.measure.i()") == pytest.approx(1e-5, rel=1e-2)
    meter.write("smua.source.limitp = 0")
    assert meter.ask("smua.source.compliance") == ["false"]
    assert meter.number("status.measurement.current_limit.condition") == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("smua.source.limiti = 0", 1102),
        ("smua.source.limiti = 2", 1101),
        ("smua.source.limitv = 0.001", 1102),
        ("smua.source.levelv = 203", 1101),
        ("smua.measure.nplc = 26", 1101),
        ("smua.measure.nplc = 0", 1102),
        ("smua.measure.count = 0", 1102),
        ("smua.source.func = 2", 1101),
        ("smua.source.rangev = 2 smua.source.levelv = 3", 1101),
        ("smua.source.limiti = 1 smua.source.output = 1 smua.source.levelv = 100", -221),
        ("smua.makebuffer(0)", 1102),
        ("trigger.timer[1].delay = 1e-9", 1102),
        ("smua.trigger.source.logv(-1, 1, 5, 0)", -224),
        ("smua.savebuffer(smua.nvbuffer1)", -221),
        ("smua.source.levelv = true", -286),
        ("smua.measure.i(3)", -286),
        ("printbuffer(1, 2)", -286),
        ("smua.trigger.source.listv(3)", -286),
        ("digio.readbit(15)", -222),
        ("display.screen = 9", -224),
        ("localnode.linefreq = 55", -224),
    ],
)
def test_what_cannot_be_is_refused(meter: Meter, command: str, code: int) -> None:
    before = meter.ask("smua.source.limiti, smua.source.limitv, smua.measure.nplc")
    meter.write("x = 1")
    meter.write(command)
    assert meter.error()[0] == code
    if code != -221:
        assert meter.ask("smua.source.limiti, smua.source.limitv, smua.measure.nplc") == before


def test_ranges_snap_upwards_and_end_autoranging(meter: Meter) -> None:
    for asked, got in ((5e-12, 1e-10), (3e-8, 1e-7), (0.1, 0.1), (1.2, 1.5), (10, 10)):
        meter.write(f"smua.measure.rangei = {asked}")
        assert meter.number("smua.measure.rangei") == pytest.approx(got)
        assert meter.number("smua.measure.autorangei") == 0
    meter.write("smua.source.rangev = 15")
    assert meter.numbers("smua.source.rangev, smua.source.autorangev") == [20, 0]
    meter.write("smua.source.autorangev = 1 smua.source.levelv = 1.5")
    assert meter.number("smua.source.rangev") == 2


def test_a_current_beyond_a_fixed_range_overflows(meter: Meter) -> None:
    meter.write(f"smua.measure.rangei = 1e-6 smua.source.levelv = 1 {ON}")
    assert meter.number("smua.measure.i()") == pytest.approx(9.91e37)
    assert meter.number("status.measurement.reading_overflow.condition") == 2
    meter.write("smua.measure.autorangei = 1")
    assert meter.number("smua.measure.i()") == pytest.approx(1e-4, rel=1e-3)


def test_noise_falls_with_the_range_and_the_aperture(meter: Meter) -> None:
    def spread(setup: str) -> float:
        meter.write(f"{setup} b = smub.makebuffer(50) smub.measure.count = 50 smub.measure.i(b)")
        values = meter.column("b", 50)
        mean = sum(values) / len(values)
        return (sum((each - mean) ** 2 for each in values) / len(values)) ** 0.5

    wide = spread("smub.source.output = 1 smub.measure.rangei = 1e-2")
    narrow = spread("smub.measure.rangei = 1e-9")
    fast = spread("smub.measure.nplc = 0.01")
    assert wide > 100 * narrow
    assert 4 * narrow < fast < 25 * narrow
    averaged = spread(
        "smub.measure.filter.count = 20 smub.measure.filter.type = smub.FILTER_REPEAT_AVG "
        "smub.measure.filter.enable = 1"
    )
    assert averaged < 0.5 * fast


def test_measuring_takes_its_time(meter: Meter, bench: SimulatedBench) -> None:
    def duration_s(command: str) -> float:
        before_s = bench.clock.now()
        meter.write(command)
        return bench.clock.now() - before_s

    meter.write(f"smua.measure.delay = 0 smua.measure.autozero = 0 {ON}")
    assert duration_s("smua.measure.v()") == pytest.approx(0.02, abs=2e-3)
    meter.write("smua.measure.nplc = 10")
    assert duration_s("smua.measure.v()") == pytest.approx(0.2, abs=2e-3)
    meter.write("smua.measure.autozero = smua.AUTOZERO_AUTO")
    assert duration_s("smua.measure.v()") == pytest.approx(0.6, abs=2e-3)
    meter.write("smua.measure.nplc = 0.001 smua.measure.count = 10 smua.measure.interval = 0.1")
    assert duration_s("smua.measure.v(smua.nvbuffer1)") == pytest.approx(0.9, abs=5e-3)


def test_relative_offsets(meter: Meter) -> None:
    meter.write(f"smua.source.levelv = 1 {ON}")
    meter.write("smua.measure.rel.leveli = smua.measure.i() smua.measure.rel.enablei = 1")
    assert meter.number("smua.measure.i()") == pytest.approx(0, abs=1e-8)


def test_buffers(meter: Meter) -> None:
    meter.write(f"b = smua.makebuffer(3) b.collecttimestamps = 1 b.collectsourcevalues = 1 {ON}")
    meter.write("b.appendmode = 1 for v = 1, 4 do smua.source.levelv = v smua.measure.i(b) end")
    assert meter.error()[0] == 4915
    assert meter.numbers("b.n, b.capacity, #{b[1], b[2], b[3]}") == [3, 3, 3]
    assert meter.column("b.sourcevalues", 3) == [1, 2, 3]
    assert meter.column("b.readings", 3) == pytest.approx([1e-4, 2e-4, 3e-4], rel=1e-3)
    times_s = meter.column("b.timestamps", 3)
    assert times_s[0] == 0
    assert times_s[2] > times_s[1] > 0.02
    assert meter.number("b.basetimestamp") > 0
    assert meter.visa.query("printbuffer(1, 1, b.units)").strip() == "Amps"
    interleaved = meter.column("b.readings, b.sourcevalues", 2)
    assert interleaved[1::2] == [1, 2]
    meter.write("b.collecttimestamps = 0")
    assert meter.error()[0] == -221
    meter.write("b.clear() b.fillmode = smua.FILL_WINDOW")
    meter.write("for v = 1, 5 do smua.source.levelv = v smua.measure.i(b) end")
    assert meter.column("b.sourcevalues", 3) == [3, 4, 5]
    meter.write("b.appendmode = 0 smua.measure.i(b)")
    assert meter.number("b.n") == 1
    meter.write("printbuffer(1, 1, smua.nvbuffer1.timestamps)")
    assert meter.error()[0] == -286


def test_a_sweep_runs_beside_the_script(meter: Meter) -> None:
    meter.write(
        "smua.trigger.source.linearv(0, 1, 11) smua.trigger.source.action = smua.ENABLE "
        "smua.trigger.measure.action = smua.ENABLE smua.trigger.count = 11 "
        "smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2) "
        f"smua.trigger.endsweep.action = smua.SOURCE_IDLE {ON}"
    )
    meter.write("smua.trigger.initiate()")
    assert meter.number("status.operation.sweeping.condition") == 2
    meter.write("smua.source.levelv = 1")
    assert meter.error() == (
        5042,
        "SMU A: Cannot perform requested action while an overlapped operation is in progress",
    )
    assert meter.visa.query("*OPC?").strip() == "1"
    assert meter.number("status.operation.sweeping.condition") == 0
    levels_v = meter.column("smua.nvbuffer2", 11)
    assert levels_v == pytest.approx([n / 10 for n in range(11)], abs=1e-3)
    assert meter.column("smua.nvbuffer1", 11) == pytest.approx(
        [v / R_A_OHM for v in levels_v], abs=1e-7
    )
    assert meter.number("smua.source.levelv") == 0


def test_logarithmic_and_list_sweeps_hold_the_last_level(meter: Meter) -> None:
    meter.write(
        "smua.trigger.source.action = 1 smua.trigger.measure.action = 1 smua.trigger.count = 4 "
        "smua.trigger.measure.v(smua.nvbuffer1) smua.trigger.endsweep.action = 1 "
        f"smua.measure.nplc = 0.01 {ON}"
    )
    meter.write("smua.trigger.source.logv(0.01, 10, 4, 0) smua.trigger.initiate() waitcomplete()")
    assert meter.column("smua.nvbuffer1", 4) == pytest.approx([0.01, 0.1, 1, 10], rel=1e-2)
    assert meter.number("smua.source.levelv") == pytest.approx(10)
    meter.write("smua.trigger.source.listv({1, 3, 2, 4}) smua.trigger.initiate() waitcomplete()")
    assert meter.column("smua.nvbuffer1", 4) == pytest.approx([1, 3, 2, 4], rel=1e-2)
    meter.write("smua.trigger.initiate() smua.abort()")
    assert meter.number("status.operation.sweeping.condition") == 0


def test_a_timer_makes_pulses_of_exact_width(meter: Meter, bench: SimulatedBench) -> None:
    meter.write(
        "trigger.timer[1].delay = 5e-3 trigger.timer[1].count = 3 "
        "trigger.timer[1].passthrough = true "
        "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID "
        "trigger.timer[2].delay = 1e-3 trigger.timer[2].count = 1 "
        "trigger.timer[2].stimulus = smua.trigger.SOURCE_COMPLETE_EVENT_ID "
        "smua.trigger.source.listv({1, 2, 3, 4}) smua.trigger.source.action = 1 "
        "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID "
        "smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID "
        "smua.trigger.endpulse.action = smua.SOURCE_IDLE smua.trigger.count = 4 "
        f"smua.source.rangev = 20 {ON}"
    )
    terminal = bench.instruments[METER]._terminals[1]
    terminal.watch(bench.clock.now())
    meter.write("smua.trigger.initiate() waitcomplete()")
    corner_s, level_v = terminal.line.corner_s, terminal.line.level
    rises = [t for t, a, b in zip(corner_s[1:], level_v, level_v[1:], strict=False) if b > a]
    falls = [t for t, a, b in zip(corner_s[1:], level_v, level_v[1:], strict=False) if b < a]
    assert len(rises) == len(falls) == 4
    widths_s = [b - a for a, b in zip(rises, falls, strict=True)]
    assert widths_s == pytest.approx([1e-3] * 4, abs=1e-9)
    periods_s = [b - a for a, b in pairwise(rises)]
    assert periods_s == pytest.approx([5e-3] * 3, abs=1e-9)


def test_channels_trigger_each_other_and_the_bus_triggers_them(meter: Meter) -> None:
    meter.write(
        "for _, s in ipairs({smua, smub}) do s.trigger.source.listv({1, 2}) "
        "s.trigger.source.action = 1 s.trigger.measure.action = 1 s.trigger.count = 2 "
        "s.trigger.measure.v(s.nvbuffer1) s.measure.nplc = 0.01 s.source.output = 1 end "
        "smua.trigger.arm.stimulus = trigger.EVENT_ID "
        "trigger.blender[1].orenable = true "
        "trigger.blender[1].stimulus[2] = smua.trigger.SOURCE_COMPLETE_EVENT_ID "
        "smub.trigger.source.stimulus = trigger.blender[1].EVENT_ID "
        "smua.trigger.initiate() smub.trigger.initiate()"
    )
    assert meter.numbers("smua.nvbuffer1.n, smub.nvbuffer1.n") == [0, 0]
    meter.visa.assert_trigger()
    meter.write("waitcomplete()")
    assert meter.column("smua.nvbuffer1", 2) == pytest.approx([1, 2], rel=1e-2)
    assert meter.column("smub.nvbuffer1", 2) == pytest.approx([1, 2], rel=1e-2)


def test_a_script_takes_a_trigger_that_came_before_it(meter: Meter, bench: SimulatedBench) -> None:
    assert meter.ask("trigger.wait(0.5)") == ["false"]
    meter.visa.assert_trigger()
    assert meter.ask("trigger.wait(0.5), trigger.wait(0.1)") == ["true", "false"]
    seen: list[float] = []
    bench.instruments[METER].edge_listeners.append(seen.append)
    meter.write("digio.trigger[1].assert()")
    assert seen == [pytest.approx(bench.clock.now(), abs=1e-3)]
    assert meter.ask("digio.trigger[1].wait(0)") == ["false"]
    bench.instruments[METER].external_edge(bench.clock.now() + 0.1)
    assert meter.ask("digio.trigger[1].wait(1)") == ["true"]


def test_a_timer_that_is_started_twice_overran(meter: Meter) -> None:
    meter.write("t = trigger.timer[3] t.delay = 0.1 t.stimulus = trigger.generator[1].EVENT_ID")
    meter.write("trigger.generator[1].assert()")
    assert meter.ask("t.overrun") == ["false"]
    meter.write("trigger.generator[1].assert()")
    assert meter.ask("t.overrun, t.wait(1)") == ["true", "true"]
    meter.write("t.clear() trigger.generator[1].assert() delay(0.2) trigger.generator[1].assert()")
    assert meter.ask("t.overrun") == ["false"]
    meter.write("t.delaylist = {0.01, 0.02} t.count = 2")
    assert meter.number("t.delaylist[2]") == 0.02
    meter.write("t.reset()")
    assert meter.number("t.delay") == 1e-5


def test_waiting_for_what_never_comes_is_an_error(meter: Meter) -> None:
    meter.write("smua.trigger.arm.stimulus = trigger.EVENT_ID smua.trigger.initiate()")
    meter.write("waitcomplete()")
    assert meter.error()[0] == -286
    meter.visa.clear()
    assert meter.number("status.operation.sweeping.condition") == 0


def test_overlapped_measurements(meter: Meter) -> None:
    meter.write("smua.measure.count = 5 smua.measure.overlappediv(smua.nvbuffer1, smua.nvbuffer2)")
    assert meter.number("smua.nvbuffer1.n") < 5
    meter.write("waitcomplete()")
    assert meter.number("smua.nvbuffer1.n") == 5


def test_factory_scripts(meter: Meter) -> None:
    meter.write("SweepVLinMeasureI(smub, 0, 1, 1e-3, 5)")
    expected = [n / 4 / R_B_OHM for n in range(5)]
    assert meter.column("smub.nvbuffer1", 5) == pytest.approx(expected, abs=1e-10)
    meter.write("PulseVMeasureI(smua, 0, 1, 0.05, 0.1, 3)")
    assert meter.column("smua.nvbuffer1", 3) == pytest.approx([1e-4] * 3, rel=1e-2)
    assert meter.number("smua.source.output") == 0


def test_output_off_modes(meter: Meter, bench: SimulatedBench) -> None:
    terminal = bench.instruments[METER]._terminals[1]
    assert (terminal.kind, terminal.limit) == ("voltage", 1e-3)
    meter.write("smua.source.offlimiti = 1e-6")
    assert terminal.limit == 1e-6
    meter.write("smua.source.offmode = smua.OUTPUT_HIGH_Z")
    assert terminal.kind == "open"
    meter.write(f"smua.source.levelv = 2 {ON}")
    assert (terminal.kind, node_v(bench)) == ("voltage", 2)
    meter.write("smua.source.output = smua.OUTPUT_HIGH_Z")
    assert terminal.kind == "open"


def test_reset_brings_one_channel_or_both_back(meter: Meter, bench: SimulatedBench) -> None:
    meter.write("smua.source.levelv = 1 smua.source.output = 1 smua.measure.nplc = 5")
    meter.write("smub.source.levelv = 1 smub.source.output = 1")
    meter.write("smua.reset()")
    assert meter.numbers("smua.source.output, smua.source.levelv, smua.measure.nplc") == [0, 0, 1]
    assert meter.number("smub.source.output") == 1
    meter.visa.write("*RST")
    assert meter.numbers("smub.source.output, smub.source.limiti") == [0, 0.1]
    assert node_v(bench, 2) == 0


def test_the_rest_of_the_instrument(meter: Meter) -> None:
    meter.write("display.clear() display.setcursor(1, 1) display.settext('One$NTwo')")
    assert meter.ask("display.gettext(false, 2)")[0].strip() == "Two"
    meter.write(
        "display.screen = display.SMUA_SMUB display.smua.measure.func = 0 beeper.beep(1, 2)"
    )
    meter.write("display.smua.digits = display.DIGITS_6_5 digio.writebit(3, 0) dataqueue.add(7)")
    assert meter.numbers("digio.readbit(3), digio.readport(), dataqueue.count") == [0, 16379, 1]
    assert meter.numbers("dataqueue.next(), gpib.address, bit.bitand(6, 3)") == [7, 26, 2]
    assert meter.ask("localnode.model, localnode.serialno") == ["2636B", "SIM00001"]
    meter.write("localnode.linefreq = 60 localnode.description = 'A = memristor'")
    assert meter.ask("localnode.linefreq, node[1].description") == ["6.00000e+01", "A = memristor"]
    assert meter.error()[0] == 0


def test_status_requests_service_at_the_limit(meter: Meter) -> None:
    meter.write(
        "status.reset() status.measurement.instrument.smua.enable = "
        "status.measurement.instrument.smua.ILMT status.measurement.enable = "
        "status.measurement.CURRENT_LIMIT status.request_enable = status.MSB"
    )
    assert meter.visa.read_stb() == 0
    meter.write(f"smua.source.limiti = 1e-6 smua.source.levelv = 1 {ON} smua.measure.i()")
    assert meter.visa.read_stb() == 65
    assert int(meter.number("status.measurement.event")) & 2
    assert meter.number("status.measurement.event") == 0


def test_faults(meter: Meter, bench: SimulatedBench) -> None:
    port = bench.ports[METER]
    meter.write(f"smua.source.levelv = 1 {ON}")
    port.add_fault(Fault(kind="over_range", on="measure"))
    assert meter.number("smua.measure.i()") > 1e37
    assert meter.number("smua.measure.i()") < 1
    port.add_fault(Fault(kind="compliance", value=1e-7, on="measure"))
    assert meter.number("smua.measure.i()") == pytest.approx(1e-7, rel=1e-2)
    assert meter.number("smua.source.limiti") == 1e-7
    port.add_fault(Fault(kind="trip", on="measure"))
    assert meter.number("smua.measure.i()") == pytest.approx(0, abs=1e-9)
    assert meter.number("smua.source.output") == 0
    port.add_fault(Fault(kind="interlock", on="x = 1"))
    meter.write("smua.source.limiti = 1e-3 smua.source.levelv = 100")
    meter.write(ON)
    meter.write("x = 1")
    assert meter.error() == (802, "OUTPUT blocked by interlock")
    meter.write(ON)
    assert meter.error()[0] == 802
    assert meter.number("smua.source.output") == 0
    port.add_fault(Fault(kind="queue_overflow", on="x = 2"))
    meter.write("x = 2")
    assert meter.number("errorqueue.count") == 100


def test_stock_pymeasure_driver_leaves_the_limit_where_it_was(tmp_path: Path) -> None:
    library = f"{meter_bench(tmp_path)}@labbench"
    manager = pyvisa.ResourceManager(library)
    with pytest.warns(FutureWarning, match="not known whether"):
        smu = Keithley2600(METER, visa_library=library)
    channel = smu.ChA
    channel.source_mode = "voltage"
    channel.source_voltage = 1.0
    channel.compliance_current = 1e-7
    assert smu.next_error == (1102, "Parameter too small")
    # Sent as 0.000000 and refused: the device gets a thousand times the current asked for.
    assert channel.compliance_current == 0.1
    channel.source_output = "ON"
    assert channel.source_output == "ON"
    assert channel.current == pytest.approx(1e-4, rel=1e-3)
    channel.compliance_current = 2e-5
    assert channel.current == pytest.approx(2e-5, rel=1e-3)
    channel.compliance_current = 1e-3
    assert channel.voltage == pytest.approx(1.0, rel=1e-3)
    assert channel.resistance == pytest.approx(R_A_OHM, rel=1e-3)
    channel.wires_mode = "4"
    assert channel.wires_mode == "4"
    channel.source_voltage_range = 2
    assert channel.source_voltage_range == 2
    channel.measure_current(nplc=0.1)
    channel.measure_voltage(nplc=0.1)
    channel.apply_current(compliance_voltage=2)
    channel.source_current = 1e-4
    assert channel.voltage == pytest.approx(1.0, rel=1e-2)
    channel.apply_voltage(compliance_current=0.01)
    channel.ramp_to_voltage(0.1, steps=3, pause=0)
    channel.source_output = "OFF"
    assert smu.next_error == (0, "Queue Is Empty")
    assert bench_of(manager).clock.now() > 0
    manager.close()


def device_bench(folder: Path, card: str, terminals: str) -> Meter:
    path = folder / "device.toml"
    path.write_text(
        f"""visa = "@labbench"
[simulated]
card = "{card}"
[[simulated.instruments]]
address = "{METER}"
model = "2636B"
terminals = {{ {terminals} }}
"""
    )
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    return Meter(manager, manager.open_resource(METER, timeout=20_000))


def test_one_channel_opens_the_transistor_that_the_other_feeds(tmp_path: Path) -> None:
    meter = device_bench(tmp_path, "b1", '1 = "supply", 2 = "gate"')
    meter.write("smua.source.limiti = 1e-3 smua.source.levelv = 2 smua.source.output = 1")
    closed_a = meter.number("smua.measure.i()")
    meter.write("smub.source.levelv = 1 smub.source.output = 1")
    assert meter.number("smua.measure.i()") > 100 * closed_a
    # The simulated neuron takes no current source; the output goes off rather than lie.
    meter.write("smua.source.func = smua.OUTPUT_DCAMPS")
    assert meter.error() == (-221, "Settings conflict")
    assert meter.number("smua.source.output") == 0
    meter.manager.close()


def test_a_node_that_takes_no_source_is_left_alone(tmp_path: Path) -> None:
    meter = device_bench(tmp_path, "memristor", '1 = "input", 2 = "node"')
    assert meter.error()[0] == 0
    meter.write("reset()")
    assert meter.error()[0] == 0
    meter.write("smub.source.output = 1")
    assert meter.error() == (-221, "Settings conflict")
    meter.write("smua.source.levelv = 0.1 smua.source.output = 1")
    assert meter.number("smua.measure.r()") > 0
    assert meter.error()[0] == 0
    meter.manager.close()
