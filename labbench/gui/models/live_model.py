"""What is seen of a run while it goes on; the bench never waits for it.

The bench's thread only leaves a response here. A thread of its own takes the newest, draws it
together to what a screen can show, and draws the features from all of them; what it could not look
at in time is not looked at. The window picks up the latest picture when it draws its next frame.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from labbench.errors import LabbenchError
from labbench.features import Feature, Response, read_pulses
from labbench.features.pulses import has_pulses
from labbench.gui.thinning import points, thin
from labbench.model import Loading, ModelCard
from labbench.model.replay import replay_response
from labbench.report.device import draw_features
from labbench.spikes import find_spikes
from labbench.store import RunRecord

FloatArray = NDArray[np.float64]

_LOG = logging.getLogger("labbench.gui")

# Pulses in the strip: what fits side by side.
STRIP = 400
# Of the waveforms whose features are drawn; the oldest are let go (the store has them all).
MOST_BYTES = 256 * 2**20
# Features are drawn anew at most this often, and never for more than a fifth of the time.
_FEATURES_S, _SHARE = 0.3, 5.0


@dataclass(frozen=True, eq=False)
class Curve:
    """A channel, drawn together: few of its samples, in `unit`."""

    name: str
    quantity: str
    unit: str
    time_s: FloatArray
    values: FloatArray


@dataclass(frozen=True)
class StripPulse:
    """One pulse of the strip; latency is NaN without a spike, energy where it is not known."""

    number: int
    amplitude_v: float
    fired: bool
    latency_s: float
    energy_j: float


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """One picture of the run that goes on.

    Attributes
    ----------
    run : RunRecord
    n_responses : int
        So far.
    curves : tuple of Curve
        Of the newest response that was looked at.
    predicted : tuple of Curve
        What the card says to the same stimulus, without noise.
    spike_s : (k,) float64 array
    strip : tuple of StripPulse
        The last pulses.
    features : tuple of (property, Feature)
        Of all responses that are kept.
    note : str
        Why something is not shown.
    """

    run: RunRecord
    n_responses: int
    curves: tuple[Curve, ...] = ()
    predicted: tuple[Curve, ...] = ()
    spike_s: FloatArray = field(default_factory=lambda: np.empty(0))
    strip: tuple[StripPulse, ...] = ()
    features: tuple[tuple[str, Feature], ...] = ()
    note: str = ""


class LiveModel:
    """The run that goes on, or went on last.

    Attributes
    ----------
    card : ModelCard or None
        Whose prediction is drawn over the waveform; set by the window, read by the thread.
    loading : Loading or None
        The probe on the output, for the prediction.

    Parameters
    ----------
    most_bytes : int, optional
        Of the waveforms that are kept for the features.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self.card: ModelCard | None = None
        self.loading: Loading | None = None
        self._lock = threading.Condition()
        self._run: RunRecord | None = None
        self._kept: deque[Response] = deque()
        self._n_fed = self._n_bytes = 0
        self._frame: LiveFrame | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._look, name="live", daemon=True)
        self._thread.start()

    def begin(self, run: RunRecord) -> None:
        """Forget the run before, and show this one from now on; from any thread."""
        with self._lock:
            self._run = run
            self._kept.clear()
            self._n_fed = self._n_bytes = 0
            self._lock.notify()

    def feed(self, response: Response) -> None:
        """Leave a response to be looked at; takes microseconds, from any thread."""
        with self._lock:
            self._kept.append(response)
            self._n_fed += 1
            self._n_bytes += _bytes_of(response)
            while self._n_bytes > self._most_bytes and len(self._kept) > 1:
                self._n_bytes -= _bytes_of(self._kept.popleft())
            self._lock.notify()

    def take(self) -> LiveFrame | None:
        """Return the newest picture, once; None if there is no newer one."""
        with self._lock:
            frame, self._frame = self._frame, None
        return frame

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._is_closed = True
            self._lock.notify()
        self._thread.join(10.0)

    def _look(self) -> None:
        seen = _Seen(None)
        while True:
            with self._lock:
                while not self._is_closed and not seen.is_behind(self._run, self._n_fed, self.card):
                    # Features may be due although nothing new has come.
                    if not self._lock.wait(0.1) and seen.wants_features():
                        break
                if self._is_closed:
                    return
                run, kept, n_fed = self._run, list(self._kept), self._n_fed
            if run is None:
                continue
            if run is not seen.run:
                seen = _Seen(run)
            try:
                frame = seen.look(run, kept, n_fed, self.card, self.loading)
            except Exception as error:  # noqa: BLE001 - the next one may come out
                _LOG.exception("a response could not be drawn")
                seen.skip(n_fed, self.card)
                note = f"Response {n_fed} could not be drawn: {type(error).__name__}: {error}"
                frame = LiveFrame(run, n_fed, note=note)
            with self._lock:
                self._frame = frame


class _Seen:
    """What the thread has made of a run so far."""

    def __init__(self, run: RunRecord | None) -> None:
        self.run = run
        self.card: ModelCard | None = None
        self.n_seen = self.n_drawn = self.n_pulses = 0
        self.strip: list[StripPulse] = []
        self.features: tuple[tuple[str, Feature], ...] = ()
        self.due_s = 0.0

    def is_behind(self, run: RunRecord | None, n_fed: int, card: ModelCard | None) -> bool:
        is_new = run is not self.run or n_fed != self.n_seen
        return is_new or (n_fed > 0 and card is not self.card)

    def wants_features(self) -> bool:
        return self.n_drawn < self.n_seen and monotonic() >= self.due_s

    def skip(self, n_fed: int, card: ModelCard | None) -> None:
        """Go on with what comes next."""
        self.n_seen = self.n_drawn = n_fed
        self.card = card

    def look(
        self,
        run: RunRecord,
        kept: Sequence[Response],
        n_fed: int,
        card: ModelCard | None,
        loading: Loading | None,
    ) -> LiveFrame:
        note = ""
        n_gone = n_fed - len(kept)
        for response in kept[max(self.n_seen - n_gone, 0) :]:
            self._add_pulses(response)
        self.n_seen, self.card = n_fed, card
        if self.wants_features():
            note = self._draw(run, kept)
        if not kept:
            return LiveFrame(run, 0)
        curves: tuple[Curve, ...] = ()
        predicted: tuple[Curve, ...] = ()
        spikes = np.empty(0)
        newest = kept[-1]
        try:
            curves = curves_of(newest)
            spikes = _spikes_of(newest)
            if card is not None:
                made = replay_response(newest, card, noise="mean", loading=loading)
                predicted = curves_of(made)
        except LabbenchError as error:
            note = str(error)
        if n_gone and not note:
            note = f"The features are those of the last {len(kept)} responses."
        return LiveFrame(
            run, n_fed, curves, predicted, spikes, tuple(self.strip), self.features, note
        )

    def _add_pulses(self, response: Response) -> None:
        if not has_pulses(response):
            return
        for reading in read_pulses(response):
            latency_s = nan if reading.latency_s is None else reading.latency_s
            self.strip.append(
                StripPulse(
                    self.n_pulses,
                    reading.pulse.amplitude_v,
                    bool(reading.fired),
                    latency_s,
                    _energy_j(response, reading.pulse.start_s, reading.pulse.end_s),
                )
            )
            self.n_pulses += 1
        del self.strip[:-STRIP]

    def _draw(self, run: RunRecord, kept: Sequence[Response]) -> str:
        began_s = monotonic()
        note = ""
        try:
            drawn = draw_features(run.procedure, kept)
            self.features = tuple((name, each) for name, found in drawn.items() for each in found)
        except LabbenchError as error:
            note = str(error)
        now_s = monotonic()
        self.n_drawn = self.n_seen
        self.due_s = now_s + max(_FEATURES_S, _SHARE * (now_s - began_s))
        return note


def curves_of(response: Response) -> tuple[Curve, ...]:
    """Return all channels of a response, drawn together."""
    trace = response.trace
    return tuple(
        Curve(name, channel.quantity, channel.unit, *points(trace, name, thin(channel.raw)))
        for name, channel in trace.channels.items()
    )


def _bytes_of(response: Response) -> int:
    return sum(channel.raw.nbytes for channel in response.trace.channels.values())


def _spikes_of(response: Response) -> FloatArray:
    trace = response.trace
    if not trace.has_time or "output" not in trace.channels:
        return np.empty(0)
    return np.asarray(find_spikes(trace).time_s)


def _energy_j(response: Response, start_s: float, end_s: float) -> float:
    """Return the heat of a pulse where current and voltage were recorded; NaN elsewhere."""
    trace = response.trace
    if not trace.has_time or not {"input", "memristor"} <= set(trace.channels):
        return nan
    time_s = trace.time_s
    inside = slice(*np.searchsorted(time_s, (start_s, end_s)))
    power_w = trace.values("input")[inside] * trace.values("memristor")[inside]
    return float(np.trapezoid(power_w, time_s[inside]))
