"""Which spike belongs to which pulse, and how late it was."""

from __future__ import annotations

import numpy as np
import pytest

from labbench.errors import FeatureError
from labbench.features import Response, read_pulses
from labbench.features.pulses import grouped, readings_of_trains
from labbench.model import read_card, simulate
from labbench.stimulus import Pulse, PulseTrain, Waveform
from labbench.trace import Channel, Trace

RESTING_V = 0.5
INTERVAL_S = 1e-6


def respond(pulses: list[Pulse], spike_s: list[float], duration_s: float = 10e-3) -> Response:
    """Draw an output that falls to a tenth within a sample at each spike, for 100 us."""
    time_s = -1e-4 + INTERVAL_S * np.arange(round((duration_s + 1e-4) / INTERVAL_S))
    output_v = np.full(time_s.size, RESTING_V)
    for at_s in spike_s:
        # Half a sample after the last high one the straight edge passes half the resting level.
        output_v[(time_s > at_s) & (time_s < at_s + 1e-4)] = 0.0
    channel = Channel(output_v, "voltage", "V")
    trace = Trace({"output": channel}, start_s=-1e-4, interval_s=INTERVAL_S)
    return Response(PulseTrain(tuple(pulses), duration_s), trace)


FIRST, SECOND = Pulse(1e-3, 1e-3, 0.8, 2e-6, 2e-6), Pulse(4e-3, 1e-3, 0.8, 2e-6, 2e-6)


def test_latency_counts_from_half_the_edge():
    first, second = read_pulses(respond([FIRST, SECOND], [1.5e-3, 4.25e-3]))
    # The edge lies between two samples, a microsecond apart.
    assert first.latency_s == pytest.approx(1.5e-3 - FIRST.edge_s, abs=INTERVAL_S)
    assert second.latency_s == pytest.approx(4.25e-3 - SECOND.edge_s, abs=INTERVAL_S)
    assert (first.index, second.index) == (0, 1)
    assert (first.pulse, second.pulse) == (FIRST, SECOND)


def test_a_late_spike_belongs_to_the_pulse_before_it():
    first, second = read_pulses(respond([FIRST, SECOND], [3.5e-3]))
    assert first.fired
    assert not second.fired
    assert second.latency_s is None


def test_a_spike_before_the_first_pulse_belongs_to_none():
    assert not any(r.fired for r in read_pulses(respond([FIRST, SECOND], [0.5e-3])))


def test_all_spikes_of_a_pulse_are_kept():
    (first, second) = read_pulses(respond([FIRST, SECOND], [1.2e-3, 1.5e-3, 1.8e-3, 4.5e-3, 9e-3]))
    assert (len(first.spike_s), len(second.spike_s)) == (3, 2)


def test_only_pulse_trains_have_pulses():
    trace = respond([FIRST], []).trace
    with pytest.raises(FeatureError, match="waveform"):
        read_pulses(Response(Waveform([0.0], [0.5], 1e-2), trace))


def test_trains_are_chosen_by_their_length_and_grouped_in_order():
    other = Response(Waveform([0.0], [0.5], 1e-2), respond([FIRST], []).trace)
    strong = Pulse(1e-3, 1e-3, 0.9)
    # 0.1 + 0.7 is not 0.8 to the last bit: the same amplitude all the same.
    same = Pulse(1e-3, 1e-3, 0.1 + 0.7)
    responses = [respond([p], []) for p in (strong, FIRST, same)] + [other]
    responses.append(respond([FIRST, SECOND], []))
    singles = readings_of_trains(responses, 1)
    assert [t[0].pulse for t in singles] == [strong, FIRST, same]
    assert {key: len(g) for key, g in grouped(singles, "amplitude_v").items()} == {0.8: 2, 0.9: 1}
    assert list(grouped(singles, "amplitude_v")) == [0.8, 0.9]
    pairs = readings_of_trains(responses, 2)
    # From the end of the first falling edge to the start of the second rising one.
    assert list(grouped(pairs, "gap_s")) == [pytest.approx(4e-3 - 2.002e-3)]


def test_simulated_latencies_are_those_of_the_gate():
    card = read_card("b1")
    train = PulseTrain((Pulse(0.0, 1e-3, 0.9), Pulse(6e-3, 1e-3, 1.0)), 10e-3)
    made = simulate(card, train, seed=1, interval_s=1e-6, start_s=-1e-4)
    readings = read_pulses(Response(train, made.trace))
    gate_s = made.solution.event_times_s("spike")
    for reading in readings:
        after_s = gate_s[gate_s > reading.pulse.edge_s][0] - reading.pulse.edge_s
        assert reading.latency_s == pytest.approx(after_s, abs=4e-6)
