"""The scope as a digitizer beyond the road: segments, triggers of its own channels, limits."""

import numpy as np
import pytest

from labbench.errors import InstrumentError
from labbench.stimulus import Pulse, PulseTrain

from .conftest import Lab

TRAIN = PulseTrain(tuple(Pulse(k * 1e-3, 1e-4, 1.0) for k in range(5)), duration_s=5e-3, rest_s=0.1)
RANGES = {1: (2.4, 0.6), 2: (0.8, 0.25)}


def emit(lab: Lab) -> None:
    lab.awg.load(TRAIN)
    lab.awg.arm()
    lab.awg.trigger()


def test_a_train_in_segments(lab: Lab) -> None:
    """Each pulse of a train is one segment, triggered by itself on the scope's own channel."""
    lab.scope.trigger_on("CHAN1", 0.5)
    lab.awg.load(TRAIN)
    lab.scope.arm_segments(4e-4, 1e-4, 1e-6, RANGES, 5)
    emit(lab)
    segments = lab.scope.read_segments(5e-3)
    assert [s.time_s for s in segments] == pytest.approx([k * 1e-3 for k in range(5)], abs=1e-7)
    for segment in segments:
        time_s, level_v = segment.trace.time_s, segment.trace.values("1")
        assert level_v[(time_s > 5e-6) & (time_s < 9e-5)].mean() == pytest.approx(1.0, abs=5e-3)
        assert level_v[time_s < -5e-6].mean() == pytest.approx(0.0, abs=5e-3)
        assert len(segment.trace) == 500
    raws = {s.trace.channel("1").raw.tobytes() for s in segments}
    assert len(raws) == 5


def test_too_few_triggers_and_no_segments_are_told(lab: Lab) -> None:
    lab.scope.trigger_on("CHAN1", 0.5)
    lab.scope.arm_segments(4e-4, 1e-4, 1e-6, RANGES, 6)
    emit(lab)
    with pytest.raises(InstrumentError, match="less than 6 triggers"):
        lab.scope.read_segments(5e-3)
    lab.scope.arm(4e-4, 1e-4, 1e-6, RANGES)
    with pytest.raises(InstrumentError, match="arm_segments"):
        lab.scope.read_segments(1.0)
    with pytest.raises(InstrumentError, match="cannot be set so"):
        lab.scope.arm_segments(4e-4, 1e-4, 1e-6, RANGES, 1001)


def test_a_falling_edge_on_a_channel(lab: Lab) -> None:
    lab.scope.trigger_on("CHAN1", 0.5, "NEG")
    lab.scope.arm(4e-4, 2e-4, 1e-6, RANGES)
    emit(lab)
    trace = lab.scope.read()
    assert trace.values("1")[(trace.time_s > -9e-5) & (trace.time_s < -5e-6)].min() > 0.9
    assert trace.values("1")[trace.time_s > 5e-6].max() < 0.1


def test_fast_samples_and_a_full_memory(lab: Lab) -> None:
    lab.scope.arm(1e-4, 1e-5, 1e-9, {1: (2.4, 0.6)})
    emit(lab)
    trace = lab.scope.read()
    assert len(trace) == 100_000
    assert trace.interval_s == pytest.approx(1e-9)
    assert np.all(trace.channel("1").raw[10:] % 256 == 0)
    # 100,000 points every 0.1 ns would take 10 GSa/s.
    lab.scope.arm(1e-5, 0.0, 1e-10, RANGES)
    emit(lab)
    with pytest.raises(InstrumentError, match="memory is too small"):
        lab.scope.read()


def test_settings_of_a_channel(lab: Lab) -> None:
    channel = lab.scope.driver.channels[1]
    channel.probe_attenuation = 10.0
    channel.is_bandwidth_limited = True
    channel.range_v = 160.0
    assert (channel.range_v, channel.probe_attenuation) == (160.0, 10.0)
    assert channel.is_bandwidth_limited is True
    channel.impedance_ohm = 50
    assert channel.impedance_ohm == 50
