"""Measured beside simulated, from the store; fits and comparisons in a process of their own.

A fit can be stopped at any moment: what it did not store, it did not do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from labbench.compare import Scorecard, scorecard_from_dict
from labbench.errors import NotFoundError
from labbench.gui.models.child import Child, Ended
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.model import ModelCard
from labbench.store import Store


@dataclass(frozen=True)
class Found:
    """The last fit and comparison of a device, and the cards of the store."""

    scorecard: Scorecard | None
    fit: Mapping[str, Any] | None
    card: ModelCard | None
    cards: Sequence[ModelCard]


class CompareModel(Model):
    """Parts: "found", "task".

    Attributes
    ----------
    device : str
    found : Found
    task : str
        What is being computed, or what became of it; empty at first.
    began_s : float
        When it was started, on the monotonic clock.
    """

    def __init__(self, store: Store, office: Office) -> None:
        super().__init__()
        self.device = ""
        self.found = Found(None, None, None, ())
        self.task = ""
        self.began_s = 0.0
        self._store, self._office = store, office
        self._child = Child(office)

    @property
    def is_busy(self) -> bool:
        """Whether something is being computed."""
        return self._child.is_busy

    def show_device(self, name: str) -> None:
        """Show what is known of a device."""
        if name != self.device:
            # Nothing of the device before may stand under the name of this one.
            self.device = name
            self.found = Found(None, None, None, self.found.cards)
            self._changed("found")
        self.refresh()

    def refresh(self) -> None:
        """Read the last fit and comparison again."""
        device = self.device

        def show(found: Found) -> None:
            if device == self.device and found != self.found:
                self.found = found
                self._changed("found")

        self._office.ask(lambda: self._read(device), show)

    def fit(self) -> None:
        """Fit the device anew, and then compare."""
        self._start("fit", [["fit"], ["compare"]])

    def compare(self, card: str = "") -> None:
        """Compare the device with a card, or with its last fit."""
        self._start("comparison", [["compare", *(["--card", card] if card else [])]])

    def cancel(self) -> None:
        """Stop what is being computed; what is stored by then stays."""
        self._child.cancel()

    def close(self) -> None:
        """Stop what is being computed, and wait for its end."""
        self._child.close()

    def _start(self, what: str, commands: list[list[str]]) -> None:
        if self.is_busy:
            self._office.on_error(f"The {self.task} is not done yet: wait for it, or cancel it.")
            return
        if not self.device:
            self._office.on_error("No device is chosen: choose one, then fit or compare it.")
            return
        self.began_s = monotonic()
        self._next(what, self.device, commands)

    def _next(self, what: str, device: str, commands: list[list[str]], stored: str = "") -> None:
        first, *rest = commands

        def done(ended: Ended) -> None:
            is_cut = ended.code != 0 or (ended.was_cancelled and bool(rest))
            if rest and not is_cut:
                self._next(what, device, rest, stored=first[0])
            else:
                self._end(what, device, ended, is_cut, stored if ended.code else first[0])

        try:
            self._child.start(
                [*first, "--db", self._store.name, "--device", device, "--json"], done
            )
        except OSError as error:
            self.task = f"{what} of {device} could not be started: {error}"
            self._office.on_error(self.task)
        else:
            self.task = f"{first[0]} of {device}"
        self._changed("task")

    def _end(self, what: str, device: str, ended: Ended, is_cut: bool, stored: str) -> None:
        if not is_cut:
            lasted_s = monotonic() - self.began_s
            self.task = f"{what} of {device} done in {lasted_s:.0f} s"
        elif ended.was_cancelled:
            kept = f"the {stored} is stored" if stored else "nothing of it was stored"
            self.task = f"{what} of {device} cancelled; {kept}"
        else:
            self.task = f"{self.task} failed: {ended.problem}"
            self._office.on_error(self.task)
        self._changed("task")
        self.refresh()

    def _read(self, device: str) -> Found:
        cards = [record.card for record in self._store.cards()]
        scorecard = fit = card = None
        if device:
            with suppress(NotFoundError):
                record = self._store.latest_fit(device)
                fit, card = record.document, self._store.card(record.card_id).card
            with suppress(NotFoundError):
                scorecard = scorecard_from_dict(self._store.latest_comparison(device).document)
        return Found(scorecard, fit, card, cards)
