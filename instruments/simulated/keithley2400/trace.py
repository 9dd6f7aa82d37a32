"""The buffer of a 2400: up to 2500 readings, kept until they are overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from instruments.simulated.keithley2400.base import within
from instruments.simulated.keithley2400.ranges import NOT_A_NUMBER, TOO_LARGE
from instruments.simulated.keithley2400.readings import Taken
from instruments.simulated.keithley2400.status import BUFFER_AVAILABLE, BUFFER_FULL
from instruments.simulated.keithley2400.sweeps import MOST_POINTS
from instruments.simulated.keithley2400.trigger import TriggerLayer
from instruments.simulated.scpi.instrument import Answer
from instruments.simulated.scpi.message import ScpiError

_BYTES = 24
_FEEDS = "SENSe SENSe1 CALCulate CALCulate1 CALCulate2"
_STATISTICS = "MEAN SDEViation MAXimum MINimum PKPK"


class TraceLayer(TriggerLayer):
    """Data store and its statistics."""

    lasting = (
        "buffer_points", "feed", "feed_control", "time_format",
        "line", "line_auto", "power_on", "register_format",
    )  # fmt: skip

    def _add_trace(self) -> None:
        self.buffer: list[Taken] = []
        self._is_stale = False
        for root in (":TRACe", ":DATA"):
            self.query(f"{root}:DATA", self._data)
            self.action(f"{root}:CLEar", self._clear_buffer)
            self.query(f"{root}:FREE", self._free)
            self.setting(
                f"{root}:POINts", "buffer_points", 100,
                lambda p: round(within(p, 1, MOST_POINTS, 100)),
            )  # fmt: skip
            self.query(f"{root}:POINts:ACTual", lambda: str(len(self.buffer)))
            self.choice(
                f"{root}:FEED", "feed", "SENSe SENSe1 CALCulate CALCulate1 CALCulate2", "SENS"
            )
            self.query(f"{root}:FEED", self._feed)
            self.choice(f"{root}:FEED:CONTrol", "feed_control", "NEVer NEXT", "NEV")
            self.choice(f"{root}:TSTamp:FORMat", "time_format", "ABSolute DELTa", "ABS")
        self.choice(":CALCulate3:FORMat", "statistic", _STATISTICS, "MEAN")
        self.query(":CALCulate3:DATA", self._statistics)

    @property
    def is_storing(self) -> bool:
        """Whether readings go into the buffer."""
        return self.value("feed_control") == "NEXT" and self.is_running

    def changed(self, name: str, channel: int) -> None:
        """Let a new setting act."""
        if name in ("buffer_points", "feed") and self.is_storing:
            raise ScpiError(800)
        if name == "buffer_points":
            self._clear_buffer()
        if name == "feed_control":
            self._is_stale = self.value("feed_control") == "NEXT"
        super().changed(name, channel)

    def store(self, taken: Taken) -> None:
        """Keep a reading, in the buffer too if it is switched on."""
        super().store(taken)
        if self.value("feed_control") != "NEXT":
            return
        if self._is_stale:
            self._clear_buffer()
        self.buffer.append(taken)
        self.set_condition("MEAS", BUFFER_AVAILABLE, len(self.buffer) > 1)
        if len(self.buffer) >= self.value("buffer_points"):
            self.put("feed_control", "NEV")
            self.set_condition("MEAS", BUFFER_FULL, True)

    def _clear_buffer(self) -> None:
        if self.is_storing and self.buffer and not self._is_stale:
            raise ScpiError(800)
        self.buffer, self._is_stale = [], False
        self.set_condition("MEAS", BUFFER_AVAILABLE | BUFFER_FULL, False)

    def _feed(self) -> str:
        feed = str(self.value("feed"))
        return {"SENS1": "SENS", "CALC1": "CALC"}.get(feed, feed)

    def _free(self) -> str:
        used = len(self.buffer)
        return f"{(MOST_POINTS - used) * _BYTES}, {used * _BYTES}"

    def stamped(self) -> list[Taken]:
        """Return the buffer with its times from the first reading, or from the one before."""
        times_s = np.array([each.time for each in self.buffer])
        if self.value("time_format") == "ABS":
            times_s = times_s - times_s[:1]
        else:
            times_s = np.diff(times_s, prepend=times_s[:1])
        return [
            replace(each, time=float(time_s))
            for each, time_s in zip(self.buffer, times_s, strict=True)
        ]

    def _data(self) -> Answer:
        if not self.buffer:
            raise ScpiError(-230)
        if self._feed() != "SENS":
            return self.in_numbers([self.calculated(each, self._feed()) for each in self.buffer])
        return self.in_elements(self.stamped())

    def calculated(self, taken: Taken, block: str) -> float:
        """Return what a calculation makes of a reading."""
        raise NotImplementedError

    def _statistics(self) -> Answer:
        """Answer with a statistic of voltage, current and resistance, whatever was measured."""
        if not self.buffer:
            raise ScpiError(-230)
        if self._feed() != "SENS":
            columns: Sequence[list[float]] = [
                [self.calculated(each, self._feed()) for each in self.buffer]
            ]
        else:
            names = [name for name in self.value("elements") if name in ("VOLT", "CURR", "RES")]
            columns = [[each.element(name) for each in self.buffer] for name in names]
        return self.in_numbers([_statistic(self.value("statistic"), c) for c in columns])


def _statistic(name: str, values: list[float]) -> float:
    if any(each in (NOT_A_NUMBER, TOO_LARGE) for each in values):
        return NOT_A_NUMBER
    column = np.array(values)
    if name == "SDEV":
        return float(column.std(ddof=1)) if column.size > 1 else 0.0
    return float({"MEAN": np.mean, "MAX": np.max, "MIN": np.min, "PKPK": np.ptp}[name](column))
