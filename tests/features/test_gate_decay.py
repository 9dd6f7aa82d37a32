"""The gate's time constant, from the shape of simulated outputs and from a drawn gate."""

import numpy as np
import pytest

from labbench.features import Outcome, Response
from labbench.features.gate_decay import gate_decay
from labbench.model import read_card, simulate
from labbench.stimulus import Pulse, PulseTrain
from labbench.trace import Channel, Trace

TRAIN = PulseTrain((Pulse(0.0, 1e-3, 0.9),), 12e-3)


def played(card, noise_v, n=20):
    rng = np.random.default_rng(4)
    made = [
        simulate(card, TRAIN, trial=trial, interval_s=2e-6, start_s=-1e-4).trace
        for trial in range(n)
    ]
    outputs = [trace.values("output") for trace in made]
    return [
        Response(
            TRAIN,
            Trace(
                {"output": Channel(v + rng.normal(0, noise_v, v.size), "voltage", "V")},
                start_s=-1e-4,
                interval_s=2e-6,
            ),
        )
        for v in outputs
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"control_resistance_ohm": 2e8},
        {"threshold_voltage_v": 0.3, "slope_factor": 1.2, "load_resistance_ohm": 1e5},
    ],
)
def test_the_output_alone_tells_it_whatever_the_transistor(changes):
    card = read_card("b1").with_values(changes)
    tau_s = card["control_resistance_ohm"] * card["gate_capacitance_f"]
    decay = gate_decay(played(card, 1.5e-3))
    assert decay.outcome is Outcome.OK
    assert decay.n == 20
    assert not decay.inferred
    assert decay.stderr < 0.1 * tau_s
    assert abs(decay.value - tau_s) < 3 * decay.stderr


def test_few_returns_are_an_outcome():
    responses = played(read_card("b1"), 0.0, n=4)
    assert gate_decay(responses).outcome is Outcome.TOO_FEW
    assert gate_decay([]).outcome is Outcome.TOO_FEW


def test_a_follower_is_read_directly():
    rng = np.random.default_rng(5)
    time_s = -1e-4 + 2e-6 * np.arange(6050)
    gate_v = np.where(time_s < 5e-4, 0.0, 0.6 * np.exp(-(np.maximum(time_s, 1e-3) - 1e-3) / 1.5e-3))
    output_v = np.where(gate_v > 0.3, 0.05, 0.5)
    responses = [
        Response(
            TRAIN,
            Trace(
                {
                    "output": Channel(output_v, "voltage", "V"),
                    "gate": Channel(gate_v + rng.normal(0, 3e-3, gate_v.size), "voltage", "V"),
                },
                start_s=-1e-4,
                interval_s=2e-6,
            ),
        )
        for _ in range(8)
    ]
    decay = gate_decay(responses)
    assert decay.outcome is Outcome.OK
    assert abs(decay.value - 1.5e-3) < 4 * decay.stderr
    assert decay.stderr < 0.02 * decay.value
