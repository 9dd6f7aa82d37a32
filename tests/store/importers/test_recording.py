"""Small synthetic files with the traps of real recordings."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from labbench.errors import ImportFileError, StimulusError
from labbench.features.volatile_switching import volatile_switching
from labbench.stimulus import Sweep, Waveform, stimulus_from_spec
from labbench.store.importers import read_recording


def write(folder: Path, text: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def staircase(peak_v: float, n: int = 40) -> np.ndarray:
    up = np.arange(1, n + 1) * peak_v / n
    return np.concatenate([up, up[::-1][:-1], [0.0]])


def sweep_file(folder: Path) -> Path:
    """Three sweeps, magnitudes only; compliance 1 uA regulated to 0.005 %, one clamped zero."""
    rows = ["sweep,point,voltage_V,abs_current_A"]
    for sweep, peak_v in enumerate((0.4, -0.4, 0.4)):
        voltage_v = staircase(peak_v)
        current_a = np.abs(voltage_v) / 1e10 + 3e-15
        if peak_v > 0:
            rippled_a = 1e-6 * (1 - 5e-5 * (np.arange(voltage_v.size) % 3))
            first, last = 24, 70
            current_a[first:last] = rippled_a[first:last]
        current_a[2] = 1e-15 if sweep == 0 else current_a[2]
        rows += [
            f"{sweep},{point},{v:.6g},{i:.6g}"
            for point, (v, i) in enumerate(zip(voltage_v, current_a, strict=True))
        ]
    return write(folder, "\n".join(rows) + "\n")


def pulse_file(folder: Path, header: str = "trace,time_s,voltage_V,current_A") -> Path:
    """Two traces: current against the voltage, and the end of the range repeated exactly."""
    noise = np.random.default_rng(1)
    rows = [header]
    for trace in range(2):
        time_s = 2.5e-6 + 5e-6 * np.arange(400)
        voltage_v = np.interp(time_s, [3e-4, 3.15e-4, 1.3e-3, 1.315e-3], [0.1, 1.0, 1.0, 0.1])
        voltage_v = voltage_v + noise.normal(0, 3e-4, time_s.size)
        current_a = noise.normal(0, 2e-9, time_s.size) - 1e-9
        current_a[100:260] = -1.2e-5
        rows += [
            f"{trace},{t:.9g},{v:.6g},{i:.6g}"
            for t, v, i in zip(time_s, voltage_v, current_a, strict=True)
        ]
    return write(folder, "\r\n".join(rows) + "\r\n")


def test_sweeps_have_an_order_but_no_times(tmp_path):
    recording = read_recording(sweep_file(tmp_path))
    assert recording.procedure == "imported_sweep"
    assert len(recording.responses) == 3
    response = recording.responses[1]
    assert isinstance(response.stimulus, Sweep)
    np.testing.assert_allclose(response.stimulus.voltage_v, staircase(-0.4))
    assert not response.trace.has_time
    with pytest.raises(StimulusError):
        response.stimulus.breakpoints()
    assert any("order" in note for note in recording.notes)
    assert any("magnitude" in note for note in recording.notes)


def test_a_given_dwell_makes_times(tmp_path):
    trace = read_recording(sweep_file(tmp_path), dwell_s=0.1).responses[0].trace
    np.testing.assert_allclose(trace.time_s[:2], [0.05, 0.15])


def test_compliance_and_floor_are_found_and_said(tmp_path):
    recording = read_recording(sweep_file(tmp_path))
    channel = recording.responses[0].trace.channel("memristor")
    assert channel.rail_high == pytest.approx(1e-6, rel=1e-3)
    assert channel.is_censored.sum() == 46
    assert channel.floor == 1e-15
    assert sum("censored" in note for note in recording.notes) == 1
    assert recording.responses[0].trace.notes == recording.notes


def test_a_known_compliance_is_a_rail_even_if_reached_once(tmp_path):
    text = "voltage_V,current_A\n0,0\n1,0.02\n2,0.04996\n1,0.03\n0,0\n-1,-0.0499\n"
    recording = read_recording(write(tmp_path, text), compliance_a=0.05)
    censored = recording.responses[0].trace.channel("memristor").is_censored
    assert censored.tolist() == [False, False, True, False, False, False]


def test_imported_sweeps_give_features(tmp_path):
    features = {
        f.label: f for f in volatile_switching(read_recording(sweep_file(tmp_path)).responses)
    }
    assert features["switching_fraction at polarity=-1, current_a=1e-08"].value == 0
    assert features["threshold_voltage at current_a=1e-08"].value == pytest.approx(0.25)


def test_pulses_keep_what_was_measured(tmp_path):
    recording = read_recording(pulse_file(tmp_path))
    assert recording.procedure == "imported_pulse"
    trace = recording.responses[1].trace
    assert trace.interval_s == pytest.approx(5e-6)
    assert trace.start_s == pytest.approx(2.5e-6)
    current = trace.channel("memristor")
    assert current.rail_low == -1.2e-5
    assert current.rail_high is None
    assert current.is_censored.sum() == 160
    assert current.values.min() == -1.2e-5
    assert any("opposite sign" in note for note in recording.notes)


def test_the_stimulus_follows_every_measured_voltage(tmp_path):
    for response in read_recording(pulse_file(tmp_path)).responses:
        assert isinstance(response.stimulus, Waveform)
        applied_v = response.stimulus.sample(response.trace.time_s)
        measured_v = response.trace.values("input")
        assert np.max(np.abs(applied_v - measured_v)) <= 0.005 * np.max(measured_v)
        assert len(response.stimulus.time_s) < 20
        again = stimulus_from_spec(response.stimulus.to_spec())
        np.testing.assert_array_equal(again.sample(response.trace.time_s), applied_v)


def test_a_resistor_under_a_flat_pulse_is_not_a_rail(tmp_path):
    voltage_v = np.repeat([0.0, 1.0, 0.0], 50)
    rows = [f"{k * 1e-3:g},{v},{v / 1e5}" for k, v in enumerate(voltage_v)]
    text = "time_s,voltage_V,current_A\n" + "\n".join(rows) + "\n"
    channel = read_recording(write(tmp_path, text)).responses[0].trace.channel("memristor")
    assert (channel.rail_low, channel.rail_high, channel.floor) == (None, None, None)


@pytest.mark.parametrize(
    ("header", "scale"),
    [
        ("time_ms,voltage_mV,current_uA", (1e-3, 1e-3, 1e-6)),
        ("Time_s,Voltage_v,CURRENT_a", (1, 1, 1)),
        ("time_µs,voltage_uv,current_nA", (1e-6, 1e-6, 1e-9)),
    ],
)
def test_units_are_scaled(tmp_path, header, scale):
    trace = read_recording(write(tmp_path, f"\ufeff{header}\n0,1,2\n1,3,5\n")).responses[0].trace
    np.testing.assert_allclose(trace.time_s, [0, scale[0]])
    np.testing.assert_allclose(trace.values("input"), np.array([1, 3]) * scale[1])
    np.testing.assert_allclose(trace.values("memristor"), np.array([2, 5]) * scale[2])


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("voltage_V,current_A\n", ["no data"]),
        ("1,2\n3,4\n", ["line 1", "names"]),
        ("voltage_V,current_A\n1,2\n3,4.", ["line 3", "no line end"]),
        ("voltage_V,current_A\n1,2\n3\n", ["line 3", "1 fields", "2 columns"]),
        ("voltage_V,current_A\n1,2\n3,4,5\n", ["line 3", "3 fields"]),
        ("voltage_V,current_A\n1,2\n\n3,4\n", ["line 3", "0 fields"]),
        ("voltage_V,current_A\n1,2\n3,oops\n", ["line 3", "current_A", "oops"]),
        ("voltage_V,current_A\n1,2\n3,nan\n", ["line 3", "current_A", "nan"]),
        ("voltage_V,current_A\n1,2\n3,\n", ["line 3", "current_A", "''"]),
        ("voltage_V,current_A\n1,2\ninf,1\n", ["line 3", "voltage_V", "inf"]),
        ("voltage_V,current_A\n1,2\n", ["line 2", "single sample"]),
        ("voltage_V,point\n1,2\n3,4\n", ["line 1", "current", "found: voltage_V,point"]),
        ("voltage_V|current_A\n1|2\n", ["line 1", "voltage_V|current_A"]),
        ("voltage,current_A\n1,2\n3,4\n", ["'voltage'", "no unit", "voltage_mV"]),
        ("voltage_V,current_Oe\n1,2\n3,4\n", ["'current_Oe'", "'Oe'", "current_uA"]),
        ("voltage_MV,current_A\n1,2\n3,4\n", ["'voltage_MV'", "voltage_mV"]),
        ("voltage_V,voltage_mV,current_A\n1,2,3\n3,4,5\n", ["more than one voltage"]),
        ("voltage_V,abs_current_A\n1,2\n3,-4\n", ["line 3", "magnitude", "-4"]),
        ("sweep,voltage_V,current_A\n0,1,2\n1,1,2\n0,1,2\n", ["line 4", "group 0"]),
        ("point,voltage_V,current_A\n0,1,2\n2,1,2\n", ["line 3", "point 2 follows point 0"]),
    ],
)
def test_trouble_names_the_line_and_what_to_do(tmp_path, content, parts):
    with pytest.raises(ImportFileError) as caught:
        read_recording(write(tmp_path, content))
    message = str(caught.value)
    assert "\n" not in message
    for part in ["file.csv", *parts]:
        assert part in message


def test_binary_and_missing_files_are_refused(tmp_path):
    binary = tmp_path / "file.bin"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(ImportFileError, match="not text"):
        read_recording(binary)
    with pytest.raises(ImportFileError, match=r"none\.csv: cannot be read"):
        read_recording(tmp_path / "none.csv")


def test_a_destroyed_time_axis_is_said(tmp_path):
    rows = "".join(f"1.765E+09,{v},{v * 1e-6}\n" for v in (0.0, 0.5, 1.0, 0.5, 0.0))
    recording = read_recording(write(tmp_path, "time_s,voltage_V,current_A\n" + rows))
    assert recording.procedure == "imported_sweep"
    assert not recording.responses[0].trace.has_time
    assert any("time axis destroyed" in note for note in recording.notes)


def test_rounded_and_shifted_times_are_said(tmp_path):
    text = "time_s,voltage_V,current_A\n-2,0,1\n-1,1,2\n-1,2,3\n0.5,3,4\n"
    recording = read_recording(write(tmp_path, text))
    assert recording.responses[0].trace.time_s.tolist() == [0, 1, 1, 2.5]
    assert any("1 times repeat" in note for note in recording.notes)
    assert any("shifted by 2 s" in note for note in recording.notes)


def test_a_dwell_for_a_file_with_times_is_misuse(tmp_path):
    with pytest.raises(ImportFileError, match="own times"):
        read_recording(pulse_file(tmp_path), dwell_s=1.0)


def test_columns_that_are_not_read_are_said(tmp_path):
    text = "voltage_V,current_A,comment_1\n0,1,7\n1,2,7\n"
    assert "column 'comment_1' is not read" in read_recording(write(tmp_path, text)).notes


def test_seventy_thousand_rows_take_less_than_a_second(tmp_path):
    time_s = np.arange(70_000) * 5e-6
    rows = [f"{t:.9g},{v:.6g},1.23456e-09" for t, v in zip(time_s, np.sin(time_s), strict=True)]
    path = write(tmp_path, "time_s,voltage_V,current_A\n" + "\n".join(rows) + "\n")
    started = time.perf_counter()
    read_recording(path)
    assert time.perf_counter() - started < 1.0
