"""Rows of a recording as one response: its stimulus, and the trace against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from labbench.features.feature import Response
from labbench.stimulus import Stimulus, Sweep, Unrecorded, Waveform
from labbench.store.importers.breakpoints import find_breakpoints
from labbench.store.importers.columns import Signals
from labbench.store.importers.part import Part
from labbench.trace import Channel, Trace

FloatArray = NDArray[np.float64]

# What was applied is only known through the measured voltage, which stays whole in the channel
# "input". The stimulus joins only those samples that it needs to pass every other within this part
# of the largest voltage: that is the noise of a scope channel, it keeps every sample of an edge,
# and a simulation of the same stimulus meets a dozen corners instead of thousands.
STIMULUS_TOLERANCE = 0.005
# Sampling is even if no time is off by more than this part of the interval (rounding in the file).
_EVEN = 1e-3


def make_response(part: Part, rows: slice, dwell_s: float | None) -> Response:
    """Make a response of some rows, two or more.

    A sweep is a staircase of voltages; its time starts at its first row.
    """
    signals, time_s, compliance_a = part.signals, part.time_s, part.compliance_a
    channels = _channels(signals, rows)
    voltage_v = None if signals.voltage is None else channels["input"].values
    stimulus: Stimulus
    if time_s is None:
        duration_s = None if dwell_s is None else dwell_s * (rows.stop - rows.start)
        stimulus = (
            Unrecorded(duration_s or 0.0)
            if voltage_v is None
            else Sweep(voltage_v, dwell_s, compliance_a)
        )
        start_s = 0.0 if dwell_s is None else dwell_s / 2
        return Response(stimulus, Trace(channels, start_s, dwell_s))
    at_s = time_s[rows].copy()
    if voltage_v is None:
        stimulus = Unrecorded(float(at_s[-1]))
    elif part.shape == "sweep":
        at_s -= at_s[0]
        # What the whole staircase took is exact; its steps are as even as the file shows.
        stimulus = Sweep(voltage_v, float(at_s[-1]) / (at_s.size - 1) or None, compliance_a)
    else:
        stimulus = _waveform(at_s, voltage_v)
    return Response(stimulus, _timed_trace(at_s, channels))


def _waveform(time_s: FloatArray, voltage_v: FloatArray) -> Waveform:
    tolerance_v = STIMULUS_TOLERANCE * float(np.max(np.abs(voltage_v)))
    corners = find_breakpoints(time_s, voltage_v, tolerance_v)
    return Waveform(time_s[corners], voltage_v[corners], duration_s=float(time_s[-1]))


def _timed_trace(time_s: FloatArray, channels: dict[str, Channel]) -> Trace:
    interval_s = float(time_s[-1] - time_s[0]) / (time_s.size - 1)
    even_s = time_s[0] + np.arange(time_s.size) * interval_s
    if interval_s > 0 and np.max(np.abs(time_s - even_s)) <= _EVEN * interval_s:
        return Trace(channels, float(time_s[0]), interval_s)
    return Trace(channels, uneven_time_s=time_s)


def _channels(signals: Signals, rows: slice) -> dict[str, Channel]:
    named = {"input": signals.voltage, "memristor": signals.current, **signals.others}
    return {
        name: replace(channel, raw=channel.raw[rows].copy())
        for name, channel in named.items()
        if channel is not None
    }
