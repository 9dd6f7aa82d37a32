"""CSV files of `labbench simulate`: what is written can be read, what is wrong is named by line."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from labbench.errors import OutputError, StimulusError
from labbench.model import ModelCard, read_card, simulate
from labbench.model.chain import simulate_chain
from labbench.model.files import COLUMNS, read_stimulus, write_solutions
from labbench.stimulus import Waveform

points = st.lists(st.tuples(st.floats(0.0, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=10)


@settings(max_examples=30, deadline=None)
@given(points, st.sampled_from([("voltage_v", "V"), ("current_a", "A")]))
def test_stimulus_round_trip(tmp_path_factory, rows, column):
    path = tmp_path_factory.getbasetemp() / "stimulus.csv"
    rows = sorted(rows, key=lambda row: row[0])
    lines = [f"time_s,{column[0]}", *(f"{time_s!r},{level!r}" for time_s, level in rows)]
    path.write_text("\n".join(lines))
    stimulus = read_stimulus(path)
    assert stimulus.unit == column[1]
    assert_array_equal(np.column_stack(stimulus.breakpoints()), rows)
    assert stimulus.duration_s == rows[-1][0]


def test_byte_order_mark_spaces_blank_lines_and_other_line_ends(tmp_path):
    path = tmp_path / "s.csv"
    path.write_bytes("\ufefftime_s, voltage_v\r\n\r\n0,0\r\n 1 , 2 \r\n".encode())
    assert_array_equal(read_stimulus(path).level, [0.0, 2.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found nothing"),
        ("time_s,voltage\n0,0\n1,1\n", "found time_s,voltage"),
        ("time_s,voltage_v,current_a\n0,0,0\n", "found time_s,voltage_v,current_a"),
        ("time_s,voltage_v\n0,0\n1,x\n", "line 3: two numbers are needed, found '1,x'"),
        ("time_s,voltage_v\n0,0\n\n\n1,x\n", "line 5: two numbers"),
        ("time_s,voltage_v\n0,0\n1,2,3\n", "line 3: two numbers"),
        ("time_s,voltage_v\n0,0\n1\n", "line 3: two numbers"),
        ("time_s,voltage_v\n0,nan\n1,1\n", "line 2: '0,nan' is not finite"),
        ("time_s,voltage_v\n0,0\ninf,1\n", "line 3: 'inf,1' is not finite"),
        ("time_s,voltage_v\n0,0\n", "two breakpoints or more: found 1"),
        ("time_s,voltage_v\n1,0\n0,1\n", "never decrease"),
        ("time_s,voltage_v\n-1,0\n0,1\n", "0 s or later"),
        ("time_s,voltage_v\n0,0\n" + "1" * 200_000 + ",1\n", "field larger than"),
    ],
)
def test_what_is_wrong_with_a_stimulus_is_said(tmp_path, text, message):
    path = tmp_path / "s.csv"
    path.write_text(text)
    with pytest.raises(StimulusError, match=message):
        read_stimulus(path)


def test_a_stimulus_that_is_not_there_or_not_text(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(StimulusError, match="No stimulus can be read"):
            read_stimulus(path)
    (tmp_path / "s.csv").write_bytes(b"\xff\xff")
    with pytest.raises(StimulusError, match="No stimulus can be read"):
        read_stimulus(tmp_path / "s.csv")


@pytest.mark.parametrize("name", ["b1", "memristor"])
def test_solution_round_trip(tmp_path, name):
    drive = Waveform([0.0, 1e-6, 4e-3, 4e-3], [0.0, 0.8, 0.8, 0.0], 5e-3)
    solution = simulate(read_card(name), drive, seed=1, interval_s=1e-5).solution
    events_path = write_solutions(tmp_path / "out.csv", [solution])
    assert events_path == tmp_path / "out.events.csv"
    table = np.genfromtxt(tmp_path / "out.csv", delimiter=",", names=True)
    assert table.dtype.names == COLUMNS
    fields = ("time_s", "input_v", "node_v", "f", "r", "memristor_a", "output_a")
    for column, field in zip(COLUMNS, fields, strict=True):
        # Twelve digits are written.
        assert_allclose(table[column], getattr(solution, field), rtol=1e-11)
    with events_path.open() as file:
        events = list(csv.DictReader(file))
    assert [event["event"] for event in events] == [event.kind for event in solution.events]
    times_s = [float(event["time_s"]) for event in events]
    assert_allclose(times_s, [event.time_s for event in solution.events], rtol=1e-11)
    assert {"on", "off"} <= {event["event"] for event in events}


def test_a_place_that_cannot_be_written_to(tmp_path):
    solution = simulate(read_card("b1"), Waveform([0.0], [0.1], 1e-5)).solution
    with pytest.raises(OutputError, match="folder that exists"):
        write_solutions(tmp_path / "nowhere" / "out.csv", [solution])


def test_neurons_of_a_chain_stand_side_by_side(tmp_path):
    b1 = read_card("b1")
    chain = ModelCard(circuit="chain", values={**b1.values, "interstage_gain": 2.5})
    drive = Waveform([0.0, 1e-6, 10e-3], [0.0, 0.65, 0.65], 10e-3)
    solutions = simulate_chain(chain, drive, noise="off")
    events_path = write_solutions(tmp_path / "out.csv", solutions)
    table = np.genfromtxt(tmp_path / "out.csv", delimiter=",", names=True)
    assert table.dtype.names == (*COLUMNS, *(f"{name}_2" for name in COLUMNS[1:]))
    assert_allclose(table["node_v_2"], solutions[1].node_v, rtol=1e-11)
    lines = events_path.read_text().splitlines()
    assert lines[0] == "time_s,event,neuron"
    times = [float(line.split(",")[0]) for line in lines[1:]]
    assert times == sorted(times)
    assert {line.split(",", 1)[1] for line in lines} >= {"spike,1", "spike,2"}


def test_the_input_of_a_current_source_is_the_voltage_at_its_terminal(tmp_path):
    card = read_card("ref").with_values({"series_resistance_ohm": 1e5}, drive="current")
    drive = Waveform([0.0, 1e-5, 0.1], [0.0, 1e-7, 1e-7], 0.1, unit="A")
    solution = simulate(card, drive, noise="off", interval_s=1e-3).solution
    write_solutions(tmp_path / "out.csv", [solution])
    table = np.genfromtxt(tmp_path / "out.csv", delimiter=",", names=True)
    assert_allclose(table["input_v"][1:], solution.node_v[1:] + 1e5 * 1e-7, rtol=1e-9)
