"""Names in the code as words for readers: properties, features and their conditions."""

from __future__ import annotations

from labbench.report.quantity import format_quantity

# Unit suffixes of names, as everywhere in labbench.
_SUFFIXES = {"_v": "V", "_s": "s", "_a": "A", "_ohm": "Ohm", "_f": "F", "_j": "J"}


def words(name: str) -> str:
    """Return a snake case name as words."""
    return name.replace("_", " ")


def feature_words(label: str) -> tuple[str, str]:
    """Return the name of a feature and its condition, from its label.

    Examples
    --------
    >>> feature_words("latency at amplitude_v=0.95")
    ('latency', 'amplitude 950 mV')
    """
    name, _, where = label.partition(" at ")
    conditions = [_condition(*part.split("=", 1)) for part in where.split(", ") if "=" in part]
    return words(name), ", ".join(conditions)


def feature_phrase(label: str) -> str:
    """Return a feature and its condition in one phrase."""
    name, where = feature_words(label)
    return f"{name} at {where}" if where else name


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it needs one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _condition(key: str, value: str) -> str:
    for suffix, unit in _SUFFIXES.items():
        if key.endswith(suffix):
            return f"{words(key.removesuffix(suffix))} {format_quantity(float(value), None, unit)}"
    return f"{words(key)} {value}"
