"""Fits of many devices: on the cores of this computer, or on workers of dask.distributed.

A task is the fit of one device. What is sent is the address of the database and the name of the
device; a worker reads the recordings itself, and sends back the result. One process writes: this
one. A task is known by its data, and a fit that is there already is not done again: whatever is
lost on the way, or done twice by an impatient scheduler, a fit is kept once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from hashlib import sha256
from multiprocessing import get_context
from typing import Any

from labbench import __version__
from labbench.errors import FeatureError, FitError, LabbenchError, NotFoundError, SettingError
from labbench.fit import FitResult
from labbench.report.device import fit_data, keep_fit, load_device
from labbench.store import Store

# A device that kills a worker this often is left out.
TRIES = 3


@dataclass(frozen=True)
class Fitted:
    """The fit of one device as it comes from a worker: JSON-ready, or why there is none."""

    device: str
    document: dict[str, Any] | None
    run_ids: tuple[int, ...] = ()
    dataset_sha256: str = ""
    fault: str = ""


@dataclass
class FitReport:
    """What came of the fits.

    Attributes
    ----------
    kept : list of str
        Devices whose fit was stored.
    known : list of str
        Devices whose fit of these data was there already.
    faults : dict of str to str
        By device, why there is no fit.
    """

    kept: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many devices were looked at."""
        return len(self.kept) + len(self.known) + len(self.faults)


def fit_one(database: str, device: str) -> Fitted:
    """Fit one device of a database, and keep nothing: the task of a worker.

    Parameters
    ----------
    database : str
        Path or URL, as the worker reaches it.
    device : str
    """
    try:
        with Store.open(database) as store:
            data = load_device(store, device)
            result, run_ids = fit_data(data)
            digest = store.dataset_sha256(run_ids)
        return Fitted(device, result.to_dict(), run_ids, digest)
    except (FitError, FeatureError, NotFoundError) as error:
        return Fitted(device, None, fault=str(error))


def fit_wafer(
    database: str,
    devices: Sequence[str],
    *,
    workers: int = 0,
    scheduler: str | None = None,
    on_progress: Callable[[FitReport], None] = lambda report: None,
    task: Callable[[str, str], Fitted] = fit_one,
) -> FitReport:
    """Fit many devices, and keep each result as it comes.

    Parameters
    ----------
    database : str
        Path or URL; workers elsewhere need one that they reach: a server's.
    devices : sequence of str
    workers : int, optional
        Processes on this computer; all cores, if not given.
    scheduler : str, optional
        Address of a dask scheduler, whose workers have labbench; in place of `workers`.
    on_progress : callable, optional
        Called after each device.
    task : callable, optional
        In place of `fit_one`.

    Raises
    ------
    SettingError
        If dask.distributed is not installed, or the scheduler does not answer.
    """
    report = FitReport()
    with Store.open(database) as store:
        known = store.fitted()
        chosen = list(dict.fromkeys(devices))
        waiting = []
        for device in chosen:
            if _is_fitted(store, device, known):
                report.known.append(device)
            else:
                waiting.append(device)
        if scheduler is None:
            came = _locally(database, waiting, workers or os.cpu_count() or 1, task)
        else:
            came = _on_cluster(database, waiting, scheduler, task)
        for fitted in came:
            _keep(store, fitted, known, report)
            on_progress(report)
    return report


def _keep(store: Store, fitted: Fitted, known: set[tuple[str, str]], report: FitReport) -> None:
    """Write one result, unless one of the same data is there."""
    if fitted.document is None:
        report.faults[fitted.device] = fitted.fault
        return
    key = (fitted.dataset_sha256, __version__)
    if key in known:
        report.known.append(fitted.device)
        return
    keep_fit(store, FitResult.from_dict(fitted.document), fitted.run_ids, fitted.dataset_sha256)
    known.add(key)
    report.kept.append(fitted.device)


def _is_fitted(store: Store, device: str, known: set[tuple[str, str]]) -> bool:
    try:
        fit = store.latest_fit(device)
    except LabbenchError:
        return False
    # The same programme, and all that was recorded since went into it.
    key = (store.dataset_sha256(fit.run_ids), __version__)
    runs = store.runs(device=device, state="finished")
    return key in known and fit.created_at >= max(
        (run.ended_at for run in runs if run.ended_at), default=fit.created_at
    )


def _locally(
    database: str, devices: Sequence[str], workers: int, task: Callable[[str, str], Fitted]
) -> Iterator[Fitted]:
    """Yield results from processes of this computer; a killed one costs a repeat of what it had."""
    left = dict.fromkeys(devices, 0)
    while left:
        # Not forked: a fork copies the threads of a compiled loop half.
        context = get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
            futures: dict[Future[Fitted], str] = {
                pool.submit(task, database, device): device for device in left
            }
            broken = False
            for future in as_completed(futures):
                try:
                    fitted = future.result()
                except BrokenProcessPool:
                    broken = True
                    continue
                left.pop(fitted.device)
                yield fitted
        if broken:
            for device in list(left):
                left[device] += 1
                if left[device] >= TRIES:
                    left.pop(device)
                    yield Fitted(device, None, fault="its worker was killed, again and again")


def _one_thread() -> None:
    """Let each process use one core: there are as many processes as cores."""
    import numba

    numba.set_num_threads(1)


def _on_cluster(
    database: str, devices: Sequence[str], scheduler: str, task: Callable[[str, str], Fitted]
) -> Iterator[Fitted]:
    """Yield results from the workers of a scheduler, which repeats what a lost worker had."""
    try:
        from distributed import Client
        from distributed import as_completed as as_they_come
    except ImportError as error:
        raise SettingError(
            "Workers of dask need dask.distributed: install labbench with `.[scale]`."
        ) from error
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingError(f"No dask scheduler answers at {scheduler!r}: {error}.") from error
    with client:
        # Not pure by its arguments alone: the data behind a name may have grown.
        batch = sha256(os.urandom(16)).hexdigest()[:12]
        futures = {
            client.submit(
                task, database, device, key=f"fit-{batch}-{device}", pure=False, retries=TRIES
            ): device
            for device in devices
        }
        for future in as_they_come(futures):
            if future.status == "finished":
                yield future.result()
            else:
                yield Fitted(
                    futures[future], None, fault=f"its worker failed: {future.exception()}"
                )
            future.release()
