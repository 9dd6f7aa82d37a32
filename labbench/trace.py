"""What came back: named channels against one time base, measured or simulated alike.

Time zero of a trace is time zero of its stimulus. A channel keeps the raw samples as the
instrument delivered them (integer counts of an ADC, or floats) and the scale that turns them into
SI units; nothing is rounded or clipped on the way. Samples at a rail are censored: the true value
lies there or beyond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor, inf, isfinite
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labbench.errors import TraceError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Channel:
    """One recorded quantity.

    Attributes
    ----------
    raw : (n,) int8, int16 or float64 array
        Samples as delivered; ``values = raw * scale + offset``.
    quantity : str
        "voltage" or "current"; model states are "1".
    unit : str
        SI unit of `values`.
    rail_low, rail_high : float or None
        Ends of the measuring range or compliance, in `unit`; samples there are censored.
    floor : float or None
        Smallest magnitude the instrument reports; samples at or below it are clamped zeros.
    """

    raw: NDArray[Any]
    quantity: str
    unit: str
    scale: float = 1.0
    offset: float = 0.0
    rail_low: float | None = None
    rail_high: float | None = None
    floor: float | None = None

    def __post_init__(self) -> None:
        if self.raw.ndim != 1:
            raise TraceError(f"A channel is one row of samples: got shape {self.raw.shape}.")
        view = self.raw.view()
        view.flags.writeable = False
        object.__setattr__(self, "raw", view)

    @property
    def values(self) -> FloatArray:
        """Samples in `unit`, (n,)."""
        if self.raw.dtype == np.float64 and self.scale == 1.0 and self.offset == 0.0:
            return self.raw
        return self.raw.astype(np.float64) * self.scale + self.offset

    @property
    def is_censored(self) -> NDArray[np.bool_]:
        """True where the sample lies on a rail, (n,)."""
        if self.raw.dtype.kind == "i" and self.scale:
            return self._censored_counts()
        values = self.values
        censored = np.zeros(values.shape, bool)
        if self.rail_low is not None:
            censored |= values <= self.rail_low
        if self.rail_high is not None:
            censored |= values >= self.rail_high
        return censored

    def _censored_counts(self) -> NDArray[np.bool_]:
        """Compare counts, which takes a tenth of the time of comparing volts."""
        # A rail is a whole count, but for rounding far below a millionth of one.
        ends = [
            None if rail is None else (rail - self.offset) / self.scale
            for rail in (self.rail_low, self.rail_high)
        ]
        low, high = ends if self.scale > 0 else ends[::-1]
        censored = np.zeros(self.raw.shape, bool)
        if low is not None and low > -inf:
            censored |= self.raw <= floor(min(low + 1e-6, 2.0**62))
        if high is not None and high < inf:
            censored |= self.raw >= ceil(max(high - 1e-6, -(2.0**62)))
        return censored


@dataclass(frozen=True, eq=False)
class Trace:
    """Named channels against one time base.

    Attributes
    ----------
    channels : mapping of str to Channel
        By the node or branch they show: "input", "output", "gate", "memristor", ...
    start_s, interval_s : float
        An even time base; `interval_s` is None if it is not even.
    uneven_time_s : (n,) float64 array or None
        The times, where the sampling is uneven. With neither, only the order is known.
    notes : tuple of str
        What a reader must know: "time axis destroyed in the file", ...
    """

    channels: Mapping[str, Channel]
    start_s: float = 0.0
    interval_s: float | None = None
    uneven_time_s: FloatArray | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        sizes = {name: channel.raw.size for name, channel in self.channels.items()}
        if not sizes or len(set(sizes.values())) != 1:
            raise TraceError(f"A trace needs channels of one length: got {sizes} samples.")
        if self.interval_s is not None and not 0 < self.interval_s < inf:
            raise TraceError(f"A sampling interval must be positive: got {self.interval_s} s.")
        if not isfinite(self.start_s):
            raise TraceError(f"A trace cannot start at {self.start_s} s.")
        if self.uneven_time_s is not None:
            if self.uneven_time_s.shape != (len(self),):
                raise TraceError(
                    f"A trace needs one time per sample: got {self.uneven_time_s.size} times "
                    f"and {sizes} samples."
                )
            if not np.isfinite(self.uneven_time_s).all():
                raise TraceError("The times of a trace are finite; drop samples without a time.")
            if np.any(np.diff(self.uneven_time_s) < 0):
                raise TraceError("The times of a trace never decrease; sort the samples first.")
            view = self.uneven_time_s.view()
            view.flags.writeable = False
            object.__setattr__(self, "uneven_time_s", view)
        object.__setattr__(self, "channels", MappingProxyType(dict(self.channels)))

    def __len__(self) -> int:
        return next(iter(self.channels.values())).raw.size

    @property
    def has_time(self) -> bool:
        """Whether times are known, not only the order of the samples."""
        return self.interval_s is not None or self.uneven_time_s is not None

    @property
    def time_s(self) -> FloatArray:
        """Time of each sample, (n,)."""
        if self.uneven_time_s is not None:
            return self.uneven_time_s
        if self.interval_s is None:
            raise TraceError("This trace has no time axis, only the order of its samples.")
        return np.asarray(self.start_s + np.arange(len(self)) * self.interval_s)

    def channel(self, name: str) -> Channel:
        """Return a channel by name.

        Raises
        ------
        TraceError
            If the trace does not have it.
        """
        try:
            return self.channels[name]
        except KeyError:
            known = ", ".join(self.channels)
            raise TraceError(f"This trace has no channel {name!r}; it has {known}.") from None

    def values(self, name: str) -> FloatArray:
        """Return the samples of a channel in SI units, (n,)."""
        return self.channel(name).values
