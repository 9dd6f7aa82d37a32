"""What comes from a run while it is going on, for a window that is free to miss some of it.

The desk's thread hands responses in and never waits. Only the newest is kept to be drawn; of
every pulse a few numbers stay, the oldest dropped first. Features are drawn from all responses of
the run, and the prediction of the fitted card is played, in a thread of their own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from labbench.bench.desk import Played
from labbench.errors import LabbenchError, NotFoundError
from labbench.features import Feature, Response
from labbench.fit import FitResult
from labbench.model import ModelCard
from labbench.model.replay import replay_response
from labbench.report.device import draw_features
from labbench.report.fits import latest_fit
from labbench.stimulus import Stimulus
from labbench.store import PulseRow, Store

STRIP = 2000
# Analysed at most so often, so that a run of thousands of responses leaves time for itself.
ANALYSE_S = 0.5
# As many times as long as it took, for the bench's thread and the window to run.
_REST = 4.0


@dataclass(frozen=True)
class Analysis:
    """What was made of the run so far, by property; and the card's answer to the newest stimulus.

    Attributes
    ----------
    stimulus : Stimulus
        The newest one, when this began.
    predicted : Response or None
        What the fitted card answers to it, without noise; None where none was fitted.
    """

    run_id: int
    features: dict[str, Sequence[Feature]]
    stimulus: Stimulus
    predicted: Response | None


class LiveFeed:
    """The newest response of a run, its pulses, and what is made of them.

    Attributes
    ----------
    latest : Played or None
    pulses : deque of PulseRow
        The last `STRIP` of the run.
    dropped : int
        Responses that came and were never taken to be drawn; the store has them.
    analysis : Analysis or None
    """

    def __init__(self, db: str | Path) -> None:
        self.db = db
        self.latest: Played | None = None
        self.pulses: deque[PulseRow] = deque(maxlen=STRIP)
        self.dropped = 0
        self.analysis: Analysis | None = None
        self._responses: list[Response] = []
        self._procedure, self._device = "", ""
        self._is_taken = True
        self._lock, self._news = threading.Lock(), threading.Event()
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._analyse, name="labbench live", daemon=True)
        self._thread.start()

    def put(self, played: Played) -> None:
        """Take a response, from the desk's thread."""
        with self._lock:
            if self.latest is None or played.run_id != self.latest.run_id:
                self.pulses.clear()
                self._responses, self.dropped, self._is_taken = [], 0, True
            if not self._is_taken:
                self.dropped += 1
            self.latest, self._is_taken = played, False
            self._responses.append(played.response)
            self.pulses.extend(played.pulses)
        self._news.set()

    def begin(self, procedure: str, device: str) -> None:
        """Say whose responses come next."""
        self._procedure, self._device = procedure, device

    def take(self) -> Played | None:
        """Return the newest response if it was not taken before."""
        with self._lock:
            if self._is_taken:
                return None
            self._is_taken = True
            return self.latest

    def strip(self) -> list[PulseRow]:
        """Return the last pulses of the run."""
        with self._lock:
            return list(self.pulses)

    def close(self) -> None:
        """Stop analysing."""
        self._is_closed.set()
        self._news.set()
        self._thread.join(10.0)

    def _analyse(self) -> None:
        device, card = "", None
        while True:
            self._news.wait()
            self._news.clear()
            if self._is_closed.is_set():
                return
            with self._lock:
                played, responses = self.latest, list(self._responses)
            if played is None:
                continue
            if self._device != device:
                device, card = self._device, self._fitted(self._device)
            began_s = monotonic()
            self.analysis = Analysis(
                played.run_id,
                _features(self._procedure, responses),
                played.response.stimulus,
                _predicted(card, played.response),
            )
            self._is_closed.wait(max(ANALYSE_S, _REST * (monotonic() - began_s)))

    def _fitted(self, device: str) -> ModelCard | None:
        try:
            with Store.open(self.db) as store:
                found: FitResult = latest_fit(store, device)[1]
        except NotFoundError:
            return None
        return found.card


def _features(procedure: str, responses: Sequence[Response]) -> dict[str, Sequence[Feature]]:
    try:
        return dict(draw_features(procedure, responses))
    except (LabbenchError, ValueError):
        return {}  # too little to draw anything from yet


def _predicted(card: ModelCard | None, response: Response) -> Response | None:
    if card is None:
        return None
    try:
        return replay_response(response, card, noise="off")
    except LabbenchError:
        return None
