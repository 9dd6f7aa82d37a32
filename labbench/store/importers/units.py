"""Units as files write them, and their scale to SI. A prefix is taken as written: "MV" is none."""

from __future__ import annotations

PREFIXES = {
    "": 1.0,
    "m": 1e-3,
    "u": 1e-6,
    "\u00b5": 1e-6,
    "\u03bc": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
    "k": 1e3,
}
QUANTITIES = {"s": "time", "V": "voltage", "A": "current", "ohm": "resistance", "S": "conductance"}
_SPELLINGS = {
    "ohm": ("ohms", "Ohm", "\u03a9", "\u2126"),
    "s": ("sec", "second", "seconds", "Second"),
    "V": ("v", "volt", "volts", "Volt", "Volts"),
    "A": ("a", "amp", "amps", "Amp", "ampere", "amperes", "Ampere"),
    "S": ("siemens", "Siemens"),
}


def find_unit(written: str) -> tuple[str, float] | None:
    """Return the SI unit that something is written in and its scale, None if it is no unit."""
    for base in QUANTITIES:
        # A bare base last, since "s" is also the end of "volts".
        for spelling in (*_SPELLINGS[base], base):
            prefix = written.removesuffix(spelling)
            if prefix != written and prefix in PREFIXES:
                return base, PREFIXES[prefix]
    return None
