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
    """What became of a current limit on its way.

    Attributes
    ----------
    requested, sent, read_back : float
        In A: asked for by the caller, written to the instrument, answered by it.
    in_compliance : bool
        Whether the limit was acting when it was last looked at.
    """

    requested: float
    sent: float
    read_back: float
    in_compliance: bool


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
        """Set a voltage, limit the current, switch the output on and look at the limit.

        Raises
        ------
        ReadbackError
            If the instrument did not take the limit; the output is off then.
        """
        ...

    def measure(self) -> Reading:
        """Measure voltage and current once."""
        ...

    def safe(self) -> None:
        """Bring the level to zero and switch the output off, verified by reading back."""
        ...
