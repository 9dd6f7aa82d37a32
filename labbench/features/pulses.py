"""What each pulse of a train did: fired or not, and after how long."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from labbench.errors import FeatureError
from labbench.features.feature import Response
from labbench.spikes import find_spikes
from labbench.stimulus import Pulse, PulseTrain

# An output that rests below this part of where it once rested has not come back.
RESTED_FRACTION = 0.5


@dataclass(frozen=True)
class PulseReading:
    """One pulse and its answer.

    Attributes
    ----------
    index : int
        Place in the train.
    pulse : Pulse
    spike_s : tuple of float
        Spikes from half the rising edge until the next pulse's, or the end of the record; times
        on the trace's axis.
    """

    index: int
    pulse: Pulse
    spike_s: tuple[float, ...]

    @property
    def fired(self) -> bool:
        """Whether at least one spike followed."""
        return bool(self.spike_s)

    @property
    def latency_s(self) -> float | None:
        """Half the rising edge to the first spike; None if it did not fire."""
        return self.spike_s[0] - self.pulse.edge_s if self.spike_s else None


def read_pulses(response: Response, channel: str = "output") -> tuple[PulseReading, ...]:
    """Assign the spikes of a response to the pulses of its train.

    Raises
    ------
    FeatureError
        If the stimulus is not a pulse train.
    """
    train = response.stimulus
    if not isinstance(train, PulseTrain):
        raise FeatureError(f"Pulses are read from a pulse train, not from a {train.kind}.")
    spikes = find_spikes(response.trace, channel).time_s
    edges_s = [pulse.edge_s for pulse in train.pulses]
    bounds = np.searchsorted(spikes, [*edges_s, np.inf])
    return tuple(
        PulseReading(i, pulse, tuple(spikes[bounds[i] : bounds[i + 1]].tolist()))
        for i, pulse in enumerate(train.pulses)
    )


def has_pulses(response: Response) -> bool:
    """Whether a response is one of an output to pulses."""
    return isinstance(response.stimulus, PulseTrain) and "output" in response.trace.channels


def readings_of_trains(
    responses: Sequence[Response], n_pulses: int
) -> list[tuple[PulseReading, ...]]:
    """Return the readings of those responses whose train has `n_pulses` pulses.

    Those with a grounded gate, which have no output, are passed over.
    """
    return [
        read_pulses(response)
        for response in responses
        if has_pulses(response)
        and isinstance(response.stimulus, PulseTrain)
        and len(response.stimulus.pulses) == n_pulses
    ]


def grouped(
    readings: Iterable[tuple[PulseReading, ...]], key: str
) -> dict[float, list[tuple[PulseReading, ...]]]:
    """Group readings by the amplitude of the first pulse or the gap between the first two.

    Parameters
    ----------
    readings : iterable of readings, one tuple a train
    key : {"amplitude_v", "gap_s"}
    """
    groups: dict[float, list[tuple[PulseReading, ...]]] = {}
    for train in readings:
        first = train[0].pulse
        value = first.amplitude_v if key == "amplitude_v" else train[1].pulse.start_s - first.end_s
        groups.setdefault(float(f"{value:.6g}"), []).append(train)
    return dict(sorted(groups.items()))


def timing_error_s(responses: Sequence[Response]) -> float:
    """Return the standard error of a time that sampling alone leaves: interval / sqrt(12).

    Repeats do not average it away where every trial fires at the same time.
    """
    intervals_s = [r.trace.interval_s or 0.0 for r in responses]
    return max(intervals_s, default=0.0) / 12**0.5


def by_width(
    readings: Iterable[tuple[PulseReading, ...]],
) -> dict[float, list[tuple[PulseReading, ...]]]:
    """Group readings by the width of the first pulse, in s."""
    groups: dict[float, list[tuple[PulseReading, ...]]] = {}
    for train in readings:
        groups.setdefault(float(f"{train[0].pulse.width_s:.6g}"), []).append(train)
    return dict(sorted(groups.items()))


def is_rested(response: Response, resting: Response, channel: str = "output") -> bool:
    """Whether the output was at rest before a stimulus, as it was before another one.

    A neuron whose output stays low is latched, and what a trace of it crosses is noise.
    """
    level_v, rest_v = (find_spikes(each.trace, channel).resting_v for each in (response, resting))
    return level_v >= RESTED_FRACTION * rest_v
