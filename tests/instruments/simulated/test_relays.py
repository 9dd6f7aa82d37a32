"""What hangs on relays, against closed forms and against the model called directly."""

from math import pi

import numpy as np
import pytest

from instruments.simulated.bench import SimulatedBench, parse_simulated
from instruments.simulated.circuit import Cable, Circuit, Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices import Amplifier, DeviceError, Neurons, Wire
from instruments.simulated.devices.amplifier import RAIL_V
from instruments.simulated.relays import Relay, RelayEntry, build_relays
from labbench.errors import BenchError
from labbench.model import ModelCard, read_card, simulate
from labbench.model.connected import grounded
from labbench.stimulus import Pulse, PulseTrain

B1 = read_card("b1")
QUIET = B1.with_values({"kappa_per_s": 0.0})
TRAIN = PulseTrain((Pulse(1e-4, 1e-3, 1.2),), duration_s=4e-3)
GAIN, OHM = 1e6, 50.0
AMPLIFIER = {
    "node": "gate",
    "route": (1, 1),
    "output": "amplifier",
    "amplifier": {"gain_v_per_a": GAIN, "input_ohm": OHM, "bandwidth_hz": 1e8},
}
FOLLOWER = {
    "node": "gate",
    "route": (2, 1),
    "output": "follower",
    "follower": {"input_f": 2e-12, "bandwidth_hz": 1e9},
}
RESISTOR = {"node": "gate", "route": (3, 1), "resistance_ohm": 1e8}


class Bench:
    """A neuron with a source at its input and relays at its gate."""

    def __init__(self, card: ModelCard = QUIET, *entries: dict[str, object]) -> None:
        self.circuit = Circuit(VirtualClock(), {"device": Neurons(card, seed=3)})
        self.relays = build_relays([RelayEntry.model_validate(e) for e in entries], self.circuit, 0)
        self.source = self.circuit.terminal(Cable("input"))
        self.source.connect("voltage")
        self.gate = self.circuit.terminal(Cable("gate"))

    def probe(self, node: str) -> Terminal:
        probe = self.circuit.terminal(Cable(node, load_ohm=1e7, load_f=1e-11))
        probe.watch(self.circuit.clock.now())
        return probe

    def play(self, train: PulseTrain = TRAIN) -> np.ndarray:
        now_s = self.circuit.clock.now()
        self.gate.watch(now_s)
        corner_s, level = train.breakpoints()
        self.source.drive(now_s + corner_s, level)
        self.circuit.clock.sleep(train.duration_s * (1 + 1e-9))
        return now_s + np.linspace(0.0, train.duration_s, 4001)


def test_a_held_gate_reads_the_current_of_the_memristor_alone() -> None:
    bench = Bench(QUIET, AMPLIFIER)
    bench.relays[1, 1].set(True)
    scope = bench.probe("amplifier")
    time_s = bench.play()
    card = grounded(QUIET).with_values({"series_resistance_ohm": OHM})
    model = simulate(card, TRAIN, seed=3, sample_s=time_s).trace.values("memristor")
    assert model.max() > 0.9e-6, "a closed filament"
    assert np.abs(scope.voltage(time_s) / GAIN - model).max() < 2e-3 * model.max()
    assert np.abs(bench.gate.voltage(time_s)).max() <= OHM * model.max() * 1.001


def test_a_follower_adds_its_capacitance_and_nothing_else() -> None:
    bench = Bench(QUIET, FOLLOWER)
    bench.relays[2, 1].set(True)
    scope = bench.probe("follower")
    time_s = bench.play()
    loaded = QUIET.with_values({"gate_capacitance_f": QUIET["gate_capacitance_f"] + 2e-12})
    model = simulate(loaded, TRAIN, seed=3, sample_s=time_s).trace.values("node")
    assert model.max() > 0.5
    assert np.abs(scope.voltage(time_s) - model).max() < 5e-3 * model.max()
    assert scope.voltage(time_s) == pytest.approx(bench.gate.voltage(time_s), abs=1e-3)


def test_a_resistor_lies_beside_the_one_of_the_device() -> None:
    bench = Bench(QUIET, RESISTOR)
    bench.relays[3, 1].set(True)
    time_s = bench.play()
    halved = QUIET.with_values({"control_resistance_ohm": 0.5 * QUIET["control_resistance_ohm"]})
    model = simulate(halved, TRAIN, seed=3, sample_s=time_s).trace.values("node")
    assert bench.gate.voltage(time_s) == pytest.approx(model, abs=1e-6)


def test_open_relays_change_nothing_at_all() -> None:
    plain, wired = Bench(B1), Bench(B1, AMPLIFIER, FOLLOWER, RESISTOR)
    for _ in range(3):
        wired.relays[3, 1].set(False)
        one, other = (bench.gate.voltage(bench.play()) for bench in (plain, wired))
        assert one.max() > 0.2
        assert np.array_equal(one, other)


def test_a_relay_that_moves_leaves_the_past_and_the_state_as_they_are() -> None:
    plain, moved = Bench(QUIET), Bench(QUIET, AMPLIFIER, RESISTOR)
    for bench in (plain, moved):
        bench.gate.watch(0.0)
        bench.source.drive(*TRAIN.breakpoints())
        bench.circuit.clock.sleep(1.5e-3)
    before_s = np.linspace(0.0, 1.5e-3, 1501)
    # Nobody has looked yet: all of it is integrated when the relay moves.
    moved.relays[3, 1].set(True)
    assert np.array_equal(moved.gate.voltage(before_s), plain.gate.voltage(before_s))
    left_v = moved.gate.voltage(before_s[-1:])[0]
    assert left_v > 0.1
    moved.circuit.clock.sleep(1e-3)
    after_s = 1.5e-3 + np.linspace(1e-9, 0.9e-3, 901)
    tau_s = 5e7 * QUIET["gate_capacitance_f"]
    expected_v = left_v * np.exp(-(after_s - 1.5e-3) / tau_s)
    assert moved.gate.voltage(after_s) == pytest.approx(expected_v, rel=0.02)
    # Held at ground and let go: from there on.
    moved.relays[1, 1].set(True)
    moved.circuit.clock.sleep(1e-3)
    moved.relays[1, 1].set(False)
    moved.circuit.clock.sleep(1e-4)
    assert abs(moved.gate.voltage(np.array([moved.circuit.clock.now()]))[0]) < 1e-6


def stepped(level_v: float, **settings: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what an amplifier makes of a step after 1 us, against the time since."""
    circuit = Circuit(VirtualClock(), {"device": Wire(0.0, resistance_ohm=1e6)})
    source = circuit.terminal(Cable("top"))
    source.connect("voltage")
    amplifier = Amplifier(0.0, circuit.terminal(Cable("top")).voltage, **settings)
    circuit.add("output", amplifier)
    amplifier.is_connected = True
    probe = circuit.terminal(Cable("output"))
    probe.watch(0.0)
    source.drive([1e-6, 1e-6], [0.0, level_v])
    circuit.clock.sleep(2e-5)
    time_s = np.linspace(0.0, 1.9e-5, 19_001)
    return time_s - 1e-6, probe.voltage(time_s)


def test_bandwidth_and_rails() -> None:
    since_s, seen_v = stepped(0.5, gain=2.0, bandwidth_hz=1e5)
    expected_v = 1.0 - np.exp(-np.maximum(since_s, 0.0) * 2 * pi * 1e5)
    assert np.abs(seen_v - expected_v).max() < 1e-3
    for level_v in (-3.0, 3.0):
        _, seen_v = stepped(level_v, gain=10.0, bandwidth_hz=1e7)
        assert seen_v[-1] == np.copysign(RAIL_V, level_v)


def test_noise_belongs_to_the_time_and_not_to_the_reader() -> None:
    _, noisy_v = stepped(0.0, gain=1.0, bandwidth_hz=1e8, noise_v=1e-3, seed=5)
    _, again_v = stepped(0.0, gain=1.0, bandwidth_hz=1e8, noise_v=1e-3, seed=5)
    _, other_v = stepped(0.0, gain=1.0, bandwidth_hz=1e8, noise_v=1e-3, seed=6)
    assert np.array_equal(noisy_v, again_v)
    assert not np.array_equal(noisy_v, other_v)
    assert noisy_v.std() == pytest.approx(1e-3, rel=0.05)


def test_an_open_relay_shows_zero_and_noise() -> None:
    bench = Bench(QUIET, AMPLIFIER | {"amplifier": {"gain_v_per_a": GAIN, "noise_a": 1e-9}})
    scope = bench.probe("amplifier")
    seen_v = scope.voltage(bench.play())
    assert abs(seen_v.mean()) < 2e-4
    assert seen_v.std() == pytest.approx(1e-3, rel=0.1)


def test_the_output_takes_probes_only() -> None:
    bench = Bench(QUIET, FOLLOWER)
    source = bench.circuit.terminal(Cable("follower"))
    with pytest.raises(DeviceError, match="probes only"):
        source.connect("voltage")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([RESISTOR | {"node": "drain"}], "circuit has input, supply, gate, output"),
        ([RESISTOR, RESISTOR], "the route"),
        ([FOLLOWER, FOLLOWER | {"route": (2, 2)}], "are called 'follower'"),
        ([FOLLOWER | {"output": "gate"}], "are called 'gate'"),
    ],
)
def test_what_cannot_be_wired(entries: list[dict[str, object]], said: str) -> None:
    with pytest.raises(BenchError, match=said):
        Bench(QUIET, *entries)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"resistance_ohm": 1e3}, "an amplifier, a follower or a resistance_ohm"),
        ({"amplifier": None}, "an amplifier, a follower or a resistance_ohm"),
        ({"closed": True}, "has a route, or is closed"),
        ({"route": None}, "has a route, or is closed"),
        ({"output": ""}, "need the name of their output"),
    ],
)
def test_entries_that_contradict_themselves(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RelayEntry.model_validate(AMPLIFIER | changed)


MATRIX = {"address": "GPIB0::7::INSTR", "model": "7001"}


def simulated(relays: list[dict[str, object]], *instruments: dict[str, str], card: str = "b1"):
    part = {"card": card, "relays": relays, "instruments": list(instruments)}
    return SimulatedBench(parse_simulated(part))


def test_a_matrix_moves_its_relays_when_they_have_settled() -> None:
    bench = simulated([RESISTOR], MATRIX)
    switch = bench.instruments["GPIB0::7::INSTR"]
    (relay,) = switch._relays.values()  # type: ignore[attr-defined]
    assert isinstance(relay, Relay)
    switch.message(b":CLOS (@1!3!1)")
    bench.clock.sleep(2.9e-3)
    assert relay._terminal.load_ohm == np.inf
    bench.clock.sleep(0.2e-3)
    assert relay._terminal.load_ohm == 1e8
    switch.message(b"*RST")
    bench.clock.sleep(4e-3)
    assert relay._terminal.load_ohm == np.inf


def test_relays_need_somebody_to_move_them() -> None:
    with pytest.raises(BenchError, match="one simulated switch system, not 0"):
        simulated([RESISTOR])
    with pytest.raises(BenchError, match=r"no route \[5, 1\]"):
        simulated([RESISTOR | {"route": (5, 1)}], MATRIX)
    with pytest.raises(BenchError, match="cannot connect to 'node'"):
        simulated([AMPLIFIER | {"node": "node"}], MATRIX, card="memristor")
    fixed = {key: value for key, value in RESISTOR.items() if key != "route"}
    assert simulated([fixed | {"closed": True}]).circuit.nodes
