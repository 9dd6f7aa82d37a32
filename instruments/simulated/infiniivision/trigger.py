"""When a scope triggers: edges and pulses found in voltages, at the EXT input, or at the mains."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf, pi

import numpy as np
from numpy.typing import NDArray

from labbench.model.output import low_pass

FloatArray = NDArray[np.float64]

LINE_HZ = 50.0
# An AUTO sweep waits this long for a trigger, then is its own.
AUTO_WAIT_S = 0.05
# Of full scale: what a signal has to go back before it can trigger again.
_HYSTERESIS, _NOISE_REJECTING = 0.03, 0.1
_REJECT_HZ, _AC_HZ = 50e3, 10.0
# Points of one look: longer stretches than this many samples are searched more coarsely.
_MOST_POINTS = 1 << 16
# An edge between coarse points is looked at more closely; so many of them in one look.
_FINE_POINTS, _MOST_REFINED = 513, 100


@dataclass(frozen=True)
class Condition:
    """What is triggered on.

    Attributes
    ----------
    source : str
        "CHAN1" to "CHAN4", "EXT" or "LINE".
    slope : str
        Of an edge: "POS", "NEG", "EITH" or "ALT".
    level_v, full_scale_v : float
    filters : tuple of str
        Of "AC" (10 Hz high pass), "LFR" (50 kHz high pass), "HFR" (50 kHz low pass).
    shortest_s, longest_s : float or None
        Of a pulse, whose end is the trigger; None for an edge.
    """

    source: str
    slope: str
    level_v: float
    full_scale_v: float = 8.0
    filters: tuple[str, ...] = ()
    is_noise_rejected: bool = False
    shortest_s: float | None = None
    longest_s: float = inf

    @property
    def hysteresis_v(self) -> float:
        """How far a signal has to go back."""
        part = _NOISE_REJECTING if self.is_noise_rejected else _HYSTERESIS
        return part * self.full_scale_v


class Crossings:
    """Finds where a level is passed upwards, in stretches that follow each other."""

    def __init__(self, level: float, hysteresis: float) -> None:
        self._level, self._low = level, level - hysteresis
        self._state = 0
        self._last: tuple[float, float] | None = None

    def find(self, time_s: FloatArray, value: FloatArray) -> FloatArray:
        """Return the times of the crossings in the next stretch (n,)."""
        if (is_low := value.max() < self._low) or value.min() >= self._level:
            # Nearly always nothing happens, except perhaps at the first sample.
            time_s, value = time_s[[0, -1]], value[[0, -1]]
            is_same = self._state == (-1 if is_low else 1)
            if is_same:
                self._last = (float(time_s[-1]), float(value[-1]))
                return np.empty(0)
        if self._last is not None:
            time_s, value = np.r_[self._last[0], time_s], np.r_[self._last[1], value]
        state = np.where(value >= self._level, 1, np.where(value < self._low, -1, 0))
        if state[0] == 0:
            state[0] = self._state
        known = np.maximum.accumulate(np.where(state != 0, np.arange(state.size), 0))
        state = state[known]
        at = np.flatnonzero((state[1:] == 1) & (state[:-1] == -1)) + 1
        self._state, self._last = int(state[-1]), (float(time_s[-1]), float(value[-1]))
        share = (self._level - value[at - 1]) / (value[at] - value[at - 1])
        return np.asarray(time_s[at - 1] + share * (time_s[at] - time_s[at - 1]))


class Filter:
    """A first-order low or high pass over stretches that follow each other."""

    def __init__(self, corner_hz: float, is_high_pass: bool) -> None:
        self._lag_s, self._is_high_pass = 1.0 / (2.0 * pi * corner_hz), is_high_pass
        self._last: tuple[float, float, float] | None = None

    def run(self, time_s: FloatArray, value: FloatArray) -> FloatArray:
        """Return the next stretch (n,), filtered."""
        start_s, before, held = self._last or (time_s[0], value[0], value[0])
        time_s, value = np.r_[start_s, time_s], np.r_[before, value]
        slow = np.empty_like(value)
        low_pass(time_s, value, self._lag_s, slow)
        slow += (held - value[0]) * np.exp(-(time_s - start_s) / self._lag_s)
        self._last = (float(time_s[-1]), float(value[-1]), float(slow[-1]))
        return np.asarray((value - slow if self._is_high_pass else slow)[1:])


class Trigger:
    """Knows all trigger events of an acquisition, as far as anybody has looked.

    Parameters
    ----------
    condition : Condition
    from_s : float
    step_s : float
        Of the search: the sampling interval.
    look : callable
        Returns the source's voltage (n,) at past times (n,).
    """

    def __init__(
        self,
        condition: Condition,
        from_s: float,
        step_s: float,
        look: Callable[[FloatArray], FloatArray] | None,
    ) -> None:
        self._condition, self._look = condition, look
        self._searched_s, self._step_s = from_s, step_s
        self._events: list[float] = []
        self._forced: list[float] = []
        height = condition.hysteresis_v
        self._rising = Crossings(condition.level_v, height)
        self._falling = Crossings(-condition.level_v, height)
        makers = {"AC": (_AC_HZ, True), "LFR": (_REJECT_HZ, True), "HFR": (_REJECT_HZ, False)}
        self._filters = [Filter(*makers[name]) for name in condition.filters]
        self._began_s: float | None = None

    def external(self, at_s: float) -> None:
        """Note a rising TTL edge at EXT; when the level falls again nobody has said."""
        ttl = 0.0 <= self._condition.level_v < 3.3
        if self._condition.source == "EXT" and self._condition.slope != "NEG" and ttl:
            insort(self._events, at_s)

    def force(self, at_s: float) -> None:
        """Trigger without a reason."""
        insort(self._forced, at_s)

    def after(self, armed_s: float, now_s: float, is_auto: bool) -> float:
        """Return the first trigger from a time on; infinite if there is none yet."""
        self._search(now_s)
        found_s = min(_first(self._events, armed_s), _first(self._forced, armed_s))
        if self._condition.source == "LINE":
            found_s = min(found_s, ceil(armed_s * LINE_HZ) / LINE_HZ)
        own_s = armed_s + AUTO_WAIT_S if is_auto else inf
        # Until its time has come, a signal may still be earlier than the scope itself.
        return found_s if found_s <= own_s or own_s > now_s else own_s

    def _search(self, now_s: float) -> None:
        if self._look is None or now_s <= self._searched_s:
            return
        length_s = now_s - self._searched_s
        points = max(2, min(_MOST_POINTS, ceil(length_s / self._step_s)))
        time_s = self._searched_s + np.arange(1, points + 1) * (length_s / points)
        time_s[-1] = now_s
        self._searched_s = now_s
        level_v = self._look(time_s)
        for each in self._filters:
            level_v = each.run(time_s, level_v)
        rising = self._rising.find(time_s, level_v)
        falling = self._falling.find(time_s, -level_v)
        if length_s / points > self._step_s and not self._filters:
            rising = self._refined(rising, 1.0, length_s / points)
            falling = self._refined(falling, -1.0, length_s / points)
        if self._condition.shortest_s is not None:
            self._events += self._pulses(rising, falling)
        else:
            wanted = {"POS": [rising], "NEG": [falling]}
            both = np.concatenate(wanted.get(self._condition.slope, [rising, falling]))
            self._events += np.sort(both).tolist()

    def _refined(self, edge_s: FloatArray, sign: float, step_s: float) -> FloatArray:
        """Return edges that were found between points that lie a step apart, more exactly."""
        assert self._look is not None  # there were points
        level_v, found_s = sign * self._condition.level_v, edge_s.copy()
        for place, at_s in enumerate(edge_s[:_MOST_REFINED]):
            fine_s = at_s + np.linspace(-step_s, step_s, _FINE_POINTS)
            fine_s = np.minimum(fine_s, self._searched_s)
            exact_s = Crossings(level_v, 0.0).find(fine_s, sign * self._look(fine_s))
            if exact_s.size:
                found_s[place] = exact_s[0]
        return found_s

    def _pulses(self, rising: FloatArray, falling: FloatArray) -> list[float]:
        """Return the ends of the pulses that are as long as wanted."""
        begins, ends = (rising, falling) if self._condition.slope == "POS" else (falling, rising)
        found = []
        for at_s, is_end in sorted([*((t, False) for t in begins), *((t, True) for t in ends)]):
            if not is_end:
                self._began_s = at_s
            elif self._began_s is not None:
                assert self._condition.shortest_s is not None  # there are pulses to look for
                if self._condition.shortest_s < at_s - self._began_s < self._condition.longest_s:
                    found.append(float(at_s))
                self._began_s = None
        return found


def _first(times_s: list[float], from_s: float) -> float:
    """Return the first of some ascending times from a time on; infinite if there is none."""
    at = bisect_left(times_s, from_s)
    return times_s[at] if at < len(times_s) else inf
