"""Keysight 81160A pulse generator as a pulse source.

The stock driver with what it gets wrong put right: waveforms are scaled by their largest absolute
value (by the largest value a negative peak overflows the DAC), a burst of one cycle goes by the
trigger count (the instrument refuses a burst of one), levels are sent with nine digits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from pymeasure.instruments import Instrument
from pymeasure.instruments.keysight import Keysight81160A as StockDriver
from pymeasure.instruments.keysight.keysight81160A import Keysight81160AChannel
from pymeasure.instruments.validators import strict_discrete_set, strict_range
from pyvisa.util import to_ieee_block

from instruments.arbitrary import FULL_CODE as WIDE_CODE
from instruments.arbitrary import digitise
from instruments.burst import BurstSource
from instruments.link import LinkedMixin
from instruments.roles import Clock
from labbench.errors import StimulusError
from labbench.stimulus import PulseTrain, Stimulus, Waveform

FULL_CODE = 8191
MAX_POINTS = 524_288
# Of user waveforms, between points; the finest edge that the output follows.
MAX_RATE_HZ = 1e9
# Into an open circuit.
MAX_VOLTAGE_V = 10.0
MAX_AMPLITUDE_V = 10.0
MIN_AMPLITUDE_V = 0.1
# What "open" is to an instrument that has no word for it.
_OPEN_OHM = 1e6
_SOURCE_OHM = 50.0
_SWITCH = {True: 1, False: 0}


class PulseChannel(Keysight81160AChannel):
    """One output."""

    amplitude_v = Instrument.control(
        ":VOLT{ch}?",
        ":VOLT{ch} %.9g",
        """Control the amplitude, peak to peak, in volt (float strictly from 0.05 to 10).""",
        validator=strict_range,
        values=[0.05, MAX_AMPLITUDE_V],
        check_set_errors=True,
    )
    offset_v = Instrument.control(
        ":VOLT{ch}:OFFS?",
        ":VOLT{ch}:OFFS %.9g",
        """Control the offset in volt (float strictly from -10 to 10).""",
        validator=strict_range,
        values=[-MAX_VOLTAGE_V, MAX_VOLTAGE_V],
        check_set_errors=True,
    )
    frequency_hz = Instrument.control(
        ":FREQ{ch}?",
        ":FREQ{ch} %.12g",
        """Control the frequency in Hz (float strictly from 1e-6 to 500e6).""",
        validator=strict_range,
        values=[1e-6, 500e6],
        check_set_errors=True,
    )
    cycles = Instrument.control(
        ":TRIG{ch}:COUN?",
        ":TRIG{ch}:COUN %d",
        """Control the number of cycles a trigger (int strictly from 1 to 2147483647).""",
        validator=strict_range,
        values=[1, 2_147_483_647],
        get_process=lambda value: int(value),
        check_set_errors=True,
    )
    is_output_on = Instrument.control(
        ":OUTP{ch}?",
        ":OUTP{ch} %d",
        """Control whether the output is on (bool).""",
        validator=strict_discrete_set,
        values=_SWITCH,
        map_values=True,
        check_set_errors=True,
    )
    load_ohm = Instrument.control(
        ":OUTP{ch}:LOAD?",
        ":OUTP{ch}:LOAD %.9g",
        """Control the load that levels are stated for in ohm (float strictly from 0.3 to 1e6).""",
        validator=strict_range,
        values=[0.3, 1e6],
        check_set_errors=True,
    )

    def _preprocess_waveform(self, data: np.ndarray) -> np.ndarray:
        """Return DAC codes; the stock driver divides by the largest value, not the peak."""
        peak = float(np.abs(data).max())
        return np.round(np.asarray(data) * (FULL_CODE / peak if peak else 0.0)).astype(int)

    def upload(self, codes: np.ndarray) -> None:
        """Replace the volatile waveform by DAC codes (n,) and select it."""
        head = f":DATA{self.id}:DAC VOLATILE,".encode()
        self.parent.write_bytes(head + to_ieee_block(codes.astype(">i2").tobytes(), "s"))
        self.check_set_errors()
        self.write(":FUNC{ch}:USER VOLATILE")
        self.check_set_errors()


class Keysight81160ADriver(LinkedMixin, StockDriver):
    """The instrument with its two outputs."""

    ch_1 = Instrument.ChannelCreator(PulseChannel, 1)
    ch_2 = Instrument.ChannelCreator(PulseChannel, 2)


class Keysight81160A(BurstSource):
    """An 81160A as a PulseSource: one cycle of a user waveform a trigger.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        The output that the role speaks of, 1 or 2.
    clock : Clock, optional
        Not needed: nothing waits here.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : Keysight81160ADriver
        For everything beyond the role.
    """

    max_voltage_v = MAX_VOLTAGE_V

    def __init__(
        self,
        adapter: Any,
        name: str = "Keysight 81160A pulse generator",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(Keysight81160ADriver(adapter, name, **kwargs), channel)

    def _upload(self, stimulus: Stimulus) -> Stimulus:
        samples = digitise(stimulus, MAX_RATE_HZ, MAX_VOLTAGE_V, MIN_AMPLITUDE_V)
        if samples.amplitude_v > MAX_AMPLITUDE_V or samples.codes.size > MAX_POINTS:
            raise StimulusError(
                f"{self.driver.resource} plays {MAX_AMPLITUDE_V:g} V peak to peak and "
                f"{MAX_POINTS} points at most; the stimulus takes {samples.amplitude_v:g} V and "
                f"{samples.codes.size}: make it smaller or shorter."
            )
        # Zero volt lies on a code of the coarser DAC too: the offset is moved there.
        step_v = samples.amplitude_v / (2 * FULL_CODE)
        zero_code = int(np.clip(np.round(-samples.offset_v / step_v), -FULL_CODE, FULL_CODE))
        offset_v = -zero_code * step_v
        fine_v = samples.offset_v + samples.codes * (samples.amplitude_v / (2 * WIDE_CODE))
        codes = np.clip(np.round((fine_v - offset_v) / step_v), -FULL_CODE, FULL_CODE)
        output = self._output
        # The settings pass through levels that nobody asked for: never at the device.
        output.is_output_on = False
        output.load_ohm = _OPEN_OHM
        output.upload(codes)
        output.shape = "USER"
        output.frequency_hz = 1 / (samples.interval_s * codes.size)
        # What is set is meant for a megohm, which divides by hardly anything.
        shown = _OPEN_OHM / (_OPEN_OHM + _SOURCE_OHM)
        output.offset_v = 0.0
        output.amplitude_v = samples.amplitude_v * shown
        output.offset_v = offset_v * shown
        output.trigger_mode = "MAN"
        output.cycles = 1
        self.driver.check_errors()
        self._verify(
            {
                "trigger_mode": "MAN",
                "cycles": 1,
                "amplitude_v": samples.amplitude_v * shown,
                "offset_v": offset_v * shown,
            }
        )
        return _requantised(samples.emitted, offset_v, step_v)

    def _end(self) -> tuple[str, ...]:
        channel = self._output.id
        return f":OUTP{channel} 0", f":FUNC{channel} DC", f":VOLT{channel}:OFFS 0"


def _requantised(emitted: Stimulus, offset_v: float, step_v: float) -> Stimulus:
    """Return a stimulus as a coarser DAC plays it."""
    time_s, level_v = emitted.breakpoints()
    played_v = np.round((np.asarray(level_v) - offset_v) / step_v) * step_v + offset_v
    if isinstance(emitted, PulseTrain):
        at_s = np.array([pulse.start_s + pulse.rise_s for pulse in emitted.pulses])
        pulses = tuple(
            replace(pulse, amplitude_v=float(np.interp(t, time_s, played_v)))
            for pulse, t in zip(emitted.pulses, at_s, strict=True)
        )
        return replace(emitted, pulses=pulses)
    return Waveform(
        time_s=time_s, level=played_v, duration_s=emitted.duration_s, rest_s=emitted.rest_s
    )
