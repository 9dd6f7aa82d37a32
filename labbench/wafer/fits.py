"""Fits of many devices: on the cores of this computer, or on workers of dask.distributed.

A task is the fit of one device. What is sent is the address of the database and the name of the
device; a worker reads the recordings itself, and sends back the result. One process writes: this
one. A fit is known by all that it depends on, and one that is there already is not made again:
whatever is lost on the way, or done twice by an impatient scheduler, a fit is kept once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from multiprocessing import active_children, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import Any

from labbench.errors import LabbenchError, SettingError
from labbench.fit import FitOptions, FitResult
from labbench.model import card_from_dict
from labbench.report.device import load_device
from labbench.report.fits import fit_data, fitting, keep_fit, kept_fit, request_of
from labbench.store import Store

# A device that kills a worker this often is left out.
TRIES = 3
# How long a scheduler may take to answer.
PATIENCE_S = 10


@dataclass(frozen=True)
class Wish:
    """What all fits of a batch have in common; it travels to the workers.

    Attributes
    ----------
    database : str
        Path or URL, as the workers reach it: elsewhere that is a server's.
    card : mapping or None
        The kind of device, as a document; its own kind's if not given.
    options : FitOptions or None
    again : bool
        Fit even if the latest fit is of the same data, card and options.
    with_excluded : bool
        Whether excluded runs count too.
    """

    database: str
    card: Mapping[str, Any] | None = None
    options: FitOptions | None = None
    again: bool = False
    with_excluded: bool = False


@dataclass(frozen=True)
class Fitted:
    """What comes of one device: a fit, JSON-ready, or one that is there already, or why none.

    Attributes
    ----------
    request : str
        Hash of all that the fit depends on.
    """

    device: str
    document: dict[str, Any] | None = None
    run_ids: tuple[int, ...] = ()
    request: str = ""
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


Task = Callable[[Wish, str], Fitted]


def fit_one(wish: Wish, device: str) -> Fitted:
    """Fit one device, unless the same was fitted before, and keep nothing: the task of a worker."""
    prior_card = None if wish.card is None else card_from_dict(wish.card)
    try:
        with Store.open(wish.database) as store:
            data = fitting(load_device(store, device, with_excluded=wish.with_excluded))
            request = request_of(store, data, prior_card, wish.options)
            if not wish.again and kept_fit(store, device, request) is not None:
                return Fitted(device, request=request)
        result = fit_data(data, prior_card, wish.options)
        return Fitted(device, result.to_dict(), tuple(run.id for run in data.runs), request)
    except LabbenchError as error:
        return Fitted(device, fault=str(error))


def fit_devices(
    wish: Wish,
    devices: Sequence[str],
    *,
    workers: int = 0,
    scheduler: str | None = None,
    on_progress: Callable[[FitReport], None] = lambda report: None,
    task: Task = fit_one,
) -> FitReport:
    """Fit devices, and keep each result as it comes; one that fails does not stop the others.

    A single one is fitted in this process, on all cores; several each on one core. Whatever ends
    this early, such as Ctrl-C, ends the worker processes too; what came before is kept.

    Parameters
    ----------
    wish : Wish
        A file that is named by a relative path is sent to a scheduler's workers by its whole path.
    devices : sequence of str
    workers : int, optional
        Processes on this computer; as many as cores, if not given.
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
    report, chosen = FitReport(), list(dict.fromkeys(devices))
    if scheduler is not None:
        came = _on_cluster(_from_anywhere(wish), chosen, scheduler, task)
    elif len(chosen) == 1:
        came = (task(wish, device) for device in chosen)
    else:
        came = _locally(wish, chosen, workers or os.cpu_count() or 1, task)
    # Closed at once, not when the last traceback that knows of it is gone.
    with closing(came), Store.open(wish.database) as store:
        for fitted in came:
            _keep(store, fitted, wish.again, report)
            on_progress(report)
    return report


def _from_anywhere(wish: Wish) -> Wish:
    """Return a wish with the whole path of its file: a worker stands in a folder of its own."""
    if "://" in wish.database:
        return wish
    return replace(wish, database=str(Path(wish.database).resolve()))


def _keep(store: Store, fitted: Fitted, again: bool, report: FitReport) -> None:
    """Write one result, unless the same is there: a scheduler may have had it made twice."""
    device = fitted.device
    if fitted.fault:
        report.faults[device] = fitted.fault
        return
    if fitted.document is None or device in report.kept:
        report.known.append(device)
        return
    if not again and kept_fit(store, device, fitted.request) is not None:
        report.known.append(device)
        return
    result = FitResult.from_dict(fitted.document)
    keep_fit(store, fitted.run_ids, result, fitted.request)
    report.kept.append(device)


def _locally(
    wish: Wish, devices: Sequence[str], workers: int, task: Task
) -> Generator[Fitted, None, None]:
    """Yield results from processes of this computer; a killed one costs a repeat of what it had."""
    left = dict.fromkeys(devices, 0)
    while left:
        for fitted in _one_pool(wish, list(left), workers, task):
            left.pop(fitted.device)
            yield fitted
        for device in list(left):
            left[device] += 1
            if left[device] >= TRIES:
                left.pop(device)
                yield Fitted(device, fault="its worker was killed, again and again")


def _one_pool(
    wish: Wish, devices: Sequence[str], workers: int, task: Task
) -> Generator[Fitted, None, None]:
    """Yield results until all are there, or a killed process takes the others with it."""
    # Not forked: a fork copies the threads of a compiled loop half.
    context = get_context("spawn")
    # Workers hold its other end, and end themselves when this one is gone, with us or before.
    held, lifeline = context.Pipe(duplex=False)
    ours: set[BaseProcess] = set()
    pool = ProcessPoolExecutor(workers, context, initializer=_be_a_worker, initargs=(held,))
    try:
        with _ctrl_c_waits():
            others = set(active_children())
            futures = {pool.submit(task, wish, device): device for device in devices}
            ours = set(active_children()) - others
        for future in as_completed(futures):
            error = future.exception()
            if error is None:
                yield future.result()
            elif not isinstance(error, BrokenProcessPool):
                yield Fitted(futures[future], fault=_failed(error))
        pool.shutdown()
    except BrokenProcessPool:
        return  # before all were handed out
    except BaseException:
        # Nobody waits for fits of minutes that nobody will keep; workers only read.
        for process in ours:
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        lifeline.close()
        held.close()


@contextmanager
def _ctrl_c_waits() -> Iterator[None]:
    """Hold Ctrl-C back, also from the processes that begin here: none is left half begun."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _failed(error: BaseException | None) -> str:
    return f"its fit failed: {type(error).__name__}: {error}"


def _be_a_worker(lifeline: Connection) -> None:
    """Use one core, leave Ctrl-C to the parent, and do not outlive it."""
    # A terminal sends Ctrl-C to all processes; it is the parent's to say what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    _one_thread()


def _end_with(lifeline: Connection) -> None:
    """End this process when the other end of a pipe is closed, by whatever."""
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


def _one_thread() -> None:
    """Let each process use one core: there are as many processes as cores."""
    import numba

    numba.set_num_threads(1)


def _alone(task: Task, wish: Wish, device: str) -> Fitted:
    _one_thread()
    return task(wish, device)


def _on_cluster(
    wish: Wish, devices: Sequence[str], scheduler: str, task: Task
) -> Generator[Fitted, None, None]:
    """Yield results from the workers of a scheduler, which repeats what a lost worker had."""
    try:
        from distributed import Client
        from distributed import as_completed as as_they_come
    except ImportError as error:
        raise SettingError(
            "Workers of dask need dask.distributed: install labbench with `.[scale]`."
        ) from error
    try:
        client = Client(scheduler, timeout=PATIENCE_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingError(f"No dask scheduler answers at {scheduler!r}: {error}.") from error
    with client:
        # Not pure by its arguments alone: the data behind a name may have grown.
        batch = sha256(os.urandom(16)).hexdigest()[:12]
        futures = {
            client.submit(
                _alone,
                task,
                wish,
                device,
                key=f"fit-{batch}-{device}",
                pure=False,
                retries=TRIES,
            ): device
            for device in devices
        }
        for future in as_they_come(futures):
            if future.status == "finished":
                yield future.result()
            else:
                yield Fitted(futures[future], fault=_failed(future.exception()))
            future.release()
