"""The devices of the store, where they are, and all that is known of the chosen one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labbench.errors import NotFoundError
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.store import (
    DeviceRecord,
    DieRecord,
    DoseRecord,
    JournalRecord,
    RunSummary,
    Store,
    WaferRecord,
)

# Of its history: the rest is in the history panel.
_MOST_RUNS = 50


@dataclass(frozen=True)
class DeviceFacts:
    """What is known of a device.

    Attributes
    ----------
    document : mapping or None
        The last comparison, as `Scorecard.to_dict`.
    """

    device: DeviceRecord
    dose: DoseRecord
    budget: Mapping[str, float]
    tags: Sequence[str]
    journal: Sequence[JournalRecord]
    runs: Sequence[RunSummary]
    document: Mapping[str, Any] | None


class DeviceModel(Model):
    """Parts: "devices" (and wafers), "chosen" (another name), "facts".

    Attributes
    ----------
    devices, wafers, dies : sequences of records
    chosen : str
        Name of the device under the probes; it may be a new one.
    facts : DeviceFacts or None
        None where the store does not know the device yet.
    """

    def __init__(self, store: Store, office: Office) -> None:
        super().__init__()
        self.devices: Sequence[DeviceRecord] = ()
        self.wafers: Sequence[WaferRecord] = ()
        self.dies: Sequence[DieRecord] = ()
        self.chosen = ""
        self.facts: DeviceFacts | None = None
        self._store, self._office = store, office

    def refresh(self) -> None:
        """Look for new devices, and for what became of the chosen one."""

        def look() -> tuple[Any, ...]:
            return self._store.devices(), self._store.wafers(), self._store.dies()

        def show(found: tuple[Any, ...]) -> None:
            if found != (self.devices, self.wafers, self.dies):
                self.devices, self.wafers, self.dies = found
                self._changed("devices")

        self._office.ask(look, show)
        self._look()

    def choose(self, name: str) -> None:
        """Choose the device under the probes."""
        name = name.strip()
        if name == self.chosen:
            return
        self.chosen, self.facts = name, None
        self._changed("chosen", "facts")
        self._look()

    def n_devices(self, wafer: str) -> dict[tuple[int, int], int]:
        """Return how many devices are on each die of a wafer."""
        counted = Counter((d.x, d.y) for d in self.devices if d.wafer == wafer)
        return {(d.x, d.y): counted[d.x, d.y] for d in self.dies if d.wafer == wafer}

    def add(self, name: str, kind: str, wafer: str = "", x: int = 0, y: int = 0) -> None:
        """Add a device, on a die of a wafer if one is named."""

        def write() -> None:
            die = None
            if wafer:
                self._store.add_wafer(wafer)
                die = self._store.add_die(wafer, x, y)
            self._store.add_device(name, kind, die)

        def done(_: None) -> None:
            self.choose(name)
            self.refresh()

        self._office.ask(write, done)

    def note(self, text: str) -> None:
        """Write a note on the chosen device."""
        self._say(lambda name: self._store.note(text, device=name))

    def tag(self, tag: str) -> None:
        """Put a tag on the chosen device."""
        self._say(lambda name: self._store.tag(tag, device=name))

    def untag(self, tag: str) -> None:
        """Take a tag off the chosen device."""
        self._say(lambda name: self._store.untag(tag, device=name))

    def set_budget(self, quantity: str, allowed: float | None) -> None:
        """Bound what the chosen device may take in all its life; None takes the bound away."""
        self._say(lambda name: self._store.set_budget(name, {quantity: allowed}))

    def _say(self, say: Callable[[str], object]) -> None:
        name = self.chosen
        self._office.ask(lambda: say(name), lambda _: self._look())

    def _look(self) -> None:
        name = self.chosen
        if not name:
            return

        def show(found: DeviceFacts | None) -> None:
            if name == self.chosen and found != self.facts:
                self.facts = found
                self._changed("facts")

        self._office.ask(lambda: self._read(name), show)

    def _read(self, name: str) -> DeviceFacts | None:
        store = self._store
        device = next((each for each in store.devices() if each.name == name), None)
        if device is None:
            return None
        try:
            document = store.latest_comparison(name).document
        except NotFoundError:
            document = None
        return DeviceFacts(
            device,
            store.dose(name),
            store.budget(name),
            store.tags(device=name),
            store.journal(device=name),
            tuple(store.find_runs(device=name, newest_first=True, limit=_MOST_RUNS)),
            document,
        )
