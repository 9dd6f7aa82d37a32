"""Keysight (Agilent) 33500B and 33600A waveform generators as a pulse source.

An own driver, because the stock one sends levels with ``%f`` (microvolts are lost) and cannot
upload binary waveforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymeasure.instruments import Channel, Instrument
from pymeasure.instruments.validators import strict_discrete_set, strict_range
from pyvisa.util import to_ieee_block

from instruments.arbitrary import Samples, digitise
from instruments.burst import BurstSource
from instruments.link import LinkedInstrument
from instruments.roles import Clock
from labbench.errors import ReadbackError
from labbench.stimulus import Stimulus

# Into an open circuit; the smaller models' limits, which the larger ones keep too.
MAX_VOLTAGE_V = 10.0
MIN_AMPLITUDE_V = 2e-3
MAX_RATE_HZ = 160e6
# Of the faster family a sample is no shorter than the output's own edge, 2.9 ns from 10 % to 90 %.
_FAST_MODELS, _FAST_RATE_HZ = ("33611A", "33612A", "33621A", "33622A"), 0.8 / 2.9e-9
_ARB_NAME = "LABBENCH"
_SWITCH = {True: 1, False: 0}
# What is read back before an output is switched on.
_QUERIES = {
    "is_burst_on": "SOUR{ch}:BURS:STAT?",
    "burst_cycles": "SOUR{ch}:BURS:NCYC?",
    "trigger_source": "TRIG{ch}:SOUR?",
    "arb_rate_hz": "SOUR{ch}:FUNC:ARB:SRAT?",
    "amplitude_v": "SOUR{ch}:VOLT?",
    "offset_v": "SOUR{ch}:VOLT:OFFS?",
}


class GeneratorChannel(Channel):
    """One output."""

    shape = Channel.control(
        "SOUR{ch}:FUNC?",
        "SOUR{ch}:FUNC %s",
        """Control the waveform shape (str, strictly 'ARB' or 'DC').""",
        validator=strict_discrete_set,
        values=["ARB", "DC"],
        check_set_errors=True,
    )
    arb_name = Channel.control(
        "SOUR{ch}:FUNC:ARB?",
        "SOUR{ch}:FUNC:ARB %s",
        """Control the selected arbitrary waveform (str, a name in volatile memory).""",
        get_process=lambda value: value.strip('"'),
        check_set_errors=True,
    )
    arb_rate_hz = Channel.control(
        "SOUR{ch}:FUNC:ARB:SRAT?",
        # 12 digits: a million samples shall not drift against the scope.
        "SOUR{ch}:FUNC:ARB:SRAT %.12g",
        """Control the sample rate of the arbitrary waveform in Sa/s
        (float strictly from 1e-6 to 276e6; up to 160e6 for the 33500B).""",
        validator=strict_range,
        values=[1e-6, _FAST_RATE_HZ],
        check_set_errors=True,
    )
    arb_filter = Channel.control(
        "SOUR{ch}:FUNC:ARB:FILT?",
        "SOUR{ch}:FUNC:ARB:FILT %s",
        """Control the filter between samples (str, strictly 'NORM', 'STEP' or 'OFF').""",
        validator=strict_discrete_set,
        values=["NORM", "STEP", "OFF"],
        check_set_errors=True,
    )
    amplitude_v = Channel.control(
        "SOUR{ch}:VOLT?",
        "SOUR{ch}:VOLT %.9g",
        """Control the amplitude, peak to peak, in volt (float strictly from 2e-3 to 20).""",
        validator=strict_range,
        values=[MIN_AMPLITUDE_V, 2 * MAX_VOLTAGE_V],
        check_set_errors=True,
    )
    offset_v = Channel.control(
        "SOUR{ch}:VOLT:OFFS?",
        "SOUR{ch}:VOLT:OFFS %.9g",
        """Control the offset in volt (float strictly from -10 to 10).""",
        validator=strict_range,
        values=[-MAX_VOLTAGE_V, MAX_VOLTAGE_V],
        check_set_errors=True,
    )
    is_burst_on = Channel.control(
        "SOUR{ch}:BURS:STAT?",
        "SOUR{ch}:BURS:STAT %d",
        """Control whether the waveform is played in bursts (bool).""",
        validator=strict_discrete_set,
        values=_SWITCH,
        map_values=True,
        check_set_errors=True,
    )
    burst_cycles = Channel.control(
        "SOUR{ch}:BURS:NCYC?",
        "SOUR{ch}:BURS:NCYC %d",
        """Control the number of cycles in a burst (int strictly from 1 to 1e8).""",
        validator=strict_range,
        values=[1, 100_000_000],
        # Some firmware answers an integer as 1.000E+00.
        get_process=int,
        check_set_errors=True,
    )
    trigger_source = Channel.control(
        "TRIG{ch}:SOUR?",
        "TRIG{ch}:SOUR %s",
        """Control what starts a burst (str, strictly 'IMM', 'EXT', 'TIM' or 'BUS').""",
        validator=strict_discrete_set,
        values=["IMM", "EXT", "TIM", "BUS"],
        check_set_errors=True,
    )
    is_output_on = Channel.control(
        "OUTP{ch}?",
        "OUTP{ch} %d",
        """Control whether the output is on (bool).""",
        validator=strict_discrete_set,
        values=_SWITCH,
        map_values=True,
        check_set_errors=True,
    )
    output_load = Channel.control(
        "OUTP{ch}:LOAD?",
        "OUTP{ch}:LOAD %s",
        """Control the load that levels are stated for (float in ohm, or 'INF').""",
        check_set_errors=True,
    )

    def upload(self, codes: np.ndarray) -> None:
        """Replace what is in volatile memory by a waveform of DAC codes (n,) and select it."""
        self.write("SOUR{ch}:DATA:VOL:CLE")
        # No Channel.write_bytes here: it would not fill in the channel.
        head = f"SOUR{self.id}:DATA:ARB:DAC {_ARB_NAME},".encode()
        data = to_ieee_block(codes.astype(">i2").tobytes(), "s")
        self.parent.write_bytes(head + data)
        self.check_set_errors()
        self.arb_name = _ARB_NAME


class Keysight33500Driver(LinkedInstrument):
    """The instrument with its two outputs."""

    channels = Instrument.MultiChannelCreator(GeneratorChannel, [1, 2])
    sync_source = Instrument.control(
        "OUTP:SYNC:SOUR?",
        "OUTP:SYNC:SOUR %s",
        """Control whose start the sync output marks (str, strictly 'CH1' or 'CH2').""",
        validator=strict_discrete_set,
        values=["CH1", "CH2"],
        check_set_errors=True,
    )


class Keysight33500(BurstSource):
    """A 33500B or 33600A as a PulseSource: one burst of an arbitrary waveform a trigger.

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
    driver : Keysight33500Driver
        For everything beyond the role.
    """

    max_voltage_v = MAX_VOLTAGE_V

    def __init__(
        self,
        adapter: Any,
        name: str = "Keysight 33500/33600 waveform generator",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(Keysight33500Driver(adapter, name, **kwargs), channel)
        self._fast_rate_hz: float | None = None
        self._waveform: tuple[float, np.ndarray] | None = None

    @property
    def max_rate_hz(self) -> float:
        """Get the highest sample rate that this model's output follows in Sa/s (float)."""
        if self._fast_rate_hz is None:
            is_fast = any(model in self.identity for model in _FAST_MODELS)
            self._fast_rate_hz = _FAST_RATE_HZ if is_fast else MAX_RATE_HZ
        return self._fast_rate_hz

    def safe(self) -> None:
        """Stop the burst, switch off and leave zero behind; see `BurstSource.safe`."""
        self._waveform = None
        super().safe()

    def _upload(self, stimulus: Stimulus) -> Stimulus:
        samples = digitise(stimulus, self.max_rate_hz, MAX_VOLTAGE_V, MIN_AMPLITUDE_V)
        output, known, self._waveform = self._output, self._waveform, None
        # Trains that differ in their amplitude only have the same codes.
        is_known = (
            known is not None
            and known[0] == samples.interval_s
            and np.array_equal(known[1], samples.codes)
        )
        with self.driver.together():
            # The settings pass through levels that nobody asked for: never at the device.
            output.is_output_on = False
            if not is_known:
                self._select(samples)
            # Amplitude and offset limit each other; at no offset every amplitude is allowed.
            output.offset_v = 0.0
            output.amplitude_v = samples.amplitude_v
            output.offset_v = samples.offset_v
        self._verify(
            {
                "is_burst_on": True,
                "burst_cycles": 1,
                "trigger_source": "BUS",
                "arb_rate_hz": 1 / samples.interval_s,
                "amplitude_v": samples.amplitude_v,
                "offset_v": samples.offset_v,
            }
        )
        self._waveform = samples.interval_s, samples.codes
        return samples.emitted

    def _read_back(self, names: Sequence[str]) -> dict[str, float | str]:
        """Return settings of the output, all of them with one question."""
        queries = [_QUERIES[name].format(ch=self._output.id) for name in names]
        answers = self.driver.ask(";:".join(queries)).strip().split(";")
        if len(answers) != len(names):
            raise ReadbackError(
                f"{self.driver.resource} has {len(answers)} answers to {len(names)} questions: "
                f"{answers}."
            )
        return {
            name: answer if name == "trigger_source" else float(answer)
            for name, answer in zip(names, answers, strict=True)
        }

    def _select(self, samples: Samples) -> None:
        output = self._output
        output.output_load = "INF"
        output.upload(samples.codes)
        output.shape = "ARB"
        output.arb_filter = "STEP"
        output.arb_rate_hz = 1 / samples.interval_s
        # A scope is to see the start of this output, not of the other one.
        self.driver.sync_source = f"CH{output.id}"
        output.trigger_source = "BUS"
        output.burst_cycles = 1
        output.is_burst_on = True

    def _end(self) -> tuple[str, ...]:
        channel = self._output.id
        return (
            "ABOR",
            f"OUTP{channel} 0",
            f"SOUR{channel}:FUNC DC",
            f"SOUR{channel}:VOLT:OFFS 0",
        )
