"""Measured beside simulated, from the store; fits and comparisons in a process of their own.

A fit keeps a processor busy for seconds to minutes. As a child it is the very command that a
terminal would give, it yields to the window and the bench, and it can be stopped at any moment:
what it did not store, it did not do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from labbench.compare import Scorecard, scorecard_from_dict
from labbench.errors import NotFoundError
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.model import ModelCard
from labbench.store import Store

_END_S = 5.0
_NICENESS = 10


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
        self._child: subprocess.Popen[str] | None = None
        self._was_cancelled = False

    @property
    def is_busy(self) -> bool:
        """Whether something is being computed."""
        return self._child is not None

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
        """Stop what is being computed; nothing of it is stored."""
        child = self._child
        if child is not None:
            self._was_cancelled = True
            child.terminate()

    def close(self) -> None:
        """Stop what is being computed, and wait for its end."""
        child = self._child
        self.cancel()
        if child is not None:
            try:
                child.wait(_END_S)
            except subprocess.TimeoutExpired:
                child.kill()

    def _start(self, what: str, commands: list[list[str]]) -> None:
        if self.is_busy:
            self._office.on_error(f"The {self.task} is not done yet: wait for it, or cancel it.")
            return
        if not self.device:
            self._office.on_error("No device is chosen: choose one, then fit or compare it.")
            return
        self._was_cancelled = False
        self.began_s = monotonic()
        self._next(what, self.device, commands)

    def _next(self, what: str, device: str, commands: list[list[str]], stored: str = "") -> None:
        first, *rest = commands
        command = [sys.executable, "-m", "labbench", *first]
        command += ["--db", self._store.name, "--device", device, "--json"]
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            self.task = f"{what} of {device} could not be started: {error}"
            self._office.on_error(self.task)
            self._changed("task")
            return
        if sys.platform != "win32":
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, child.pid, _NICENESS)
        self._child = child
        self.task = f"{first[0]} of {device}"
        self._changed("task")

        def wait() -> None:
            _, said = child.communicate()
            self._office.post(lambda: done(said))

        def done(said: str) -> None:
            self._child = None
            code = child.returncode
            is_cut = code != 0 or (self._was_cancelled and bool(rest))
            if rest and not is_cut:
                self._next(what, device, rest, stored=first[0])
            else:
                self._end(what, device, code, said, is_cut, stored if code else first[0])

        threading.Thread(target=wait, name="child", daemon=True).start()

    def _end(self, what: str, device: str, code: int, said: str, is_cut: bool, stored: str) -> None:
        if not is_cut:
            lasted_s = monotonic() - self.began_s
            self.task = f"{what} of {device} done in {lasted_s:.0f} s"
        elif self._was_cancelled:
            kept = f"the {stored} is stored" if stored else "nothing of it was stored"
            self.task = f"{what} of {device} cancelled; {kept}"
        else:
            lines = said.strip().splitlines() or [f"exit code {code}"]
            self.task = f"{self.task} failed: {lines[-1].removeprefix('labbench: ')}"
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
