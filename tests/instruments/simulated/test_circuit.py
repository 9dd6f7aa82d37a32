"""The shared circuit against closed forms and against the model called directly."""

from math import exp, inf

import numpy as np
import pytest

from instruments.simulated.circuit import Cable, Circuit, Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices import Device, DeviceError, Memristor, Neurons, Wire
from labbench.model import Loading, ModelCard, read_card, simulate
from labbench.model.chain import simulate_chain
from labbench.model.output import drain_current
from labbench.stimulus import Pulse, PulseTrain

B1 = read_card("b1")
TRAIN = PulseTrain(tuple(Pulse(1e-4 + 4e-3 * k, 1e-3, 1.2) for k in range(3)), duration_s=12e-3)


def built(device: Device | None, *cables: Cable) -> tuple[Circuit, list[Terminal]]:
    circuit = Circuit(VirtualClock(), {"device": device} if device else {})
    return circuit, [circuit.terminal(cable) for cable in cables]


def watched(circuit: Circuit, terminals: list[Terminal], duration_s: float) -> np.ndarray:
    for terminal in terminals:
        terminal.watch(circuit.clock.now())
    time_s = circuit.clock.now() + np.linspace(0.0, duration_s, 4001)
    circuit.clock.sleep(duration_s * (1 + 1e-9))
    return time_s


def play(source: Terminal, train: PulseTrain = TRAIN) -> None:
    source.drive(*train.breakpoints())


def falls(output_v: np.ndarray, level_v: float) -> int:
    return int(np.sum((output_v[1:] < level_v) & (output_v[:-1] >= level_v)))


def test_a_cable_divides_and_its_capacitance_lags() -> None:
    circuit, (source, probe) = built(None, Cable("x"), Cable("x", load_ohm=50.0, load_f=2e-9))
    source.connect("voltage", 50.0)
    source.drive([1e-6, 1e-6], [0.0, 2.0])
    time_s = watched(circuit, [probe], 1e-6 + 400e-9)
    tau_s = 25.0 * 2e-9
    since_s = np.maximum(time_s - 1e-6, 0.0)
    assert probe.voltage(time_s) == pytest.approx(1.0 - np.exp(-since_s / tau_s), abs=0.01)
    # Of an edge far slower than the lag only the lag is left: 50 ns of 1 V a millisecond.
    source.drive([circuit.clock.now() + 1e-3, circuit.clock.now() + 2e-3], [2.0, 0.0])
    time_s = watched(circuit, [probe], 3e-3)
    ramp_v = np.interp(time_s - time_s[0], [0.0, 1e-3, 2e-3], [1.0, 1.0, 0.0])
    assert np.abs(probe.voltage(time_s) - ramp_v)[1:].max() < 5.1e-5


def test_two_sources_ground_and_skew() -> None:
    circuit, (one, other, probe) = built(
        None, Cable("x", ground_v=0.1, skew_s=1e-6), Cable("x"), Cable("x", ground_v=-0.05)
    )
    one.connect("voltage", 50.0)
    other.connect("voltage", 100.0)
    one.drive([0.0, 0.0], [0.0, 1.0])
    time_s = watched(circuit, [probe, other], 4e-6)
    # Superposition: (1 + 0.1) behind 50 Ohm and 0 behind 100 Ohm, seen from 0.05 V below.
    expected_v = np.where(time_s < 1e-6, 0.1, 1.1) * 2 / 3 + 0.05
    assert np.abs(probe.voltage(time_s) - expected_v)[np.abs(time_s - 1e-6) > 2e-9].max() < 1e-12
    assert other.current(time_s)[-1] == pytest.approx(-1.1 * 2 / 3 / 100.0)


@pytest.mark.parametrize(
    ("kind", "limit", "seen"),
    [
        ("voltage", inf, (2.0, 2e-6)),
        ("voltage", 1e-6, (1.0, 1e-6)),
        ("current", inf, (2e6, 2.0)),
        ("current", 5.0, (5.0, 5e-6)),
    ],
)
def test_a_resistor_and_the_compliance_of_its_source(
    kind: str, limit: float, seen: tuple[float, float]
) -> None:
    circuit, (source,) = built(Wire(0.0, resistance_ohm=1e6), Cable("top"))
    source.drive([0.0], [2.0])
    source.connect(kind, 0.0, limit)
    time_s = watched(circuit, [source], 1e-3)
    assert source.voltage(time_s)[-1] == pytest.approx(seen[0], rel=1e-5)
    assert source.current(time_s)[-1] == pytest.approx(seen[1], rel=1e-5)


def test_the_neuron_is_that_of_the_model() -> None:
    circuit, (source, output) = built(
        Neurons(B1, seed=3), Cable("input"), Cable("output", 1e7, 1e-11)
    )
    _supply(circuit, 0.5)
    source.connect("voltage", 50.0)
    play(source)
    time_s = watched(circuit, [source, output], 12e-3)
    card = B1.with_values({"source_resistance_ohm": 50.0})
    model = simulate(card, TRAIN, seed=3, sample_s=time_s, loading=Loading(1e7, 1e-11))
    assert np.abs(output.voltage(time_s) - model.trace.values("output")).max() < 1e-6
    assert source.current(time_s) == pytest.approx(model.solution.memristor_a, abs=1e-12)
    assert np.abs(source.voltage(time_s) - model.trace.values("input")).max() < 50 * 1.2e-6


def test_looking_often_changes_nothing() -> None:
    def seen(looks: int) -> np.ndarray:
        circuit, (source, gate) = built(Neurons(B1, seed=3), Cable("input"), Cable("gate"))
        source.connect("voltage", 50.0)
        play(source)
        gate.watch(0.0)
        for _ in range(looks):
            circuit.clock.sleep(12e-3 / looks)
            circuit.advance()
        circuit.clock.sleep(1e-9)
        return gate.voltage(np.linspace(0.0, 12e-3, 4001))

    assert np.abs(seen(1) - seen(97)).max() < 1e-4


def test_a_probe_on_the_gate_spoils_the_neuron() -> None:
    def spikes(cable: Cable) -> int:
        circuit, (source, probe, output) = built(
            Neurons(B1, seed=3), Cable("input"), cable, Cable("output")
        )
        _supply(circuit, 0.5)
        source.connect("voltage", 50.0)
        play(source)
        time_s = watched(circuit, [probe, output], 12e-3)
        model = simulate(
            B1.with_values({
                "source_resistance_ohm": 50.0,
                "control_resistance_ohm": 1 / (1 / 1e8 + 1 / cable.load_ohm),
                "gate_capacitance_f": 1e-11 + cable.load_f,
            }),
            TRAIN, seed=3, sample_s=time_s,
        )  # fmt: skip
        assert np.abs(probe.voltage(time_s) - model.solution.node_v).max() < 1e-9
        return falls(output.voltage(time_s), 0.25)

    assert spikes(Cable("gate")) == 3
    assert spikes(Cable("gate", load_ohm=1e7, load_f=1e-11)) != 3


def test_a_held_gate_shows_transistor_and_control_resistor() -> None:
    circuit, (gate, output) = built(Neurons(B1, seed=3), Cable("gate"), Cable("output"))
    supply = _supply(circuit, 0.5)
    gate.connect("voltage", 0.0, 1e-3)
    for level_v in (0.1, 0.25, 0.4):
        gate.drive([circuit.clock.now()], [level_v])
        time_s = watched(circuit, [gate, output, supply], 1e-3)[1:]
        drain_v = output.voltage(time_s)
        assert gate.voltage(time_s) == pytest.approx(level_v, rel=1e-6)
        # The memristor hangs between the gate and an open input, and takes nothing.
        assert gate.current(time_s) == pytest.approx(level_v / 1e8, rel=1e-3)
        flowing_a = drain_current(B1, np.full_like(time_s, level_v), drain_v)
        assert supply.current(time_s) == pytest.approx(flowing_a, rel=1e-6, abs=1e-12)
    # Let go, the gate falls with the control resistor's time constant.
    gate.disconnect()
    time_s = watched(circuit, [gate], 1e-3)
    assert gate.voltage(time_s)[-1] == pytest.approx(0.4 * exp(-1.0), rel=0.01)


def test_a_supply_in_compliance_starves_the_drain() -> None:
    circuit, (gate, output) = built(Neurons(B1, seed=3), Cable("gate"), Cable("output"))
    supply = _supply(circuit, 0.5, 2e-6)
    gate.connect("voltage")
    gate.drive([0.0], [0.5])
    time_s = watched(circuit, [output, supply], 1e-3)[1:]
    assert supply.current(time_s) == pytest.approx(2e-6)
    assert supply.voltage(time_s) == pytest.approx(output.voltage(time_s) + 2e-6 * 47e3)


def test_stray_capacitance_couples_the_edges_of_the_input() -> None:
    circuit, (source, output) = built(
        Neurons(B1, seed=3, stray_f={"output": 1e-13}), Cable("input"), Cable("output", 1e7, 1e-11)
    )
    _supply(circuit, 0.5)
    source.connect("voltage", 50.0)
    source.drive([1e-4, 1e-4 + 1e-6], [0.0, 0.3])
    time_s = watched(circuit, [output], 2e-4)
    peak_v = output.voltage(time_s).max() - output.voltage(time_s)[0]
    tau_s = 47e3 * 1e7 / (1e7 + 47e3) * 1.01e-11
    ramp_v = 1e-13 * (0.3 / 1e-6) * tau_s / 1.01e-11 * (1 - exp(-1e-6 / tau_s))
    assert peak_v == pytest.approx(ramp_v, rel=0.02)


def test_a_memristor_switches_and_its_source_limits() -> None:
    circuit, (source,) = built(Memristor(read_card("memristor"), seed=1), Cable("input"))
    source.connect("voltage", 0.0, 1e-6)
    source.drive([0.0, 50e-3], [0.0, 1.0])
    time_s = watched(circuit, [source], 50e-3)
    current_a, voltage_v = source.current(time_s), source.voltage(time_s)
    assert current_a.max() == pytest.approx(1e-6)
    limited = current_a > 0.999e-6
    assert limited.any()
    assert (voltage_v[limited] < time_s[limited] / 50e-3).all()
    assert voltage_v[100] == pytest.approx(time_s[100] / 50e-3, rel=1e-6)
    source.connect("current", 0.0, 1.5)
    source.drive([circuit.clock.now()], [1e-7])
    time_s = watched(circuit, [source], 10e-3)
    assert source.current(time_s)[-1] == pytest.approx(1e-7)
    assert 0.0 < source.voltage(time_s)[-1] < 1.5


def test_a_chain_hands_its_spikes_on() -> None:
    card = ModelCard(circuit="chain", values={**B1.values, "stages": 2, "interstage_gain": 2.5})
    circuit, (source, *outputs) = built(
        Neurons(card, seed=3), Cable("input"), Cable("output1"), Cable("output2")
    )
    _supply(circuit, 0.5)
    source.connect("voltage")
    play(source)
    time_s = watched(circuit, outputs, 12e-3)
    stages = simulate_chain(card, TRAIN, seed=3, sample_s=time_s)
    for terminal, one in zip(outputs, stages, strict=True):
        seen_v = terminal.voltage(time_s)
        assert falls(seen_v, 0.25) == falls(one.output_v, 0.25) > 0
        assert np.abs(seen_v - one.output_v).max() < 0.02


def test_without_a_device_the_nodes_are_open_and_it_comes_back_as_it_was() -> None:
    device = Neurons(B1, seed=3)
    circuit, (source, gate) = built(device, Cable("input"), Cable("gate"))
    source.connect("voltage", 50.0)
    source.drive([0.0], [0.0])
    circuit.mount("device", None)
    assert circuit.nodes == ()
    time_s = watched(circuit, [source, gate], 1e-3)
    assert not gate.voltage(time_s).any()
    circuit.mount("device", device)
    play(source, PulseTrain((Pulse(2e-3, 1e-3, 1.2),), duration_s=4e-3))
    time_s = watched(circuit, [gate], 4e-3)
    assert gate.voltage(time_s).max() > 0.2


@pytest.mark.parametrize(("node", "kind"), [("input", "current"), ("supply", "current")])
def test_what_cannot_be_solved_is_refused_and_nothing_changes(node: str, kind: str) -> None:
    circuit, (source,) = built(Neurons(B1, seed=3), Cable(node))
    source.connect("voltage", 50.0)
    with pytest.raises(DeviceError, match=node):
        source.connect(kind)
    assert source.kind == "voltage"
    circuit.clock.sleep(1e-3)
    circuit.advance()


def test_nobody_sees_the_future() -> None:
    _, (source,) = built(None, Cable("x"))
    with pytest.raises(ValueError, match="nobody can look"):
        source.voltage(np.array([1.0]))


def _supply(circuit: Circuit, level_v: float, limit_a: float = inf) -> Terminal:
    supply = circuit.terminal(Cable("supply"))
    supply.drive([0.0], [level_v])
    supply.connect("voltage", 0.0, limit_a)
    return supply
