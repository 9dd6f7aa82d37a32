"""The queue of a bench: runs that are planned in the store, played one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from labbench.bench.bench import Bench
from labbench.bench.description import BenchDescription
from labbench.bench.run import RunReport, run_procedure
from labbench.errors import LabbenchError, SettingError
from labbench.store import RunRecord, Store
from procedures import NeuronProcedure, configure, find_procedure

# More than anybody wants to have started by one click.
MOST_SWEPT = 1000


class RunQueue:
    """What is planned in a store, in the order in which it will be started.

    A run is planned for one bench: what was meant for a simulated one never reaches a real device.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._meant_for: dict[int, tuple[str, bool]] = {}

    def add(self, session_id: int, device_id: int, procedure: NeuronProcedure) -> int:
        """Plan a run behind all others, and return its id."""
        return self.add_all(session_id, device_id, [procedure])[0]

    def add_all(
        self, session_id: int, device_id: int, procedures: Sequence[NeuronProcedure]
    ) -> list[int]:
        """Plan runs of one procedure behind all others, all or none, and return their ids."""
        first = procedures[0]
        return self.store.plan_runs(
            session_id,
            device_id,
            first.name,
            first.version,
            [dict(each.parameter_values()) for each in procedures],
            first.source_sha256,
        )

    def repeat(self, session_id: int, run: RunRecord) -> int:
        """Plan what another run was, again, behind all others."""
        if run.source_sha256 is not None:
            raise SettingError(
                f"Run {run.id} was imported from a file: choose a procedure and queue that."
            )
        procedure = configure(find_procedure(run.procedure), run.settings)
        return self.add(session_id, self._device_id(run), procedure)

    def planned(self) -> list[RunRecord]:
        """Return what is planned, the next one first."""
        return self.store.runs(state="planned")

    def remove(self, run_ids: Sequence[int]) -> None:
        """Forget planned runs."""
        self.store.remove_planned(run_ids)

    def move(self, run_id: int, places: int) -> None:
        """Bring a planned run forward (negative) or back by some places, as far as it goes."""
        ids = [run.id for run in self.planned()]
        if run_id not in ids:
            return  # it was started meanwhile
        here = ids.index(run_id)
        there = min(max(here + places, 0), len(ids) - 1)
        first, last = min(here, there), max(here, there)
        ids.insert(there, ids.pop(here))
        self.store.order_planned(ids[first : last + 1])

    def next_for(self, bench: BenchDescription) -> RunRecord | None:
        """Return the next run that is meant for a bench, None if there is none."""
        return next((run for run in self.planned() if self.is_meant_for(run, bench)), None)

    def is_meant_for(self, run: RunRecord, bench: BenchDescription) -> bool:
        """Whether a run was planned at this bench."""
        if run.session_id not in self._meant_for:
            session = self.store.session(run.session_id)
            self._meant_for[run.session_id] = (session.config.get("name", ""), session.simulated)
        return self._meant_for[run.session_id] == (bench.name, bench.is_simulated)

    def play(self, bench: Bench, session_id: int, run: RunRecord, **options: Any) -> RunReport:
        """Start a planned run: `run_procedure`, as `labbench run` does.

        Raises
        ------
        LabbenchError
            If it failed; the store says so too.
        """
        try:
            procedure = configure(find_procedure(run.procedure), run.settings)
            if procedure.version != run.procedure_version:
                raise SettingError(
                    f"Run {run.id} was planned with version {run.procedure_version} of "
                    f"{run.procedure}, and there is version {procedure.version} now: queue it anew."
                )
        except LabbenchError as error:
            self.store.start_run(run.id, session_id)
            self.store.end_run(run.id, "failed", f"{type(error).__name__}: {error}")
            raise
        device_id = self._device_id(run)
        return run_procedure(
            bench, self.store, session_id, device_id, procedure, planned=run.id, **options
        )

    def _device_id(self, run: RunRecord) -> int:
        return next(each.id for each in self.store.devices() if each.name == run.device)


def sweep_settings(
    settings: Mapping[str, float], swept: Mapping[str, Sequence[float]]
) -> list[dict[str, float]]:
    """Return all combinations of the swept settings, the last one changing fastest.

    Raises
    ------
    SettingError
        If a swept setting has no value, or there are too many combinations.
    """
    empty = [name for name, values in swept.items() if not values]
    if empty:
        raise SettingError(f"A sweep over {', '.join(empty)} needs at least one value.")
    n = 1
    for values in swept.values():
        n *= len(values)
    if n > MOST_SWEPT:
        raise SettingError(
            f"This sweep has {n} runs, and at most {MOST_SWEPT} are planned at once: take fewer "
            "values."
        )
    combined = (dict(zip(swept, values, strict=True)) for values in product(*swept.values()))
    return [{**settings, **each} for each in combined]
