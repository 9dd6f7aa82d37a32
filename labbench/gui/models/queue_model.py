"""What is planned, what was interrupted, and how to plan more: runs and sweeps over settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labbench.bench import Forecast, foresee
from labbench.bench.run_queue import MOST_SWEPT, RunQueue, sweep_settings
from labbench.bench.tally import Tally
from labbench.errors import LabbenchError, NotFoundError, SettingError
from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.model import Model
from labbench.gui.models.office import Office
from labbench.report.wording import count
from labbench.store import DoseRecord, RunRecord, Store
from procedures import configure, find_procedure, settings_of
from procedures.base import read_setting

# On an interrupted run: somebody decided whether it is repeated.
SEEN = "interruption seen"


@dataclass(frozen=True)
class PlannedRun:
    """A planned run, and whether the connected bench is the one that it was planned for."""

    run: RunRecord
    is_ours: bool


@dataclass(frozen=True)
class Estimate:
    """What runs do at worst, or why nobody knows; `text` is for a person."""

    text: str
    is_allowed: bool


class QueueModel(Model):
    """Parts: "planned", "interrupted", "estimate".

    Attributes
    ----------
    planned : sequence of PlannedRun
        The next one first.
    interrupted : sequence of RunRecord
        Whose process was killed, and of which nobody has decided yet what becomes of them.
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
        self._told: set[int] = set()
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
            return planned, self._interrupted()

        def show(found: tuple[list[PlannedRun], list[RunRecord]]) -> None:
            self.planned, self.interrupted = found
            self._changed("planned", "interrupted")
            new = {run.id for run in self.interrupted} - self._told
            if new:
                self._told |= new
                self._office.on_error(
                    f"{count(len(new), 'run')} ended with the programme that played them: see the "
                    "run panel, which asks whether they are repeated."
                )

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
                for each in _combined(settings, swept or {}, repeats)
                for _ in range(repeats)
            ]
            device_id = self._store.add_device(device, "neuron")
            self._queue.add_all(session_id, device_id, made)

        self._office.ask(plan, lambda _: self.refresh())

    def repeat(self, run: RunRecord) -> None:
        """Plan the same run once more."""
        session_id = self._bench.session_id
        if not session_id:
            self._office.on_error("No bench is connected: connect one, then repeat the run.")
            return
        self._office.ask(lambda: self._queue.repeat(session_id, run), lambda _: self.refresh())

    def settle(self, runs: Sequence[RunRecord], again: bool) -> None:
        """Plan interrupted runs again, or leave them; either is decided for good."""
        session_id = self._bench.session_id
        if again and not session_id:
            self._office.on_error("No bench is connected: connect one, then repeat the runs.")
            return

        def write() -> None:
            for run in runs:
                if again:
                    self._queue.repeat(session_id, run)
                self._store.tag(SEEN, run=run.id)

        self._office.ask(write, lambda _: self.refresh())

    def remove(self, run_ids: Sequence[int]) -> None:
        """Forget planned runs."""
        self._office.ask(lambda: self._queue.remove(run_ids), lambda _: self.refresh())

    def move(self, run_id: int, places: int) -> None:
        """Bring a planned run forward (negative) or back."""
        self._office.ask(lambda: self._queue.move(run_id, places), lambda _: self.refresh())

    def foresee(
        self,
        device: str,
        procedure: str,
        settings: Mapping[str, float],
        swept: Mapping[str, Sequence[float]] | None = None,
        repeats: int = 1,
    ) -> None:
        """Work out the worst case of runs; only the answer to the last question is shown."""
        self._asked += 1
        asked, bench = self._asked, self._bench.description

        def work() -> Estimate | None:
            if bench is None:
                return Estimate("Connect a bench to see what this does at worst.", False)
            try:
                forecasts = []
                known = self._known(device)
                for each in _combined(settings, swept or {}, repeats):
                    if asked != self._asked:
                        return None
                    made = configure(find_procedure(procedure), each)
                    forecasts.append((each, foresee(made, bench, *known)))
            except LabbenchError as error:
                return Estimate(str(error), False)
            return _estimate(forecasts, list(swept or {}), repeats)

        def show(found: Estimate | None) -> None:
            if found is not None and asked == self._asked:
                self.estimate = found
                self._changed("estimate")

        self._office.compute(work, show)

    def _known(self, device: str) -> tuple[DoseRecord | None, Mapping[str, float]]:
        """Return what a device has had, and what it may have."""
        if device not in {record.name for record in self._store.devices()}:
            return None, {}
        return self._store.dose(device), self._store.budget(device)

    def _interrupted(self) -> list[RunRecord]:
        found = self._store.abandoned_runs() + self._store.runs(state="interrupted")
        if not found:
            return []
        try:
            seen = {run.id for run in self._store.find_runs(tag=SEEN)}
        except NotFoundError:
            seen = set()
        return [run for run in found if run.id not in seen]


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
        If it is neither, or so many values that nobody means them; for a person.
    """
    if ":" not in text:
        _check_number(text.count(",") + 1)
        return [_number(part) for part in text.split(",")]
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].strip().isdecimal():
        raise ValueError("from:to:n is needed, such as 0.5:1.0:6")
    first, last = _number(parts[0]), _number(parts[1])
    # The text may be of any length, and is only a number if it is short.
    n = int(parts[2][:9])
    if n < 2:
        raise ValueError("from:to:n needs at least two values")
    _check_number(n)
    return [first + (last - first) * k / (n - 1) for k in range(n)]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number is needed") from None


def _check_number(n: int) -> None:
    if n > MOST_SWEPT:
        raise ValueError(f"{n} values, and at most {MOST_SWEPT} runs are planned at once")


def _combined(
    settings: Mapping[str, float], swept: Mapping[str, Sequence[float]], repeats: int
) -> list[dict[str, float]]:
    """Return the settings of all runs, those of repeats once."""
    found = sweep_settings(settings, swept)
    if len(found) * repeats > MOST_SWEPT:
        raise SettingError(
            f"These are {len(found)} runs, {repeats} times each, and at most {MOST_SWEPT} are "
            "planned at once: take fewer."
        )
    return found


def _estimate(
    forecasts: Sequence[tuple[Mapping[str, float], Forecast]],
    swept: Sequence[str],
    repeats: int,
) -> Estimate:
    """Return what all runs do together, and the first that does too much by itself."""
    total = sum((each.tally for _, each in forecasts for _ in range(repeats)), start=Tally())
    n_runs = len(forecasts) * repeats
    runs = f"{count(n_runs, 'run')}, together at worst" if n_runs > 1 else "At worst"
    lines = [
        f"{runs} {total.n_stimuli} stimuli, {total.n_pulses} pulses, {total.duration_s:.3g} s "
        f"on the device's clock, up to {total.peak_v:.3g} V, {total.energy_j:.2g} J."
    ]
    bad = next((pair for pair in forecasts if pair[1].exceeded), None)
    if bad is not None:
        settings, forecast = bad
        where = ", ".join(f"{name} = {settings[name]:g}" for name in swept)
        lines += [
            f"TOO MUCH{f' with {where}' if where else ''}: {each}: {each.remedy}."
            for each in forecast.exceeded
        ]
    notes = dict.fromkeys(note for _, forecast in forecasts for note in forecast.notes)
    lines += [f"Not foreseen: {note}." for note in notes]
    return Estimate("\n".join(lines), bad is None)
