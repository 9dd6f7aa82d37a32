"""What is applied: frozen descriptions of a voltage or current against time.

Every stimulus is linear between breakpoints, exactly; samples are drawn from it on demand. Time
zero is the start of the stimulus. After `duration_s` the source stays at zero for `rest_s` before
the next stimulus, so that a device that recovers slowly is met in a known state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from math import isfinite, nan
from operator import attrgetter
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbench.errors import StimulusError

FloatArray = NDArray[np.float64]

# Of a device: where a source drives it, the gate between, and the far end of the load resistor.
TERMINALS = ("input", "gate", "supply")


class Stimulus(ABC):
    """A level against time, linear between breakpoints.

    Attributes
    ----------
    unit : str
        Unit of the level, "V" or "A".
    duration_s : float
        How long the response is recorded, from time zero.
    rest_s : float
        Time at zero level after the record, before the next stimulus.
    """

    kind: ClassVar[str]
    unit: str
    duration_s: float
    rest_s: float

    @abstractmethod
    def breakpoints(self) -> tuple[FloatArray, FloatArray]:
        """Return times in s (k,), never decreasing, and levels (k,); zero outside of them."""

    @abstractmethod
    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-ready description, the inverse of `stimulus_from_spec`."""

    def sample(self, time_s: ArrayLike) -> FloatArray:
        """Return the level at the given times (n,); zero before and after the breakpoints."""
        corner_s, level = self.breakpoints()
        at_s = np.asarray(time_s, dtype=np.float64)
        return np.asarray(np.interp(at_s, corner_s, level, left=0.0, right=0.0))

    @property
    def peak(self) -> float:
        """Largest absolute level, in `unit`."""
        return float(np.max(np.abs(self.breakpoints()[1]), initial=0.0))


@dataclass(frozen=True, slots=True)
class Pulse:
    """One trapezoidal voltage pulse.

    Attributes
    ----------
    start_s : float
        Start of the rising edge.
    width_s : float
        Width at half the amplitude, as pulse generators define it.
    amplitude_v : float
    rise_s, fall_s : float
        Full length of the linear edges; together at most twice the width.
    """

    start_s: float
    width_s: float
    amplitude_v: float
    rise_s: float = 1e-6
    fall_s: float = 1e-6

    def __post_init__(self) -> None:
        # Not by `asdict`, which copies: trains have hundreds of pulses.
        for name in self.__slots__:
            if not isfinite(getattr(self, name)):
                raise StimulusError(
                    f"A pulse needs finite values: {name} is {getattr(self, name)}."
                )
        if self.start_s < 0 or self.rise_s < 0 or self.fall_s < 0:
            raise StimulusError(
                f"A pulse cannot start or ramp in negative time: start {self.start_s} s, "
                f"rise {self.rise_s} s, fall {self.fall_s} s."
            )
        if self.width_s <= 0 or self.width_s < (self.rise_s + self.fall_s) / 2:
            raise StimulusError(
                f"A pulse of width {self.width_s} s has no room for its edges "
                f"({self.rise_s} s and {self.fall_s} s): widen it or steepen them."
            )

    @property
    def edge_s(self) -> float:
        """Time at half the rising edge: where latencies count from."""
        return self.start_s + self.rise_s / 2

    @property
    def end_s(self) -> float:
        """End of the falling edge."""
        return self.edge_s + self.width_s + self.fall_s / 2

    def corners(self) -> list[tuple[float, float]]:
        """Return the four (time in s, level in V) corners."""
        top_s = self.start_s + self.rise_s
        return [
            (self.start_s, 0.0),
            (top_s, self.amplitude_v),
            # In a triangle the two coincide but for rounding, which must not turn time back.
            (max(top_s, self.end_s - self.fall_s), self.amplitude_v),
            (self.end_s, 0.0),
        ]


_FIELDS_OF_PULSE = attrgetter(*Pulse.__slots__)


@dataclass(frozen=True)
class PulseTrain(Stimulus):
    """Voltage pulses one after the other, the level returning to zero between them."""

    pulses: tuple[Pulse, ...]
    duration_s: float
    rest_s: float = 0.0
    kind: ClassVar[str] = "pulse_train"
    unit: ClassVar[str] = "V"  # type: ignore[misc]

    def __post_init__(self) -> None:
        if not self.pulses:
            raise StimulusError("A pulse train needs at least one pulse.")
        for earlier, later in zip(self.pulses, self.pulses[1:], strict=False):
            if later.start_s < earlier.end_s:
                raise StimulusError(
                    f"Pulses overlap: one ends at {earlier.end_s} s, "
                    f"the next starts at {later.start_s} s."
                )
        _check_window(self.duration_s, self.rest_s, self.pulses[-1].end_s)

    def breakpoints(self) -> tuple[FloatArray, FloatArray]:
        """Return times in s (4 p,) and levels in V (4 p,) of p pulses."""
        # All pulses at once, by the sums of `Pulse.corners`: trains have hundreds of them.
        fields = chain.from_iterable(map(_FIELDS_OF_PULSE, self.pulses))
        start_s, width_s, amplitude_v, rise_s, fall_s = (
            np.fromiter(fields, np.float64).reshape(len(self.pulses), -1).T
        )
        top_s = start_s + rise_s
        end_s = start_s + rise_s / 2 + width_s + fall_s / 2
        zero_v = np.zeros_like(amplitude_v)
        times_s = np.stack([start_s, top_s, np.maximum(top_s, end_s - fall_s), end_s], axis=1)
        levels_v = np.stack([zero_v, amplitude_v, amplitude_v, zero_v], axis=1)
        return times_s.ravel(), levels_v.ravel()

    @property
    def peak(self) -> float:
        """Largest absolute level, in V."""
        return float(max(abs(pulse.amplitude_v) for pulse in self.pulses))

    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        # Not by `asdict`, which copies: it takes longer than to store the train.
        names = Pulse.__slots__
        return {
            "kind": self.kind,
            "pulses": [dict(zip(names, _FIELDS_OF_PULSE(p), strict=True)) for p in self.pulses],
            "duration_s": self.duration_s,
            "rest_s": self.rest_s,
        }


@dataclass(frozen=True, eq=False)
class Waveform(Stimulus):
    """Any level given by its breakpoints, in volt or ampere.

    Attributes
    ----------
    time_s, level : (k,) float64 arrays
        Two equal times make a step.
    """

    time_s: FloatArray
    level: FloatArray
    duration_s: float
    rest_s: float = 0.0
    unit: str = "V"
    kind: ClassVar[str] = "waveform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_s", _frozen_array(self.time_s))
        object.__setattr__(self, "level", _frozen_array(self.level))
        if self.unit not in ("V", "A"):
            raise StimulusError(f"A stimulus is in V or A, not in {self.unit!r}.")
        if self.time_s.ndim != 1 or self.time_s.shape != self.level.shape or not self.time_s.size:
            raise StimulusError(
                f"A waveform needs one level per time: got {self.time_s.size} times "
                f"and {self.level.size} levels."
            )
        if not (np.isfinite(self.time_s).all() and np.isfinite(self.level).all()):
            raise StimulusError("A waveform needs finite times and levels.")
        if self.time_s[0] < 0 or np.any(np.diff(self.time_s) < 0):
            raise StimulusError("The times of a waveform start at 0 s or later and never decrease.")
        _check_window(self.duration_s, self.rest_s, float(self.time_s[-1]))

    def breakpoints(self) -> tuple[FloatArray, FloatArray]:
        """Return times in s (k,) and levels (k,)."""
        return self.time_s, self.level

    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {
            "kind": self.kind,
            "time_s": self.time_s.tolist(),
            "level": self.level.tolist(),
            "duration_s": self.duration_s,
            "rest_s": self.rest_s,
            "unit": self.unit,
        }


@dataclass(frozen=True, eq=False)
class Sweep(Stimulus):
    """A staircase of voltages, each held for one dwell time; how source meters sweep.

    Attributes
    ----------
    voltage_v : (k,) float64 array
    dwell_s : float or None
        Time at each level. None where a recording does not tell: such a sweep has an order but no
        breakpoints in time.
    compliance_a : float or None
    terminal : {"input", "gate", "supply"}
        Which terminal of the device is swept.
    bias : mapping of str to float
        Terminals held at a voltage meanwhile, in V; those that are not named float, and the other
        end of a device with two terminals is ground.
    """

    voltage_v: FloatArray
    dwell_s: float | None
    compliance_a: float | None = None
    rest_s: float = 0.0
    terminal: str = "input"
    bias: Mapping[str, float] = field(default_factory=dict)
    kind: ClassVar[str] = "sweep"
    unit: ClassVar[str] = "V"  # type: ignore[misc]

    def __post_init__(self) -> None:
        object.__setattr__(self, "voltage_v", _frozen_array(self.voltage_v))
        is_row = self.voltage_v.ndim == 1 and self.voltage_v.size > 0
        if not is_row or not np.isfinite(self.voltage_v).all():
            raise StimulusError("A sweep needs a row of at least one level, all of them finite.")
        if self.dwell_s is not None and not (isfinite(self.dwell_s) and self.dwell_s > 0):
            raise StimulusError(f"A sweep needs a positive dwell time: got {self.dwell_s} s.")
        if self.compliance_a is not None and not self.compliance_a > 0:
            raise StimulusError(f"A sweep needs a positive compliance: got {self.compliance_a} A.")
        object.__setattr__(self, "bias", MappingProxyType(dict(self.bias)))
        others = [name for name in TERMINALS if name != self.terminal]
        if self.terminal not in TERMINALS or not set(self.bias) <= set(others):
            raise StimulusError(
                f"A sweep is at one of {', '.join(TERMINALS)}, and holds others at a voltage: got "
                f"{self.terminal!r} with {', '.join(self.bias) or 'none'} held."
            )
        if not all(isfinite(level_v) for level_v in self.bias.values()):
            raise StimulusError(f"A terminal is held at a finite voltage: got {dict(self.bias)}.")
        _check_rest(self.rest_s)

    @property
    def duration_s(self) -> float:  # type: ignore[override]
        """Length of the whole staircase."""
        return self.voltage_v.size * self._dwell_s()

    @property
    def peak(self) -> float:
        """Largest absolute voltage."""
        return float(np.max(np.abs(self.voltage_v)))

    def breakpoints(self) -> tuple[FloatArray, FloatArray]:
        """Return times in s (2 k,) and levels in V (2 k,): two corners for each level."""
        edges_s = np.arange(self.voltage_v.size + 1) * self._dwell_s()
        return np.repeat(edges_s, 2)[1:-1], np.repeat(self.voltage_v, 2)

    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {
            "kind": self.kind,
            "voltage_v": self.voltage_v.tolist(),
            "dwell_s": self.dwell_s,
            "compliance_a": self.compliance_a,
            "rest_s": self.rest_s,
            "terminal": self.terminal,
            "bias": dict(self.bias),
        }

    def _dwell_s(self) -> float:
        if self.dwell_s is None:
            raise StimulusError("This sweep was recorded without times: its dwell is not known.")
        return self.dwell_s


@dataclass(frozen=True)
class Unrecorded(Stimulus):
    """Whatever was applied: a recording of another tool need not tell. It has no breakpoints.

    Attributes
    ----------
    duration_s : float
        Of the record; zero if that is not known either.
    """

    duration_s: float = 0.0
    rest_s: float = 0.0
    kind: ClassVar[str] = "unrecorded"
    unit: ClassVar[str] = ""  # type: ignore[misc]

    def __post_init__(self) -> None:
        _check_window(self.duration_s, self.rest_s, 0.0)

    @property
    def peak(self) -> float:
        """NaN: nobody knows."""
        return nan

    def breakpoints(self) -> tuple[FloatArray, FloatArray]:
        """Raise: there are none."""
        raise StimulusError("What was applied was not recorded: import it with its voltage.")

    def to_spec(self) -> dict[str, Any]:
        """Return a JSON-ready description."""
        return {"kind": self.kind, "duration_s": self.duration_s, "rest_s": self.rest_s}


def stimulus_from_spec(spec: Mapping[str, Any]) -> Stimulus:
    """Rebuild a stimulus from its `to_spec` description.

    Raises
    ------
    StimulusError
        If the kind is not known or a field is missing, unknown or impossible.
    """
    fields = dict(spec)
    kind = fields.pop("kind", None)
    try:
        if kind == PulseTrain.kind:
            fields["pulses"] = tuple(Pulse(**pulse) for pulse in fields["pulses"])
            return PulseTrain(**fields)
        if kind == Waveform.kind:
            return Waveform(**fields)
        if kind == Sweep.kind:
            return Sweep(**fields)
        if kind == Unrecorded.kind:
            return Unrecorded(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise StimulusError(f"A stored {kind} has wrong fields: {error}.") from error
    raise StimulusError(
        f"No stimulus is called {kind!r}: pulse_train, waveform, sweep and unrecorded are."
    )


def _frozen_array(values: ArrayLike) -> FloatArray:
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def _check_window(duration_s: float, rest_s: float, end_s: float) -> None:
    if not (isfinite(duration_s) and duration_s >= end_s):
        raise StimulusError(
            f"A record of {duration_s} s does not hold a stimulus that ends at {end_s} s."
        )
    _check_rest(rest_s)


def _check_rest(rest_s: float) -> None:
    if not (isfinite(rest_s) and rest_s >= 0):
        raise StimulusError(f"A rest cannot take {rest_s} s.")
