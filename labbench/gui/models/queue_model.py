"""What is planned, what was interrupted, and how to plan more: runs and sweeps over settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labbench.bench import BenchDescription, Forecast, foresee
from labbench.bench.run_queue import RunQueue, sweep_settings
from labbench.errors import LabbenchError, SettingError
from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.store import RunRecord, Store
from procedures import configure, find_procedure, settings_of
from procedures.base import read_setting


@dataclass(frozen=True)
class PlannedRun:
    """A planned run, and whether the connected bench is the one that it was planned for."""

    run: RunRecord
    is_ours: bool


@dataclass(frozen=True)
class Estimate:
    """The forecast of one run, or why there is none; `text` is for a person."""

    forecast: Forecast | None
    text: str
    is_allowed: bool


class QueueModel(Model):
    """Parts: "planned", "interrupted", "estimate".

    Attributes
    ----------
    planned : sequence of PlannedRun
        The next one first.
    interrupted : sequence of RunRecord
        Whose process was killed, or that ended so; those of this bench's last days.
    estimate : Estimate or None
        Of the settings that were asked about last.
    """

    def __init__(self, store: Store, office: Office, bench: BenchModel) -> None:
        super().__init__()
        self.planned: Sequence[PlannedRun] = ()
        self.interrupted: Sequence[RunRecord] = ()
        self.estimate: Estimate | None = None
        self._store, self._office, self._bench = store, office, bench
        self._queue = RunQueue(store)
        self._asked = 0
        bench.subscribe("runs", self.refresh)
        bench.subscribe("state", self.refresh)

    def refresh(self) -> None:
        """Look what is planned and what was interrupted."""
        bench = self._bench.description

        def look() -> tuple[list[PlannedRun], list[RunRecord]]:
            planned = [
                PlannedRun(run, bench is not None and self._queue.is_meant_for(run, bench))
                for run in self._queue.planned()
            ]
            return planned, self._store.abandoned_runs() + self._store.runs(state="interrupted")

        def show(found: tuple[list[PlannedRun], list[RunRecord]]) -> None:
            self.planned, self.interrupted = found
            self._changed("planned", "interrupted")

        self._office.ask(look, show)

    def add(
        self,
        device: str,
        procedure: str,
        settings: Mapping[str, float],
        swept: Mapping[str, Sequence[float]] | None = None,
        repeats: int = 1,
    ) -> None:
        """Plan runs of a procedure, one for each combination of the swept settings."""
        session_id = self._bench.session_id
        if not session_id:
            self._office.on_error("No bench is connected: connect one, then queue the run.")
            return

        def plan() -> None:
            # All of them are checked before the first one is planned.
            made = [
                configure(find_procedure(procedure), each)
                for each in sweep_settings(settings, swept or {})
                for _ in range(repeats)
            ]
            device_id = self._store.add_device(device, "neuron")
            for each in made:
                self._queue.add(session_id, device_id, each)

        self._office.ask(plan, lambda _: self.refresh())

    def repeat(self, run: RunRecord) -> None:
        """Plan the same run once more."""
        session_id = self._bench.session_id
        if not session_id:
            self._office.on_error("No bench is connected: connect one, then repeat the run.")
            return
        self._office.ask(lambda: self._queue.repeat(session_id, run), lambda _: self.refresh())

    def remove(self, run_ids: Sequence[int]) -> None:
        """Forget planned runs."""
        self._office.ask(lambda: self._queue.remove(run_ids), lambda _: self.refresh())

    def move(self, run_id: int, places: int) -> None:
        """Bring a planned run forward (negative) or back."""
        self._office.ask(lambda: self._queue.move(run_id, places), lambda _: self.refresh())

    def foresee(self, device: str, procedure: str, settings: Mapping[str, float | str]) -> None:
        """Work out the worst case of a run; only the answer to the last question is shown."""
        self._asked += 1
        asked, bench = self._asked, self._bench.description

        def work() -> Estimate | None:
            if asked != self._asked:
                return None
            return _estimate(self._store, bench, device, procedure, settings)

        def show(found: Estimate | None) -> None:
            if found is not None and asked == self._asked:
                self.estimate = found
                self._changed("estimate")

        self._office.compute(work, show)


def problem_of(procedure: str, name: str, text: str) -> str:
    """Return what is wrong with the text of one setting, by itself; empty if nothing is."""
    setting = next(s for s in settings_of(find_procedure(procedure)) if s.name == name)
    try:
        read_setting(procedure, setting, text)
    except SettingError as error:
        return str(error).removeprefix(f"{procedure}: ")
    return ""


def read_values(text: str) -> list[float]:
    """Return the values of a sweep: "1, 2, 5" or "0.5:1.0:6", six from 0.5 to 1.0.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if ":" in text:
        low, high, n = text.split(":")
        first, last, steps = float(low), float(high), int(n) - 1
        if steps < 1:
            raise ValueError("from:to:n needs at least two values")
        return [first + (last - first) * k / steps for k in range(steps + 1)]
    return [float(part) for part in text.split(",")]


def _estimate(
    store: Store,
    bench: BenchDescription | None,
    device: str,
    procedure: str,
    settings: Mapping[str, float | str],
) -> Estimate:
    try:
        made = configure(find_procedure(procedure), settings)
        if bench is None:
            return Estimate(None, "Connect a bench to see what this does at worst.", False)
        is_known = device in {record.name for record in store.devices()}
        spent = store.dose(device) if is_known else None
        budget = store.budget(device) if is_known else {}
        forecast = foresee(made, bench, spent, budget)
    except LabbenchError as error:
        return Estimate(None, str(error), False)
    return Estimate(forecast, _words(forecast), not forecast.exceeded)


def _words(forecast: Forecast) -> str:
    tally = forecast.tally
    lines = [
        f"At worst {tally.n_stimuli} stimuli, {tally.n_pulses} pulses, {tally.duration_s:.3g} s "
        f"on the device's clock, up to {tally.peak_v:.3g} V, {tally.energy_j:.2g} J."
    ]
    lines += [f"TOO MUCH: {each}: {each.remedy}." for each in forecast.exceeded]
    lines += [f"Not foreseen: {note}." for note in forecast.notes]
    return "\n".join(lines)
