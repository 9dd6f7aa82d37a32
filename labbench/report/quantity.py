"""Numbers with units as text: engineering prefixes, and no more digits than the error allows.

One notation everywhere: ``668.2 ± 2.5 mV``. The error has two digits, the value as many decimals.
"""

from __future__ import annotations

from math import floor, isfinite, log10, nan

MISSING = "–"

_PREFIXES = {
    -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T",
}  # fmt: skip
_PREFIXABLE = ("V", "A", "s", "Ohm", "F", "J", "W", "Hz", "S")
_WRITTEN = {"1": "", "Ohm": "Ω", "1/s": "s⁻¹", "1/(V s)": "V⁻¹ s⁻¹", "A/V^2": "A/V²"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Without a prefix, numbers in between read well as they are.
_PLAIN = (1e-3, 1e4)
# An error of nearly zero would ask for more digits than any instrument has.
_MOST_DIGITS = 6
_NOTHING = 1e-9
_SPACE = "\N{NO-BREAK SPACE}"


def format_quantity(value: float | None, stderr: float | None, unit: str) -> str:
    """Return ``value ± stderr`` with its unit.

    Parameters
    ----------
    value : float or None
        `MISSING` if None or NaN.
    stderr : float or None
        Left out if None or NaN; the value then has four significant digits.
    unit : str
        SI unit; "1" for none.
    """
    if value is None or not isfinite(value):
        return MISSING if value is None or value != value else f"{value:g}"
    has_error = stderr is not None and isfinite(stderr)
    error = stderr if stderr is not None and has_error else nan
    # A value that is nothing beside its error must not blow that up.
    magnitude = max(abs(value), _NOTHING * error if has_error else 0.0) if value else error
    exponent, power, written = _scale(magnitude, unit)
    scaled, scaled_error = value / 10.0**exponent, error / 10.0**exponent
    if not has_error:
        number = f"{scaled:.4g}"
    else:
        decimals, shown_error = _decimals(scaled, scaled_error)
        number = f"{scaled:.{decimals}f} ± {shown_error}"
        if power:
            number = f"({number})"
    text = number.replace(" ", _SPACE).replace("-", "\N{MINUS SIGN}") + power
    return f"{text}{_SPACE}{written}" if written else text


def format_error(stderr: float, unit: str) -> str:
    """Return a standard error alone, with two digits."""
    if not stderr > 0:
        return "0"
    return format_quantity(float(f"{stderr:.1e}"), None, unit)


def format_p(p_value: float) -> str:
    """Return a p-value with two digits, ``< 0.001`` where more would be false precision."""
    if not isfinite(p_value):
        return MISSING
    return "< 0.001" if p_value < 1e-3 else f"{p_value:.2g}" if p_value < 0.995 else "1"


def format_sigma(sigmas: float) -> str:
    """Return a signed difference in standard errors; beyond 99 the number says nothing more."""
    if not isfinite(sigmas):
        return MISSING
    if abs(sigmas) > 99:
        return f">{_SPACE}+99" if sigmas > 0 else f"<{_SPACE}\N{MINUS SIGN}99"
    sign = "+" if sigmas >= 0.05 else "\N{MINUS SIGN}" if sigmas <= -0.05 else ""
    return f"{sign}{abs(sigmas):.1f}"


def axis_scale(largest: float, unit: str) -> tuple[float, str]:
    """Return the factor that values on an axis are divided by, and the unit to write beside it.

    Parameters
    ----------
    largest : float
        Largest magnitude on the axis.
    unit : str
    """
    if unit not in _PREFIXABLE:
        return 1.0, _WRITTEN.get(unit, unit)
    exponent, _, written = _scale(largest, unit)
    return 10.0**exponent, written


def _scale(magnitude: float, unit: str) -> tuple[int, str, str]:
    """Return a power of ten, how it is written after the number, and the unit with its prefix."""
    written = _WRITTEN.get(unit, unit)
    if not isfinite(magnitude) or magnitude <= 0:
        return 0, "", written
    exponent = 3 * floor(log10(magnitude * (1 + 1e-9)) / 3)
    if unit in _PREFIXABLE:
        exponent = min(max(exponent, min(_PREFIXES)), max(_PREFIXES))
        return exponent, "", _PREFIXES[exponent] + written
    if exponent == 0 or _PLAIN[0] <= magnitude < _PLAIN[1]:
        return 0, "", written
    return exponent, f"{_SPACE}×{_SPACE}10{str(exponent).translate(_SUPERSCRIPT)}", written


def _decimals(value: float, error: float) -> tuple[int, str]:
    """Return how many decimals a value deserves, and its error as text."""
    before_point = max(floor(log10(abs(value))) + 1, 1) if value else 1
    most = max(_MOST_DIGITS - before_point, 0)
    if error <= 0:
        return min(3, most), "0"
    # Round first: 0.0996 has two digits as 0.10, not as 0.100.
    wanted = 1 - int(f"{error:.1e}".partition("e")[2])
    if wanted > most:
        return most, f"< {10.0**-most:.{most}f}"
    decimals = max(wanted, 0)
    return decimals, f"{error:.{decimals}f}"
