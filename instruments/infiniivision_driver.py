"""The settings of Keysight InfiniiVision 3000 and 4000 oscilloscopes, and records as words."""

from __future__ import annotations

import numpy as np
from pymeasure.instruments import Channel as InstrumentChannel
from pymeasure.instruments import Instrument
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from instruments.link import LinkedInstrument

# Record lengths that are asked for.
RECORD_POINTS = (
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_000_000, 4_000_000,
)  # fmt: skip
_RUN_BIT = 8
_SWITCH = {True: 1, False: 0}


class ScopeChannel(InstrumentChannel):
    """One analog input."""

    range_v = InstrumentChannel.control(
        ":CHAN{ch}:RANG?",
        ":CHAN{ch}:RANG %.9g",
        """Control the full scale in volt (float strictly from 8e-3 to 400, less without probe).""",
        validator=strict_range,
        values=[8e-3, 400.0],
        check_set_errors=True,
    )
    offset_v = InstrumentChannel.control(
        ":CHAN{ch}:OFFS?",
        ":CHAN{ch}:OFFS %.9g",
        """Control the voltage at the middle of the range in volt (float from -400 to 400).""",
        validator=strict_range,
        values=[-400.0, 400.0],
        check_set_errors=True,
    )
    is_displayed = InstrumentChannel.control(
        ":CHAN{ch}:DISP?",
        ":CHAN{ch}:DISP %d",
        """Control whether the channel is on and recorded (bool).""",
        validator=strict_discrete_set,
        values=_SWITCH,
        map_values=True,
        check_set_errors=True,
    )
    coupling = InstrumentChannel.control(
        ":CHAN{ch}:COUP?",
        ":CHAN{ch}:COUP %s",
        """Control the input coupling (str, strictly 'AC' or 'DC').""",
        validator=strict_discrete_set,
        values=["AC", "DC"],
        check_set_errors=True,
    )
    is_bandwidth_limited = InstrumentChannel.control(
        ":CHAN{ch}:BWL?",
        ":CHAN{ch}:BWL %d",
        """Control whether the input is limited to 20 MHz (bool).""",
        validator=strict_discrete_set,
        values=_SWITCH,
        map_values=True,
        check_set_errors=True,
    )
    impedance_ohm = InstrumentChannel.control(
        ":CHAN{ch}:IMP?",
        ":CHAN{ch}:IMP %s",
        """Control the input resistance in ohm (int, strictly 1000000 or 50).""",
        validator=strict_discrete_set,
        values={1_000_000: "ONEM", 50: "FIFT"},
        map_values=True,
        check_set_errors=True,
    )
    probe_attenuation = InstrumentChannel.control(
        ":CHAN{ch}:PROB?",
        ":CHAN{ch}:PROB %.9g",
        """Control the attenuation of the probe (float strictly from 1e-3 to 1e4); range and offset
        are those at its tip, and change with it.""",
        validator=strict_range,
        values=[1e-3, 1e4],
        check_set_errors=True,
    )


class InfiniiVisionDriver(LinkedInstrument):
    """The instrument's settings and its record."""

    channels = Instrument.MultiChannelCreator(ScopeChannel, [1, 2, 3, 4])

    timebase_range_s = Instrument.control(
        ":TIM:RANG?",
        ":TIM:RANG %.9g",
        """Control the length of the record in s (float strictly from 1e-8 to 500).""",
        validator=strict_range,
        values=[1e-8, 500.0],
        check_set_errors=True,
    )
    timebase_position_s = Instrument.control(
        ":TIM:POS?",
        ":TIM:POS %.9g",
        """Control the time of the reference mark after the trigger in s
        (float strictly from -500 to 500).""",
        validator=strict_range,
        values=[-500.0, 500.0],
        check_set_errors=True,
    )
    timebase_reference = Instrument.control(
        ":TIM:REF?",
        ":TIM:REF %s",
        """Control where the reference mark stands (str, strictly 'LEFT', 'CENT' or 'RIGH').""",
        validator=strict_discrete_set,
        values=["LEFT", "CENT", "RIGH"],
        check_set_errors=True,
    )
    trigger_source = Instrument.control(
        ":TRIG:EDGE:SOUR?",
        ":TRIG:EDGE:SOUR %s",
        """Control what triggers (str, strictly 'EXT' or 'CHAN1' to 'CHAN4').""",
        validator=strict_discrete_set,
        values=["EXT", "CHAN1", "CHAN2", "CHAN3", "CHAN4"],
        check_set_errors=True,
    )
    trigger_level_v = Instrument.control(
        ":TRIG:EDGE:LEV?",
        ":TRIG:EDGE:LEV %.9g",
        """Control the trigger level in volt (float strictly from -8 to 8 at EXT, from -300 to 300
        at a channel, less by its range).""",
        validator=strict_range,
        values=[-300.0, 300.0],
        check_set_errors=True,
    )
    trigger_slope = Instrument.control(
        ":TRIG:EDGE:SLOP?",
        ":TRIG:EDGE:SLOP %s",
        """Control which edges trigger (str, strictly 'POS', 'NEG' or 'EITH').""",
        validator=strict_discrete_set,
        values=["POS", "NEG", "EITH"],
        check_set_errors=True,
    )
    trigger_holdoff_s = Instrument.control(
        ":TRIG:HOLD?",
        ":TRIG:HOLD %.9g",
        """Control the least time between two triggers in s (float strictly from 4e-8 to 10).""",
        validator=strict_range,
        values=[4e-8, 10.0],
        check_set_errors=True,
    )
    acquire_mode = Instrument.control(
        ":ACQ:MODE?",
        ":ACQ:MODE %s",
        """Control whether one trigger makes a record or several (str, strictly 'RTIM' or
        'SEGM').""",
        validator=strict_discrete_set,
        values=["RTIM", "SEGM"],
        check_set_errors=True,
    )
    segment_count = Instrument.control(
        ":ACQ:SEGM:COUN?",
        ":ACQ:SEGM:COUN %d",
        """Control the number of triggers of a segmented record (int strictly from 2 to 1000).""",
        validator=strict_range,
        values=[2, 1000],
        cast=int,
        check_set_errors=True,
    )
    segment_index = Instrument.control(
        ":ACQ:SEGM:IND?",
        ":ACQ:SEGM:IND %d",
        """Control which segment is read (int strictly from 1 to 1000).""",
        validator=strict_range,
        values=[1, 1000],
        cast=int,
        check_set_errors=True,
    )
    segments_acquired = Instrument.measurement(
        ":WAV:SEGM:COUN?", """Get how many segments there are (int).""", cast=int
    )
    time_tag_s = Instrument.measurement(
        ":WAV:SEGM:TTAG?", """Get the time of the segment after the first one in s (float)."""
    )
    points_mode = Instrument.control(
        ":WAV:POIN:MODE?",
        ":WAV:POIN:MODE %s",
        """Control what is read (str, strictly 'NORM', at most 62500 points, 'MAX' or 'RAW', all
        that were acquired).""",
        validator=strict_discrete_set,
        values=["NORM", "MAX", "RAW"],
        check_set_errors=True,
    )
    acquired_points = Instrument.measurement(
        ":ACQ:POIN?", """Get the number of samples in memory (int).""", cast=int
    )
    sample_rate_hz = Instrument.measurement(
        ":ACQ:SRAT?", """Get the rate of the samples in memory in Hz (float)."""
    )
    trigger_sweep = Instrument.control(
        ":TRIG:SWE?",
        ":TRIG:SWE %s",
        """Control whether the scope triggers itself (str, strictly 'AUTO' or 'NORM').""",
        validator=strict_discrete_set,
        values=["AUTO", "NORM"],
        check_set_errors=True,
    )
    acquire_type = Instrument.control(
        ":ACQ:TYPE?",
        ":ACQ:TYPE %s",
        """Control the acquisition (str, strictly 'NORM', 8 bits, or 'HRES', 12 bits).""",
        validator=strict_discrete_set,
        values=["NORM", "HRES"],
        check_set_errors=True,
    )
    record_points = Instrument.control(
        ":WAV:POIN?",
        ":WAV:POIN %d",
        """Control the number of points of a record (int, strictly one of RECORD_POINTS).""",
        validator=strict_discrete_set,
        values=RECORD_POINTS,
        cast=int,
        check_set_errors=True,
    )
    waveform_source = Instrument.control(
        ":WAV:SOUR?",
        ":WAV:SOUR %s",
        """Control the channel that is read (str, strictly 'CHAN1' to 'CHAN4').""",
        validator=strict_discrete_set,
        values=["CHAN1", "CHAN2", "CHAN3", "CHAN4"],
    )
    preamble = Instrument.measurement(
        ":WAV:PRE?",
        """Get format, type, points, count, and increment, origin, reference in x and in y
        (list of 10 float).""",
    )
    is_armed = Instrument.measurement(
        ":AER?",
        """Get whether the trigger was armed since this was last read (bool).""",
        get_process=lambda value: bool(int(value)),
    )
    is_running = Instrument.measurement(
        ":OPER:COND?",
        """Get whether the acquisition is still running (bool).""",
        get_process=lambda value: bool(int(value) & _RUN_BIT),
    )

    def read_words(self) -> np.ndarray:
        """Read the record of the source channel, (n,) unsigned 16-bit words."""
        self.write(":WAV:DATA?")
        return np.frombuffer(self.read_block(), "<u2")
