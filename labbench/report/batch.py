"""Many devices fitted in parallel, each once for the same data, card and options."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numba

from labbench.errors import LabbenchError
from labbench.fit import FitOptions, FitResult
from labbench.model import ModelCard, card_from_dict
from labbench.report.device import DeviceData, load_device
from labbench.report.fits import fit_data, fitting, keep_fit, kept_fit, request_of
from labbench.store import Store

Fit = FitResult | LabbenchError


def fit_devices(
    database: str,
    devices: Sequence[str],
    *,
    prior_card: ModelCard | None = None,
    options: FitOptions | None = None,
    again: bool = False,
    jobs: int | None = None,
    with_excluded: bool = False,
) -> dict[str, Fit]:
    """Fit devices of a database, and keep what was not fitted before.

    A single one is fitted here, on all cores; several each on one core, in processes of their
    own. What one of them is refused for is its value: the others go on.

    Parameters
    ----------
    database : str
    devices : sequence of str
    prior_card : ModelCard, optional
    options : FitOptions, optional
    again : bool
        Fit even if the latest fit is of the same data, card and options.
    jobs : int, optional
        Processes; as many as there are cores by default.
    with_excluded : bool
    """
    found: dict[str, Fit] = {}
    waiting: dict[str, tuple[DeviceData, str]] = {}
    with Store.open(database) as store:
        for name in dict.fromkeys(devices):
            try:
                data = fitting(load_device(store, name, with_excluded=with_excluded))
                request = request_of(store, data, prior_card, options)
            except LabbenchError as error:
                found[name] = error
                continue
            kept = None if again else kept_fit(store, name, request)
            if kept is None:
                waiting[name] = data, request
            else:
                found[name] = kept
        wanted = {name: data for name, (data, _) in waiting.items()}
        for name, fit in _fits(database, wanted, prior_card, options, jobs):
            if isinstance(fit, FitResult):
                data, request = waiting[name]
                keep_fit(store, data, fit, request)
            found[name] = fit
    return {name: found[name] for name in dict.fromkeys(devices)}


def _fits(
    database: str,
    wanted: Mapping[str, DeviceData],
    prior_card: ModelCard | None,
    options: FitOptions | None,
    jobs: int | None,
) -> Iterator[tuple[str, Fit]]:
    """Yield the fit of each device, or why it has none."""
    processes = min(jobs or os.cpu_count() or 1, len(wanted))
    if processes < 2:
        for name, data in wanted.items():
            try:
                yield name, fit_data(data, prior_card, options)
            except LabbenchError as error:
                yield name, error
        return
    card = None if prior_card is None else prior_card.to_dict()
    # Spawned: threads of the integrator do not survive a fork.
    with ProcessPoolExecutor(processes, get_context("spawn"), numba.set_num_threads, (1,)) as pool:
        futures = {
            name: pool.submit(_fit_alone, database, name, [r.id for r in data.runs], card, options)
            for name, data in wanted.items()
        }
        for name, future in futures.items():
            try:
                yield name, FitResult.from_dict(future.result())
            except LabbenchError as error:
                yield name, error


def _fit_alone(
    database: str,
    device: str,
    run_ids: Sequence[int],
    card: Mapping[str, Any] | None,
    options: FitOptions | None,
) -> dict[str, Any]:
    """Return a device's fit as a document, in a process of its own; nothing is kept."""
    with Store.open(database) as store:
        data = load_device(store, device, run_ids, with_excluded=True)
    prior_card = None if card is None else card_from_dict(card)
    return fit_data(data, prior_card, options).to_dict()
