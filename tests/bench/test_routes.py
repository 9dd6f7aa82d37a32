"""Connections: which relays they close, when those may move, and what a bench cannot reach."""

import pytest

from instruments.simulated.bench import bench_of
from instruments.simulated.faults import Fault
from labbench.bench import open_bench
from labbench.bench.bench import DRIVING
from labbench.bench.description import Wiring, read_bench
from labbench.bench.routes import Routes
from labbench.connection import Connection
from labbench.errors import BenchError, ReadbackError
from labbench.stimulus import Pulse, PulseTrain

SHORT = PulseTrain((Pulse(0.0, 1e-4, 0.3),), duration_s=2e-4)
AMPLIFIER = {"channel": 3, "gain": 1e6, "route": (1, 1)}
FOLLOWER = {"channel": 4, "gain": 1.0, "route": (2, 1)}
RESISTORS = [
    {"route": (3, 1), "total_resistance_ohm": 25e6},
    {"route": (3, 2), "total_resistance_ohm": 50e6},
]
WHOLE = Wiring.model_validate(
    {"amplifier": AMPLIFIER, "follower": FOLLOWER, "control_resistors": RESISTORS}
)


class Matrix:
    """A matrix with relays that stick."""

    identity = "matrix"

    def __init__(self, closed=(), stuck=()):
        self.closed, self.stuck, self.moves = frozenset(closed), frozenset(stuck), []

    def close_channel(self, row, column):
        self.moves.append(("close", (row, column)))
        if (row, column) not in self.stuck:
            self.closed |= {(row, column)}

    def open_channel(self, row, column):
        self.moves.append(("open", (row, column)))
        if (row, column) not in self.stuck:
            self.closed -= {(row, column)}

    def safe(self):
        self.closed = frozenset()


@pytest.mark.parametrize(
    ("connection", "routes"),
    [
        (Connection(), set()),
        (Connection("grounded"), {(1, 1)}),
        (Connection("follower"), {(2, 1)}),
        (Connection(control_resistance_ohm=25.1e6), {(3, 1)}),
        (Connection("follower", control_resistance_ohm=50e6), {(2, 1), (3, 2)}),
    ],
)
def test_a_connection_closes_its_own_routes_and_no_other(connection, routes):
    matrix, quiets = Matrix(closed={(4, 9), (1, 1)}), []
    Routes(WHOLE, matrix).bring(connection, lambda: quiets.append(tuple(matrix.moves)))
    assert matrix.closed == routes
    assert quiets == [()], "quiet once, before the first relay moves"
    assert [what for what, _ in matrix.moves] == sorted(
        (what for what, _ in matrix.moves), reverse=True
    ), "what opens goes first"


def test_no_relay_moves_without_need():
    matrix, quiets = Matrix(), []
    routes = Routes(WHOLE, matrix)
    for _ in range(2):
        routes.bring(Connection(), lambda: quiets.append(1))
    assert not quiets
    assert not matrix.moves
    routes.bring(Connection("grounded"), lambda: quiets.append(1))
    matrix.safe()
    routes.forget()
    routes.bring(Connection("grounded"), lambda: quiets.append(1))
    assert matrix.closed == {(1, 1)}
    assert len(quiets) == 2


@pytest.mark.parametrize(
    ("matrix", "connection"),
    [
        (Matrix(stuck={(1, 1)}), Connection("grounded")),
        (Matrix(closed={(2, 1)}, stuck={(2, 1)}), Connection()),
    ],
)
def test_a_relay_that_sticks_is_refused_every_time(matrix, connection):
    routes = Routes(WHOLE, matrix)
    for _ in range(2):
        with pytest.raises(ReadbackError, match="look at its relays"):
            routes.bring(connection, lambda: None)


def reach(**wiring):
    routes = Routes(Wiring.model_validate(wiring), None)
    return [gate for gate in ("open", "grounded", "follower") if routes.reaches(Connection(gate))]


def test_what_is_reached_without_a_switch():
    always = {"route": None}
    assert reach() == ["open"]
    assert reach(follower=FOLLOWER | always) == ["open", "follower"]
    assert reach(amplifier=AMPLIFIER | always) == ["grounded"]
    assert reach(amplifier=AMPLIFIER | always, follower=FOLLOWER | always) == ["grounded"]
    routes = Routes(Wiring(), None)
    assert routes.control_resistances_ohm == ()
    assert not routes.reaches(Connection(control_resistance_ohm=25e6))
    with pytest.raises(BenchError, match="does not reach a gate that is grounded"):
        routes.bring(Connection("grounded"), lambda: None)


def test_the_demo_reaches_everything_it_says(bench):
    assert bench.control_resistances_ohm == (25e6, 50e6, 75e6)
    for gate in ("open", "grounded", "follower"):
        assert bench.reaches(Connection(gate))
        assert bench.reaches(Connection(gate, control_resistance_ohm=75e6))
    assert not bench.reaches(Connection(control_resistance_ohm=60e6))


def test_the_channels_follow_the_connection(bench):
    bench.start()
    seen = {gate: bench.play(SHORT, Connection(gate)) for gate in ("open", "grounded", "follower")}
    assert {gate: set(r.trace.channels) for gate, r in seen.items()} == {
        "open": {"input", "output"},
        "grounded": {"input", "memristor"},
        "follower": {"input", "output", "gate"},
    }
    assert {gate: r.connection.gate for gate, r in seen.items()} == {gate: gate for gate in seen}
    memristor = seen["grounded"].trace.channel("memristor")
    assert (memristor.quantity, memristor.unit) == ("current", "A")


def test_nothing_is_switched_hot(bench, monkeypatch):
    bench.start()
    matrix, moves = bench.instruments["switch"], []

    def watched(act):
        def move(row, column):
            driven = [role for role in DRIVING if bench.instruments[role].is_output_on]
            moves.append((driven, bench.clock.now()))
            act(row, column)

        return move

    for name in ("close_channel", "open_channel"):
        monkeypatch.setattr(matrix, name, watched(getattr(matrix, name)))
    bench.play(SHORT)
    assert bench.pulse_source.is_output_on
    bench.meter.source_voltage(0.1, 1e-6)
    played_s = bench.clock.now()
    bench.play(SHORT, Connection("follower", control_resistance_ohm=25e6))
    assert [driven for driven, _ in moves] == [[], []]
    assert moves[0][1] - played_s >= bench.description.wiring.discharge_s
    bench.play(SHORT, Connection("follower", control_resistance_ohm=25e6))
    assert len(moves) == 2


def test_the_safe_end_opens_the_matrix_when_nothing_drives_it_any_more(bench, monkeypatch):
    bench.start()
    bench.play(SHORT, Connection("grounded"))
    matrix, driven = bench.instruments["switch"], []

    def safe(act=matrix.safe):
        driven.extend(role for role in DRIVING if bench.instruments[role].is_output_on)
        act()

    monkeypatch.setattr(matrix, "safe", safe)
    assert matrix.closed == {(1, 1)}
    assert bench.pulse_source.is_output_on
    bench.safe()
    assert driven == []
    assert matrix.closed == set()
    # And the next stimulus finds its connection again.
    bench.start()
    response = bench.play(SHORT, Connection("grounded"))
    assert matrix.closed == {(1, 1)}
    assert "memristor" in response.trace.channels


def test_a_matrix_that_does_not_obey_stops_the_stimulus(bench):
    bench.start()
    switch = bench.instruments["switch"].driver.adapter
    port = bench_of(switch.manager).ports["GPIB0::7::INSTR"]
    port.add_fault(Fault(kind="refuse", on=":ROUTE:CLOSE ", times=0))
    with pytest.raises(ReadbackError, match="were to be connected"):
        bench.play(SHORT, Connection("grounded"))
    assert not bench.pulse_source.is_output_on


def test_meters_that_are_off_leave_input_and_gate_alone(bench):
    bench.start()
    for meter in (bench.meter, bench.gate_meter):
        assert not meter.is_output_on
        assert meter.smu.off_mode == "high impedance"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('driver = "keithley7001"\naddress = "GPIB0::7::INSTR"', None, "nothing closes them"),
        ("gain = 1.0\nroute = [2, 1]", "gain = 1.0\nroute = [1, 1]", "one thing only"),
    ],
)
def test_routes_that_make_no_sense(bench_file, old, new, said):
    text = bench_file.read_text("utf-8")
    assert old in text
    changed = text.replace(old, new) if new else text.replace(f"[instruments.switch]\n{old}", "")
    bench_file.write_text(changed, "utf-8")
    with pytest.raises(BenchError, match=said):
        read_bench(bench_file)


def test_a_bench_without_a_switch_is_a_bench(bench_file):
    text = bench_file.read_text("utf-8")
    start, end = text.index("[instruments.meter]"), text.index("[wiring]")
    first, last = text.index("# From gate to ground"), text.index("[limits]")
    bench_file.write_text(text[:start] + text[end:first] + text[last:], "utf-8")
    with open_bench(bench_file) as bench:
        bench.start()
        assert bench.control_resistances_ohm == ()
        assert bench.play(SHORT).trace.channels
        with pytest.raises(BenchError, match="does not reach"):
            bench.play(SHORT, Connection("follower"))
