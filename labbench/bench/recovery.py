"""After a killed process: its run is found, the bench made safe, and the run marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labbench.bench.bench import Bench
from labbench.errors import BenchError, StoreError
from labbench.store import RunRecord, Store, SweepRecord
from labbench.store.process import Process, is_gone, this_process


def recover(
    bench: Bench,
    store: Store,
    on_notice: Callable[[str], None],
    given_up: Sequence[int] = (),
) -> list[int]:
    """Find the runs whose process was killed, make the bench safe, and mark them.

    Never a run of a living process, and none of another computer that was not given up. A run on
    other instruments is left for whoever opens those: only they can be made safe from there.

    Parameters
    ----------
    bench, store : Bench, Store
    on_notice : callable
        Told in a sentence what was found and done.
    given_up : sequence of int
        Running runs of which somebody knows that they are dead.

    Returns
    -------
    list of int
        The runs that were marked "interrupted".

    Raises
    ------
    InstrumentError
        If an output could not be brought to zero and off; no run is marked then.
    BenchError
        If a living process of this computer has these instruments in use, for a run or a sweep.
    StoreError
        If a run was given up that is not running, or is alive.
    """
    running = store.runs(state="running")
    _require_free(bench, store, running)
    dead = {run.id: run for run in store.abandoned_runs()}
    for run_id in given_up:
        dead[run_id] = _given_up(store, running, run_id)
    marked, here = [], []
    for run in dead.values():
        if _is_here(bench, store, run):
            here.append(run)
        elif _has_nothing_on(store, run):
            marked += _mark(store, run, on_notice, "its process had ended")
        elif run.id in given_up:
            marked += _mark(store, run, on_notice, "given up by the operator, its bench unseen")
        else:
            name = store.session(run.session_id).config.get("name", "?")
            on_notice(
                f"Run {run.id} on device {run.device!r} was interrupted on the bench {name!r}, "
                "whose outputs may still be on: open that bench next."
            )
    if here:
        bench.safe()
        for run in here:
            marked += _mark(
                store, run, on_notice, "its process had ended; all outputs were brought to zero "
                "and off before the next run"
            )  # fmt: skip
    return marked


def _require_free(bench: Bench, store: Store, running: Sequence[RunRecord]) -> None:
    # Simulated instruments live in the process that uses them.
    if bench.description.is_simulated:
        return
    for run in running:
        owner = store.run_owner(run.id)
        if owner and _is_at_work_here(owner) and _is_here(bench, store, run):
            raise BenchError(
                f"Run {run.id} on device {run.device!r} is using these instruments, in process "
                f"{owner.pid} of this computer: wait for its end, or stop it."
            )
    # Between two runs, a sweep moves the needles.
    for sweep in store.sweeps():
        sweeper = None if sweep.owner is None else Process(**sweep.owner)
        if sweeper and _is_at_work_here(sweeper) and _sweeps_here(bench, store, sweep):
            raise BenchError(
                f"Sweep {sweep.name!r} is at work with these instruments, in process "
                f"{sweeper.pid} of this computer: wait for its end, or stop it."
            )


def _is_at_work_here(owner: Process) -> bool:
    """Return whether an owner is another process of this computer that may be alive."""
    me = this_process()
    return owner.host == me.host and owner.pid != me.pid and not is_gone(owner)


def _sweeps_here(bench: Bench, store: Store, sweep: SweepRecord) -> bool:
    """Return whether a sweep uses instruments of a bench; before its first run, it may."""
    runs = [point.run_id for point in store.sweep_points(sweep.id) if point.run_id is not None]
    return not runs or _is_here(bench, store, store.run(max(runs)))


def _given_up(store: Store, running: Sequence[RunRecord], run_id: int) -> RunRecord:
    for run in running:
        if run.id == run_id:
            break
    else:
        raise StoreError(f"Run {run_id} cannot be given up: it is not running.")
    owner, me = store.run_owner(run_id), this_process()
    if owner is not None and owner.host == me.host and not is_gone(owner):
        raise StoreError(
            f"Run {run_id} cannot be given up: process {owner.pid} of this computer is running it. "
            "Stop that process first."
        )
    return run


def _is_here(bench: Bench, store: Store, run: RunRecord) -> bool:
    own = {entry.address for entry, _ in bench.roles().values()}
    return bool(own & _addresses(store, run)) and run.simulated == bench.description.is_simulated


def _has_nothing_on(store: Store, run: RunRecord) -> bool:
    # A simulated bench ended with its process; an import had no instruments.
    return run.simulated or not _addresses(store, run)


def _addresses(store: Store, run: RunRecord) -> set[str]:
    return {each.resource for each in store.session(run.session_id).instruments}


def _mark(store: Store, run: RunRecord, on_notice: Callable[[str], None], why: str) -> list[int]:
    note = f"interrupted: {why}"
    try:
        store.end_run(run.id, "interrupted", note)
    except StoreError:
        if run.id in {each.id for each in store.runs(state="running")}:
            raise
        return []  # somebody else was faster
    dose = store.dose(run.device, run.id)
    lost = f", {dose.n_not_recorded} of them not recorded" if dose.n_not_recorded else ""
    on_notice(
        f"Run {run.id} ({run.procedure} on device {run.device!r}) was {note}. "
        f"{dose.n_stimuli} stimuli are in the ledger{lost}."
    )
    return [run.id]
