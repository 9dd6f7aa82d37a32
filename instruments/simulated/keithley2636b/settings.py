"""The settings of one channel: names, values after a reset, and what may be written."""

from __future__ import annotations

from instruments.simulated.keithley2636b.ranges import (
    HEADROOM,
    LEAST_LIMIT_A,
    LEAST_LIMIT_V,
    MOST_A,
    MOST_V,
)

CONSTANTS = {
    "OUTPUT_DCAMPS": 0, "OUTPUT_DCVOLTS": 1, "OUTPUT_OFF": 0, "OUTPUT_ON": 1, "OUTPUT_HIGH_Z": 2,
    "OUTPUT_NORMAL": 0, "OUTPUT_ZERO": 1,
    "AUTORANGE_OFF": 0, "AUTORANGE_ON": 1, "AUTORANGE_FOLLOW_LIMIT": 2,
    "AUTOZERO_OFF": 0, "AUTOZERO_ONCE": 1, "AUTOZERO_AUTO": 2,
    "SENSE_LOCAL": 0, "SENSE_REMOTE": 1, "SENSE_CALA": 3,
    "DISABLE": 0, "ENABLE": 1, "ASYNC": 2, "SOURCE_IDLE": 0, "SOURCE_HOLD": 1,
    "FILTER_OFF": 0, "FILTER_ON": 1, "REL_OFF": 0, "REL_ON": 1, "DELAY_OFF": 0, "DELAY_AUTO": -1,
    "FILTER_MOVING_AVG": 0, "FILTER_REPEAT_AVG": 1, "FILTER_MEDIAN": 2,
    "FILL_ONCE": 0, "FILL_WINDOW": 1, "OE_NONE": 0, "OE_OUTPUT_OFF": 1,
    "SETTLE_SMOOTH": 0, "SETTLE_FAST_RANGE": 1, "SETTLE_FAST_POLARITY": 2,
    "SETTLE_DIRECT_IRANGE": 3, "SETTLE_SMOOTH_100NA": 4, "SETTLE_FAST_ALL": 128,
    "CONTACT_FAST": 0, "CONTACT_MEDIUM": 1, "CONTACT_SLOW": 2, "LIMIT_AUTO": 0,
}  # fmt: skip

_LEVEL_V, _LEVEL_A = MOST_V * 1.01, MOST_A * 1.01
_RANGE_A, _FLAG = 10.0, (0, 0, 1)
# Name: value after a reset, least, most. Flags and choices are whole numbers.
NUMBERS: dict[str, tuple[float, float, float]] = {
    "source.func": (1, 0, 1), "source.output": (0, 0, 2),
    "source.levelv": (0.0, -_LEVEL_V, _LEVEL_V), "source.leveli": (0.0, -_LEVEL_A, _LEVEL_A),
    "source.limitv": (20.0, LEAST_LIMIT_V, MOST_V), "source.limiti": (0.1, LEAST_LIMIT_A, MOST_A),
    "source.limitp": (0.0, 0.0, MOST_V * MOST_A),
    "source.rangev": (0.2, 0.0, MOST_V * HEADROOM), "source.rangei": (1e-7, 0.0, _RANGE_A),
    "source.autorangev": (1, 0, 1), "source.autorangei": (1, 0, 1),
    "source.lowrangev": (0.2, 0.0, MOST_V), "source.lowrangei": (1e-9, 0.0, _RANGE_A),
    "source.delay": (0.0, -1.0, 1e5), "source.settling": (0, 0, 128),
    "source.offmode": (0, 0, 2), "source.offfunc": (1, 0, 1),
    "source.offlimiti": (1e-3, LEAST_LIMIT_A, MOST_A),
    "source.offlimitv": (40.0, LEAST_LIMIT_V, MOST_V),
    "source.highc": _FLAG, "source.sink": _FLAG, "source.outputenableaction": _FLAG,
    "measure.nplc": (1.0, 0.001, 25.0), "measure.count": (1, 1, 60_000),
    "measure.interval": (0.0, 0.0, 1e5), "measure.delay": (-1.0, -1.0, 1e5),
    "measure.delayfactor": (1.0, 0.0, 1e3), "measure.autozero": (2, 0, 2),
    "measure.rangev": (20.0, 0.0, MOST_V * HEADROOM), "measure.rangei": (0.1, 0.0, _RANGE_A),
    "measure.autorangev": (1, 0, 2), "measure.autorangei": (1, 0, 2),
    "measure.lowrangev": (0.2, 0.0, MOST_V), "measure.lowrangei": (1e-10, 0.0, _RANGE_A),
    "measure.filter.enable": _FLAG, "measure.filter.count": (1, 1, 100),
    "measure.filter.type": (1, 0, 2),
    "sense": (0, 0, 3), "contact.speed": (0, 0, 2), "contact.threshold": (50.0, 0.0, 1e37),
    "trigger.count": (1, 0, 1e6), "trigger.arm.count": (1, 0, 1e6),
    "trigger.source.action": _FLAG, "trigger.measure.action": (0, 0, 2),
    "trigger.endpulse.action": (1, 0, 1), "trigger.endsweep.action": _FLAG,
    "trigger.source.limiti": (0.0, 0.0, _RANGE_A), "trigger.source.limitv": (0.0, 0.0, MOST_V),
    "trigger.arm.stimulus": (0, 0, 1e9), "trigger.source.stimulus": (0, 0, 1e9),
    "trigger.measure.stimulus": (0, 0, 1e9), "trigger.endpulse.stimulus": (0, 0, 1e9),
    "trigger.autoclear": (1, 0, 1),
}  # fmt: skip
NUMBERS |= {
    f"measure.rel.{name}{kind}": (0, 0, 1) if name == "enable" else (0.0, -1e37, 1e37)
    for kind in "virp"
    for name in ("enable", "level")
}
# A limit means both signs.
ABSOLUTE = {"source.limitv", "source.limiti", "source.offlimiti", "source.offlimitv",
            "source.rangev", "source.rangei", "measure.rangev", "measure.rangei"}  # fmt: skip
WHOLE = {
    name
    for name, (default, *_) in NUMBERS.items()
    if isinstance(default, int) and not name.startswith("measure.rel.level")
}
# Where these change, so does what the terminal does.
ACTING = {"source.func", "source.output", "source.levelv", "source.leveli", "source.limitv",
          "source.limiti", "source.limitp", "source.offmode", "source.offfunc",
          "source.offlimiti", "source.offlimitv"}  # fmt: skip
