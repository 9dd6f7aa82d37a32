"""What generators have in common that play one burst of an uploaded waveform at each trigger."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any, ClassVar

import numpy as np

from labbench.errors import InstrumentError, ReadbackError, StimulusError
from labbench.stimulus import Stimulus

# Instruments round what they are told to the digits that they show.
_SETTING_TOLERANCE, _LEVEL_TOLERANCE_V = 2e-3, 1e-4


class BurstSource(ABC):
    """A PulseSource whose subclass says how a stimulus is uploaded and how the output ends.

    Parameters
    ----------
    driver : pymeasure Instrument
        With `channels`, each of which has `is_output_on` and `offset_v`.
    channel : int
        The output that the role speaks of.

    Attributes
    ----------
    driver : pymeasure Instrument
        For everything beyond the role.
    """

    max_voltage_v: ClassVar[float]

    def __init__(self, driver: Any, channel: int) -> None:
        self.driver = driver
        if channel not in driver.channels:
            raise InstrumentError(
                f"{driver.resource} has the channels "
                f"{', '.join(map(str, driver.channels))}, not {channel}."
            )
        self._output = driver.channels[channel]
        self._loaded: tuple[Stimulus, Stimulus] | None = None

    @abstractmethod
    def _upload(self, stimulus: Stimulus) -> Stimulus:
        """Upload a stimulus and return what will be emitted; the output is off afterwards."""

    @abstractmethod
    def _end(self) -> tuple[str, ...]:
        """Return the commands that switch the output off and leave zero behind."""

    def _verify(self, asked: Mapping[str, float | str]) -> None:
        """Read back what decides what the output does once it is on.

        A generator that missed that it plays bursts would repeat the waveform without an end.

        Raises
        ------
        ReadbackError
            If a setting is not what was asked for; the output is off then.
        """
        found = self._read_back(tuple(asked))
        wrong = [
            f"{name} is {found[name]!r}, not {wanted!r}"
            for name, wanted in asked.items()
            if not _is_taken(wanted, found[name])
        ]
        if wrong:
            raise ReadbackError(
                f"{self.driver.resource} did not take its settings: {'; '.join(wrong)}. Its output "
                "is off; check the link, and switch the instrument off and on."
            )

    def _read_back(self, names: Sequence[str]) -> dict[str, float | str]:
        """Return settings of the output as the instrument has them."""
        return {name: getattr(self._output, name) for name in names}

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return str(self.driver.identity)

    @property
    def is_output_on(self) -> bool:
        """Get whether the output is on (bool)."""
        return bool(self._output.is_output_on)

    def load(self, stimulus: Stimulus) -> Stimulus:
        """Upload a stimulus and return what will be emitted; the output is off afterwards.

        The same stimulus again is not uploaded again, and the output stays as it is.

        Raises
        ------
        StimulusError
            If the generator cannot play it.
        """
        if self._loaded is not None and _is_same(self._loaded[0], stimulus):
            return self._loaded[1]
        self._loaded = None
        emitted = self._upload(stimulus)
        self._loaded = (stimulus, emitted)
        return emitted

    def arm(self) -> None:
        """Switch the output on, at zero, waiting for the trigger."""
        if self._loaded is None:
            raise StimulusError(f"{self.driver.resource} has no stimulus: load one before arming.")
        if not self.is_output_on:
            self._output.is_output_on = True

    def trigger(self) -> None:
        """Emit the loaded stimulus once."""
        self.driver.write("*TRG")
        self.driver.check_errors()

    def safe(self) -> None:
        """Stop the burst, which rests at zero, switch off, and leave zero behind for the next.

        Raises
        ------
        ReadbackError
            If the output is still on, or its level is not zero.
        """
        self._loaded = None
        self.driver.abandon()
        # No check in between: an error left in the queue must not keep the output on.
        self.driver.write_each(*self._end())
        if self.is_output_on:
            raise ReadbackError(f"{self.driver.resource}: the output is still on.")
        level_v = self._output.offset_v
        if level_v != 0.0:
            raise ReadbackError(
                f"{self.driver.resource}: the level is {level_v:g} V after setting 0 V."
            )
        self.driver.check_errors()


def _is_taken(asked: float | str, found: float | str) -> bool:
    if isinstance(asked, str) or isinstance(found, str):
        return asked == found
    return isclose(asked, float(found), rel_tol=_SETTING_TOLERANCE, abs_tol=_LEVEL_TOLERANCE_V)


def _is_same(one: Stimulus, other: Stimulus) -> bool:
    return (
        (one.unit, one.duration_s, one.rest_s) == (other.unit, other.duration_s, other.rest_s)
        and np.array_equal(one.breakpoints()[0], other.breakpoints()[0])
        and np.array_equal(one.breakpoints()[1], other.breakpoints()[1])
    )
