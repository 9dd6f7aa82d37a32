"""Reading buffers: nvbuffer1, nvbuffer2, and what makebuffer makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from instruments.simulated.tsp.lua import Attribute, ScriptError, Table

NV_CAPACITY = 60_000
FILL_ONCE, FILL_WINDOW = 0, 1


class Stored(NamedTuple):
    """One reading in a buffer; `time_s` is absolute."""

    reading: float
    time_s: float
    source: float
    status: int
    unit: str
    range: float
    source_range: float
    source_function: str
    output: str


class Column(Table):
    """One quantity of each reading of a buffer, from 1 on.

    Parameters
    ----------
    values : callable
        Returns the column, or None where it is not collected.
    """

    def __init__(self, values: Callable[[], list[Any] | None]) -> None:
        super().__init__()
        self.values = values

    def read(self, key: Any) -> Any:
        """Return one value; nil where there is none."""
        values = self.values()
        is_there = values is not None and isinstance(key, int) and 1 <= key <= len(values)
        return values[key - 1] if is_there and values is not None else None


class ReadingBuffer(Table):
    """A reading buffer.

    Parameters
    ----------
    capacity : int
    push : callable
        Takes the code and the words of an error.
    """

    def __init__(self, capacity: int, push: Callable[..., None]) -> None:
        super().__init__()
        self.capacity = capacity
        self.stored: list[Stored] = []
        self.start_s: float | None = None
        self._push = push
        self._full_was_told = False
        self.options: dict[str, float] = {}
        self.defaults()
        columns = {
            "readings": lambda: [each.reading for each in self.stored],
            "timestamps": self._timestamps,
            "sourcevalues": self._source_values,
            "statuses": lambda: [each.status for each in self.stored],
            "units": lambda: [each.unit for each in self.stored],
            "measurefunctions": lambda: [_FUNCTIONS[each.unit] for each in self.stored],
            "measureranges": lambda: [each.range for each in self.stored],
            "sourceranges": lambda: [each.source_range for each in self.stored],
            "sourcefunctions": lambda: [each.source_function for each in self.stored],
            "sourceoutputstates": lambda: [each.output for each in self.stored],
        }
        self.columns = {name: Column(values) for name, values in columns.items()}
        self.members = dict(self.columns) | {
            "n": Attribute(lambda: len(self.stored)),
            "next": Attribute(lambda: len(self.stored) % self.capacity + 1),
            "capacity": Attribute(lambda: self.capacity),
            "basetimestamp": Attribute(lambda: self.start_s or 0.0),
            "clear": self.clear,
            "clearcache": lambda: None,
        }
        for name in self.options:
            self.members[name] = self._option(name)

    def defaults(self) -> None:
        """Go back to the options of a new buffer."""
        self.options |= {
            "appendmode": 0, "collecttimestamps": 0, "collectsourcevalues": 0, "cachemode": 1,
            "fillmode": FILL_ONCE, "fillcount": self.capacity, "timestampresolution": 1e-6,
        }  # fmt: skip

    def read(self, key: Any) -> Any:
        """Return a member, or for a number that reading."""
        return self.columns["readings"].read(key) if isinstance(key, int) else super().read(key)

    def clear(self) -> None:
        """Forget all readings."""
        self.stored = []
        self.start_s = None
        self._full_was_told = False

    def begin(self) -> None:
        """Make room for a measurement, unless it is to be appended."""
        if not self.options["appendmode"]:
            self.clear()

    def store(self, reading: Stored) -> None:
        """Add a reading."""
        if self.start_s is None:
            self.start_s = reading.time_s
        is_window = self.options["fillmode"] == FILL_WINDOW
        most = int(self.options["fillcount"]) if is_window else self.capacity
        if len(self.stored) < most:
            self.stored.append(reading)
        elif is_window:
            self.stored = [*self.stored[1:], reading]
        elif not self._full_was_told:
            self._full_was_told = True
            self._push(4915, "Attempting to store past capacity of reading buffer")

    def _option(self, name: str) -> Attribute:
        def write(value: Any) -> None:
            if not isinstance(value, (int, float)):
                raise ScriptError(f"bad value for `{name}' (number expected)")
            if name in ("collecttimestamps", "collectsourcevalues") and self.stored:
                if value != self.options[name]:
                    self._push(-221)  # all readings of a buffer are collected alike
            elif not 0 <= value <= (1 if name not in ("fillcount",) else self.capacity):
                self._push(1101 if value > 0 else 1102)
            else:
                self.options[name] = value

        return Attribute(lambda: self.options[name], write)

    def _timestamps(self) -> list[float] | None:
        if not self.options["collecttimestamps"]:
            return None
        start_s = self.start_s or 0.0
        step_s = self.options["timestampresolution"] or 1e-6
        return [round((each.time_s - start_s) / step_s) * step_s for each in self.stored]

    def _source_values(self) -> list[float] | None:
        collected = self.options["collectsourcevalues"]
        return [each.source for each in self.stored] if collected else None


_FUNCTIONS = {"Amps": "Current", "Volts": "Voltage", "Ohms": "Ohms", "Watts": "Watts"}
