"""The TSP front: chunks, answers, errors, scripts, IEEE 488.2."""

import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyvisa.errors import VisaIOError

import instruments
from instruments.simulated.bench import SimulatedBench, bench_of

from .meter import METER, Meter


def test_each_print_is_a_message(meter: Meter) -> None:
    meter.write("for n = 1, 3 do print(n, n == 2, 'x' .. n, nil) end")
    assert [meter.line() for _ in range(3)] == [
        "1.00000e+00\tfalse\tx1\tnil",
        "2.00000e+00\ttrue\tx2\tnil",
        "3.00000e+00\tfalse\tx3\tnil",
    ]
    with pytest.raises(VisaIOError):
        meter.visa.read()


def test_syntax_and_runtime_errors(meter: Meter) -> None:
    meter.write("x = = 1")
    assert meter.error() == (-285, "TSP Syntax error at line 1: unexpected symbol near `='")
    meter.write("y = 1\nprint(smua.channel.a)")
    assert meter.error() == (
        -286,
        "TSP Runtime error at line 2: attempt to index field `channel' (a nil value)",
    )
    assert meter.number("y") == 1
    meter.write("smua.source.lavelv = 1")
    code, words = meter.error()
    assert code == -286
    assert "lavelv" in words
    meter.write("smua.source.compliance = 1")
    assert meter.error()[0] == -286
    assert meter.ask("errorqueue.next()") == [
        "0.00000e+00",
        "Queue Is Empty",
        "0.00000e+00",
        "1.00000e+00",
    ]
    assert meter.number("errorqueue.count") == 0


def test_an_error_that_is_none_of_lua_lets_the_script_go_on(meter: Meter) -> None:
    meter.write("smua.source.levelv = 1000 smua.source.levelv = 1 print('here')")
    assert meter.line() == "here"
    assert meter.error() == (1101, "Parameter too big")
    assert meter.number("smua.source.levelv") == 1


@pytest.mark.parametrize(
    "endless",
    [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
    ],
)
def test_a_script_without_an_end_is_ended(meter: Meter, endless: str) -> None:
    started_s = time.monotonic()
    meter.write(endless)
    assert time.monotonic() - started_s < 30.0
    code, words = meter.error()
    assert code == -286
    assert "did not end" in words
    assert meter.number("1 + 1") == 2


def test_scripts_cannot_get_out(meter: Meter) -> None:
    for name in ("io", "package", "python", "debug", "require", "dofile", "load", "setfenv"):
        assert meter.ask(name) == ["nil"], name
    # Of os there is the time, and nothing that reaches the machine.
    for name in ("execute", "getenv", "exit", "remove", "rename", "tmpname", "setlocale"):
        assert meter.ask(f"os.{name}") == ["nil"], name
    assert meter.ask("type(smua), type(smua.reset), type(print)") == [
        "table",
        "function",
        "function",
    ]
    assert meter.ask("getmetatable(smua)") == ["locked"]
    meter.write("x = string.rep('x', 1e9)")
    assert meter.error()[0] == -286


def test_numbers_in_text_and_binary(meter: Meter) -> None:
    meter.write("format.asciiprecision = 10")
    assert meter.visa.query("printnumber(math.pi, -2)") == "3.141592654e+00, -2.000000000e+00\n"
    meter.write("format.asciiprecision = 17")
    assert meter.error() == (1405, "Invalid ASCII precision")
    for data, order, code in (
        ("REAL32", "LITTLEENDIAN", "<2f"),
        ("REAL64", "LITTLEENDIAN", "<2d"),
        ("REAL64", "BIGENDIAN", ">2d"),
        ("SREAL", "NORMAL", ">2f"),
    ):
        meter.write(f"format.data = format.{data} format.byteorder = format.{order}")
        meter.write("printnumber(1.5, -0.25)")
        raw = meter.visa.read_raw()
        assert raw[:2] == b"#0"
        assert raw[-1:] == b"\n"
        assert struct.unpack(code, raw[2:-1]) == (1.5, -0.25)
    meter.write("reset()")
    assert meter.ask("format.data, format.asciiprecision") == ["1.00000e+00", "6.00000e+00"]


def test_loaded_scripts(meter: Meter) -> None:
    meter.write(
        "loadscript twice\nfunction double(x) return 2 * x end\nprint(double(4))\nendscript"
    )
    assert meter.number("errorqueue.count") == 0
    meter.write("twice.run()")
    assert float(meter.line()) == 8
    meter.write("twice()")
    assert float(meter.line()) == 8
    assert meter.number("double(5)") == 10
    for line in ("loadandrunscript", "t = {}", "for n = 1, 4 do t[n] = n * n end", "endscript"):
        meter.write(line)
    assert meter.number("t[4] + table.getn(t)") == 20
    meter.write("script.run()")
    meter.write("s = script.new('print(42)', 'named') named.run() s()")
    assert [float(meter.line()), float(meter.line())] == [42, 42]
    meter.write("loadscript bad\nif then\nendscript")
    assert meter.error()[0] == -285
    meter.write("loadscript stops\nx = 1\nx()\nendscript")
    meter.write("stops.run()")
    assert meter.error()[0] == -286


def test_common_commands_and_the_status_byte(meter: Meter) -> None:
    visa = meter.visa
    assert visa.query("*IDN?").startswith("Keithley Instruments Inc., Model 2636B, ")
    assert visa.query("*TST?").strip() == "0"
    assert visa.query("*opc?").strip() == "1"
    assert int(visa.query("*ESR?")) & 128
    visa.write("*CLS")
    visa.write("*ESE 16")
    visa.write("*SRE 32")
    assert (visa.query("*ESE?").strip(), visa.query("*SRE?").strip()) == ("16", "32")
    visa.write("error('x')")
    assert visa.read_stb() == 4 + 32 + 64
    assert visa.query("*ESR?").strip() == "16"
    visa.write("*OPC")
    assert visa.query("*ESR?").strip() == "1"
    visa.write("errorqueue.clear()")
    visa.write("*ESE 300")
    assert meter.error()[0] == -222
    visa.write("*WRONG")
    assert meter.error()[0] == -285
    visa.write("*CLS")
    assert visa.query("*STB?").strip() == "0"
    visa.timeout = 100
    with pytest.raises(VisaIOError):
        visa.read()
    assert meter.error() == (-420, "Query UNTERMINATED")


def test_values_that_are_no_numbers_are_written_as_lua_does(meter: Meter) -> None:
    assert meter.ask("smua")[0].startswith("table: ")
    assert meter.ask("{}")[0].startswith("table: ")
    assert meter.ask("smua.reset")[0].startswith("function: ")
    assert meter.ask("smua.reset == smua.reset, smua.measure == smub.measure") == ["true", "false"]
    assert meter.visa.query("*TST?;*OPC?").strip() == "0;1"


def test_the_error_queue_overflows(meter: Meter) -> None:
    meter.write("for n = 1, 200 do smua.source.levelv = 1e6 end")
    assert meter.number("errorqueue.count") == 100
    for _ in range(99):
        assert meter.error()[0] == 1101
    assert meter.error() == (-350, "Queue overflow")
    meter.write("smua.source.levelv = 1e6 errorqueue.clear()")
    assert meter.error()[0] == 0


def test_waiting_takes_the_time_of_the_bench(meter: Meter, bench: SimulatedBench) -> None:
    before_s = bench.clock.now()
    meter.write("timer.reset() delay(1.5)")
    assert bench.clock.now() - before_s == pytest.approx(1.5, abs=0.01)
    assert meter.number("timer.measure.t()") == pytest.approx(1.5, abs=0.01)
    meter.write("timer.reset() while timer.measure.t() < 0.1 do end print('done')")
    assert meter.line() == "done"
    meter.write("delay('long')")
    assert meter.error()[0] == -286


def test_prompts_and_shown_errors(meter: Meter) -> None:
    meter.write("localnode.prompts = 1")
    assert meter.line() == "TSP>"
    meter.write("x = = 1")
    assert meter.line() == "TSP?"
    meter.write("localnode.prompts = 0 errorqueue.clear() localnode.showerrors = 1")
    meter.write("smua.source.levelv = 1e6")
    assert meter.line() == "1101\tParameter too big"


def test_getters_and_setters(meter: Meter) -> None:
    meter.write("get = makegetter(smua.source, 'levelv') set = makesetter(smua.source, 'levelv')")
    meter.write("set(0.25)")
    assert meter.number("get()") == 0.25


def test_a_bench_without_one_needs_no_lua(tmp_path: Path) -> None:
    path = tmp_path / "bench.toml"
    path.write_text("[simulated]\ninstruments = []\n")
    program = (
        f"import sys, pyvisa; pyvisa.ResourceManager('{path.as_posix()}@labbench'); "
        "assert 'lupa' not in sys.modules"
    )
    root = Path(instruments.__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)


WORDS = (
    "smua smub source measure levelv limiti output = 1 -3 1e9 nil print ( ) { } . , i() iv() "
    "nvbuffer1 for do end while if then 'x' [[ ]] loadscript endscript *RST *OPC? *TRG "
    "trigger initiate() count printbuffer(1,2,smua.nvbuffer1) status é \\ -- \n ~= .. #"
)


@given(words=st.lists(st.sampled_from(WORDS.split(" ")), max_size=10))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_message_breaks_it(meter: Meter, words: list[str]) -> None:
    instrument = bench_of(meter.manager).instruments[METER]
    instrument.message(" ".join(words).encode("latin-1") + b"\r\n")
    instrument.message(b"endscript")
    instrument.device_clear()
    instrument.message(b"*RST")
    instrument.message(b"*CLS")
    instrument.message(b"*IDN?")
    assert instrument.answers[-1].decode().strip() == instrument.identity


def test_a_full_memory_is_an_error_and_the_next_chunk_finds_room(meter: Meter) -> None:
    meter.write("t = {} while true do t[#t + 1] = {1, 2, 3} end")
    assert meter.error()[0] == -286
    assert meter.ask("t") == ["nil"]
    assert meter.number("smua.source.levelv") == 0


def test_exit_is_no_error_and_the_factory_pulses(meter: Meter) -> None:
    meter.write("exit() print(5)")
    assert meter.error()[0] == 0
    assert meter.number("bit.getfield(240, 5, 4)") == 15
    meter.write("smua.measure.nplc = 0.01 smua.source.output = 1")
    meter.write("ConfigPulseVMeasureI(smua.nvbuffer1, 0, 1, 0.1, 1e-3, 1e-2, 3, 1)")
    assert meter.ask("InitiatePulseTest(1)")[0] == "true"
    assert meter.number("smua.nvbuffer1.n") == 3
    assert meter.error()[0] == 0
