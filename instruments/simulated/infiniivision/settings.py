"""Settings whose limits, or whose unit on the link, depend on other settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from instruments.simulated.scpi.instrument import ScpiInstrument
from instruments.simulated.scpi.message import Parameter, ScpiError, number

Limits = Callable[[int], tuple[float, float]]


def add_limited(
    scope: ScpiInstrument,
    pattern: str,
    name: str,
    limits: Limits,
    *,
    channels: int = 0,
    unit: float = 1.0,
    is_clamped: bool = False,
) -> None:
    """Add commands for a numeric setting that `remember` knows.

    Parameters
    ----------
    scope : ScpiInstrument
    pattern, name : str
    limits : callable
        From the channel (0 where there is none) to the least and the greatest value.
    channels : int
    unit : float
        Of the link, in that of the setting: eighths of a range for a scale.
    is_clamped : bool
        Whether a value beyond the limits becomes the nearest legal one; else it is an error.
    """

    def read(parameter: Parameter, channel: int) -> float:
        low, high = limits(channel)
        words = {"MIN": low, "MAX": high, "DEF": scope._defaults[name, channel]}
        value = words.get(str(parameter).upper()[:3])
        value = number(parameter) * unit if value is None else value
        if is_clamped:
            value = min(max(value, low), high)
        # A hair of rounding is not beyond a limit.
        if not low * (1 - 1e-12) <= value <= high * (1 + 1e-12) and not is_clamped:
            raise ScpiError(-222)
        return value

    def put(channel: int, parameters: Sequence[Parameter]) -> None:
        key = (name, channel if channels else 0)
        if len(parameters) != 1:
            raise ScpiError(-108 if parameters else -109)
        before, scope.settings[key] = scope.settings[key], read(parameters[0], key[1])
        try:
            scope.changed(*key)
        except ScpiError:
            scope.settings[key] = before
            raise

    def ask(channel: int, parameters: Sequence[Parameter]) -> str:
        key = (name, channel if channels else 0)
        value = read(parameters[0], key[1]) if parameters else scope.settings[key]
        return scope.format_number(float(value / unit))

    scope.on(pattern, put, channels or 1)
    scope.on(pattern + "?", ask, channels or 1)
