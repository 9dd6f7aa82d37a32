"""Exports of other tools, written here in their shapes: known by content, whatever their name."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from labbench.cli import main
from labbench.errors import ImportFileError
from labbench.store import Store
from labbench.store.importers import read_recording

UP_V = np.round(np.linspace(0.0, 0.5, 11), 3)
LOOP_V = np.r_[UP_V, UP_V[-2::-1]]
LOOP_A = np.where(np.arange(LOOP_V.size) < 8, 1e-9, 2e-6) * np.sign(LOOP_V)
UNITS = {"voltage": "V", "current": "A", "time": "s"}


@pytest.fixture
def write(tmp_path):
    def write(text, name="odd.dat"):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8"))
        return path

    return write


def keithley_text(times):
    rows = [f"{v:.3f}\t{i:.6e}\t{t}" for v, i, t in zip(LOOP_V, LOOP_A, times, strict=True)]
    return "Voltage Current Time\n" + "\n".join(rows) + "\n"


def test_keithley_text_tells_no_units_and_asks(write):
    path = write(keithley_text(np.arange(LOOP_V.size) * 0.1))
    with pytest.raises(ImportFileError, match=r"no unit in the file; give it, such as --unit"):
        read_recording(path)
    recording = read_recording(path, units=UNITS)
    assert recording.settings["dialect"] == "keithley_text"
    (response,) = recording.responses
    assert_allclose(response.trace.channels["memristor"].values, LOOP_A)
    assert_allclose(response.trace.time_s, np.arange(LOOP_V.size) * 0.1)
    milli = read_recording(path, units={**UNITS, "current": "mA"})
    assert_allclose(milli.responses[0].trace.channels["memristor"].values, 1e-3 * LOOP_A)


def test_a_destroyed_time_axis_is_said_and_not_used(write):
    path = write(keithley_text(["1.765e+09"] * LOOP_V.size))
    recording = read_recording(path, units=UNITS)
    assert any("time axis destroyed" in note for note in recording.notes)
    assert not recording.responses[0].trace.has_time


def test_keithley_smu_names_with_a_delimiter_too_many(write):
    rows = [
        f"{n + 1},{0.01 * n},{v},{i:.6e},{v / i if i else 0},"
        for n, (v, i) in enumerate(zip(LOOP_V, LOOP_A, strict=True))
    ]
    head = "Item,Smu1.Time[1][1],Smu1.V[1][1],Smu1.I[1][1],Smu1.R[1][1],"
    recording = read_recording(write("\n".join([head, *rows]) + "\n"), units=UNITS)
    assert recording.settings["dialect"] == "keithley_smu"
    assert_allclose(recording.responses[0].trace.channels["input"].values, LOOP_V)
    assert any("column 'Item' is not read" in note for note in recording.notes)


def easyexpert(compliance_a, current_a):
    rows = [f"DataValue, {v}, {i:.6e}" for v, i in zip(LOOP_V, current_a, strict=True)]
    head = [
        "SetupTitle, I/V Sweep",
        "PrimitiveTest, I/V Sweep",
        "TestParameter, Channel.UnitType, SMU, SMU",
        "TestParameter, Channel.Unit, SMU1:HR, SMU2:HR",
        "TestParameter, Channel.IName, I1, I2",
        "TestParameter, Channel.VName, V1, V2",
        "TestParameter, Channel.Mode, V, COMMON",
        "TestParameter, Channel.Func, VAR1, CONST",
        f"TestParameter, Measurement.Primary.Compliance, {compliance_a}",
        "Dimension1, 21, 21",
        "Dimension2, 1, 1",
        "DataName, V1, I1",
    ]
    return "\n".join([*head, *rows]) + "\n"


def test_easyexpert_brings_its_own_units(write):
    recording = read_recording(write(easyexpert(1e-3, LOOP_A)))
    assert recording.settings["dialect"] == "easyexpert"
    assert_allclose(recording.responses[0].trace.channels["memristor"].values, LOOP_A)
    assert any("'I/V Sweep' of EasyEXPERT" in note for note in recording.notes)


def test_an_oscilloscope_keeps_times_and_does_not_guess_what_was_applied(write):
    rows = [f"{-1e-3 + 1e-5 * n:.6e},{0.1 * n:.4f},{0.5:.4f}" for n in range(50)]
    text = "\n".join(["x-axis,1,2", "second,Volt,Volt", *rows]) + "\n"
    recording = read_recording(write(text))
    assert recording.settings["dialect"] == "scope"
    (response,) = recording.responses
    assert set(response.trace.channels) == {"channel_1", "channel_2"}
    assert_allclose(np.diff(response.trace.time_s), 1e-5)
    assert any("--column voltage=NAME says it" in note for note in recording.notes)
    assert any("shifted by 0.001 s" in note for note in recording.notes)


def test_samples_at_the_ends_of_an_eight_bit_converter_are_censored(write):
    codes = np.clip(np.round(200 * np.sin(np.arange(2000) / 50)), -128, 127)
    rows = [f"{1e-6 * n:.6e},{0.008 * code:.6f}" for n, code in enumerate(codes)]
    recording = read_recording(write("\n".join(["Time (s),Voltage (V)", *rows]) + "\n"))
    channel = recording.responses[0].trace.channels["voltage_v"]
    at_end = (codes == -128) | (codes == 127)
    assert_array_equal(channel.is_censored, at_end)
    assert any("at an end of the converter" in note for note in recording.notes)


def test_numbers_without_names_are_asked_about(write):
    rows = [f"{0.05 * n}\t{1e-6 * n:.4e}\t2.0" for n in range(40)]
    path = write("\r\n".join(rows) + "\r\n")
    with pytest.raises(ImportFileError, match=r"no names: say what they hold, such as --column"):
        read_recording(path)
    columns = {"time": "1", "current": "2", "voltage": "3"}
    recording = read_recording(path, columns=columns, units=UNITS)
    assert recording.settings["dialect"] == "bare"
    assert_allclose(recording.responses[0].trace.channels["memristor"].values, 1e-6 * np.arange(40))
    with pytest.raises(ImportFileError, match=r"'4' of --column voltage is not there"):
        read_recording(path, columns={**columns, "voltage": "4"}, units=UNITS)


def test_a_cut_last_line_is_said(write):
    path = write(keithley_text(np.arange(LOOP_V.size) * 0.1)[:-3])
    with pytest.raises(ImportFileError, match="the last line has no line end"):
        read_recording(path, units=UNITS)


def test_the_bytes_of_a_file_are_kept(write, tmp_path, monkeypatch, capsys):
    path, db = write(easyexpert(1e-3, LOOP_A)), tmp_path / "lab.db"
    for arguments in (("--show",), ("--db", str(db), "--device", "M1")):
        monkeypatch.setattr(sys, "argv", ["labbench", "import", str(path), *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert not end.value.code
        assert db.exists() == ("--db" in arguments)
    assert "easyexpert" in capsys.readouterr().out
    with Store.open(db) as store:
        assert store.source(1).encode() == path.read_bytes()
