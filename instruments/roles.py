"""What a procedure needs of instruments, whatever their make: roles as Protocols.

A class fills a role by having these members; it does not inherit from it. Each holds a pymeasure
driver as `driver` (words like ``read`` and ``source_voltage`` mean something else there) and is
made by ``Class(address, visa_library=..., channel=..., clock=...)``. Time zero of a record is the
trigger, which is time zero of the stimulus.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labbench.stimulus import Stimulus
from labbench.trace import Trace


class Clock(Protocol):
    """Time of a bench: real, or virtual where the instruments are simulated."""

    def now(self) -> float:
        """Return the time in s since some fixed moment."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True)
class Reading:
    """One reading of a source meter; `in_compliance` means that the limit was acting."""

    voltage_v: float
    current_a: float
    in_compliance: bool


@dataclass(frozen=True)
class ComplianceCheck:
    """A compliance on its way from the request to what was seen.

    Attributes
    ----------
    unit : str
        "A" for the limit of a voltage, "V" for that of a current.
    requested : float
    sent : str
        The number as the instrument was given it.
    read_back : float or None
        What the instrument said afterwards; None where it cannot be asked.
    in_compliance : bool or None
        Whether the limit was seen to act; None before anything was measured.
    """

    unit: str
    requested: float
    sent: str
    read_back: float | None
    in_compliance: bool | None = None


@dataclass(frozen=True, eq=False)
class SweepReading:
    """Readings of a sweep, one a level.

    Attributes
    ----------
    level_v, voltage_v, current_a, time_s : (n,) float64 arrays
        What was asked for, and what was measured and when; an overflow is infinite. Time zero is
        the first reading.
    in_compliance : (n,) bool array
        Where the limit was acting.
    check : ComplianceCheck or None
        What became of the limit that was asked for; None where nobody looked.
    """

    level_v: NDArray[np.float64]
    voltage_v: NDArray[np.float64]
    current_a: NDArray[np.float64]
    time_s: NDArray[np.float64]
    in_compliance: NDArray[np.bool_]
    check: ComplianceCheck | None = None


@runtime_checkable
class PulseSource(Protocol):
    """Plays a voltage against time when triggered."""

    @property
    def identity(self) -> str:
        """Answer to ``*IDN?``."""
        ...

    @property
    def is_output_on(self) -> bool:
        """Whether the output is switched on, asked of the instrument."""
        ...

    @property
    def max_voltage_v(self) -> float:
        """Largest absolute level that it can emit into an open circuit."""
        ...

    def load(self, stimulus: Stimulus) -> Stimulus:
        """Load a stimulus and return what will really be emitted.

        Raises
        ------
        StimulusError
            If the source cannot play it.
        """
        ...

    def arm(self) -> None:
        """Switch the output on, at zero, waiting for the trigger."""
        ...

    def trigger(self) -> None:
        """Emit the loaded stimulus once, now."""
        ...

    def safe(self) -> None:
        """Bring the level to zero and switch the output off, verified by reading back."""
        ...


@runtime_checkable
class Digitizer(Protocol):
    """Records voltages around a trigger."""

    @property
    def identity(self) -> str:
        """Answer to ``*IDN?``."""
        ...

    def arm(
        self,
        duration_s: float,
        pre_s: float,
        interval_s: float,
        ranges: Mapping[int, tuple[float, float]],
    ) -> None:
        """Wait for one trigger; return when a trigger would be accepted.

        Parameters
        ----------
        duration_s : float
            Length of the record, `pre_s` included.
        pre_s : float
            Part of the record before the trigger.
        interval_s : float
            Longest sampling interval that will do.
        ranges : mapping of int to (float, float)
            Channels to record, with full scale in V and the voltage at its middle.
        """
        ...

    def read(self) -> Trace:
        """Wait for the record and return it, channels named "1", "2", ..., as ADC counts."""
        ...

    def safe(self) -> None:
        """Stop waiting for triggers."""
        ...


@runtime_checkable
class SourceMeter(Protocol):
    """Forces a voltage and measures the current."""

    @property
    def identity(self) -> str:
        """Answer to ``*IDN?``."""
        ...

    @property
    def is_output_on(self) -> bool:
        """Whether the output is switched on, asked of the instrument."""
        ...

    def source_voltage(self, level_v: float, compliance_a: float) -> ComplianceCheck:
        """Set a voltage, limit the current and switch the output on.

        Raises
        ------
        ReadbackError
            If the instrument did not take the limit; the output is off then.
        """
        ...

    def measure(self) -> Reading:
        """Measure voltage and current once."""
        ...

    def sweep(self, level_v: ArrayLike, compliance_a: float, dwell_s: float) -> SweepReading:
        """Go through voltages, measure at the end of each; the output is at zero and off then.

        Parameters
        ----------
        level_v : (n,) array_like
        compliance_a : float
        dwell_s : float
            Time at each level. An instrument that needs longer takes longer: the readings tell.

        Raises
        ------
        StimulusError
            If the instrument has no such levels or limit.
        ReadbackError
            If it did not take the limit, or did not keep it.
        """
        ...

    def safe(self) -> None:
        """Bring the level to zero and switch the output off, verified by reading back."""
        ...


@runtime_checkable
class Prober(Protocol):
    """Brings the dies of a wafer under needles that stay where they are."""

    @property
    def identity(self) -> str:
        """Answer to ``*IDN?``."""
        ...

    @property
    def is_in_contact(self) -> bool:
        """Whether the wafer is at contact height or above, asked of the instrument."""
        ...

    def move_to_die(self, column: int, row: int, site: int = 0) -> None:
        """Bring a device of a die under the needles, out of contact.

        Raises
        ------
        InstrumentError
            If the wafer has no such die.
        """
        ...

    def contact(self) -> None:
        """Bring the wafer up to the needles, verified by reading back."""
        ...

    def separate(self) -> None:
        """Take the wafer off the needles, verified by reading back."""
        ...

    def safe(self) -> None:
        """Take the wafer off the needles."""
        ...


@runtime_checkable
class SwitchMatrix(Protocol):
    """Connects rows (instruments) with columns (pads)."""

    @property
    def identity(self) -> str:
        """Answer to ``*IDN?``."""
        ...

    @property
    def closed(self) -> frozenset[tuple[int, int]]:
        """Rows and columns that are connected, asked of the instrument."""
        ...

    def close_channel(self, row: int, column: int) -> None:
        """Connect a row with a column, and leave all others as they are."""
        ...

    def open_channel(self, row: int, column: int) -> None:
        """Disconnect a row from a column."""
        ...

    def safe(self) -> None:
        """Open everything, verified by reading back."""
        ...
