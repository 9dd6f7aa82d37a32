"""Fits of recorded devices: which runs, kept with what they were asked, never made twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from hashlib import sha256

from labbench.errors import FitError, NotFoundError
from labbench.fit import FIT_VERSION, FitOptions, FitResult, fit_memristor, fit_neuron
from labbench.model import ModelCard, read_card
from labbench.report.device import DeviceData
from labbench.store import FitRecord, Store

# Smooth in the parameters, so that a fit may lean on them; the rest shows whether it holds.
FIT_DATA = (
    "step_latency", "identification_steps", "pump_probe", "interval_by_index", "dwell_gap_test",
    "hold_voltage", "relaxation_levels", "off_current", "refractory_period",
)  # fmt: skip
# What stands in for the steps where those were not measured; otherwise it is validation.
SINGLES, STEPS = "threshold_firing", "identification_steps"
PRIOR_CARDS = {"neuron": "b1", "memristor": "memristor"}


def fit_data(
    data: DeviceData, prior_card: ModelCard | None = None, options: FitOptions | None = None
) -> FitResult:
    """Fit all the runs that are given, and keep nothing.

    Raises
    ------
    FitError
        If the kind of device has no fit or none with options, or its data do not allow one.
    """
    prior, name = _prior(data, prior_card), f"{data.name}-fit"
    if data.kind == "neuron":
        responses = data.all_responses()
        return fit_neuron(responses, prior, loading=data.loading, name=name, options=options)
    if options not in (None, FitOptions()):
        raise FitError(
            f"{data.name!r} is a memristor: profiles, bootstrap and other options are of the "
            "neuron's fit only. Fit it without them."
        )
    return fit_memristor(data.all_responses(), prior, name=name)


def fit_device(
    store: Store,
    data: DeviceData,
    prior_card: ModelCard | None = None,
    options: FitOptions | None = None,
    again: bool = False,
) -> FitResult:
    """Fit a device's recordings, and keep card and result in the store.

    Parameters
    ----------
    store : Store
    data : DeviceData
    prior_card : ModelCard, optional
    options : FitOptions, optional
    again : bool
        Fit even if the device's latest fit is of the same data, card and options.

    Raises
    ------
    FitError
        If the kind of device has no fit, or its data do not allow one.
    """
    data = fitting(data)
    request = request_of(store, data, prior_card, options)
    result = None if again else kept_fit(store, data.name, request)
    if result is None:
        result = fit_data(data, prior_card, options)
        keep_fit(store, [run.id for run in data.runs], result, request)
    return result


def _prior(data: DeviceData, prior_card: ModelCard | None) -> ModelCard:
    if data.kind not in PRIOR_CARDS:
        raise FitError(f"A {data.kind} has no model here: {', '.join(PRIOR_CARDS)} have.")
    return prior_card or read_card(PRIOR_CARDS[data.kind])


def fitting(data: DeviceData) -> DeviceData:
    """Return a device with only those runs that a fit takes: what is smooth in the parameters."""
    if data.kind != "neuron":
        return data
    has_steps = any(run.procedure == STEPS for run in data.runs)
    wanted = FIT_DATA if has_steps else (*FIT_DATA, SINGLES)
    return replace(data, runs=tuple(r for r in data.runs if r.procedure in wanted) or data.runs)


def request_of(
    store: Store, data: DeviceData, prior_card: ModelCard | None, options: FitOptions | None
) -> str:
    """Return a hash of all that a fit depends on: data, probe, card with its model, options."""
    prior = _prior(data, prior_card)
    asked = {
        "data": store.dataset_sha256([run.id for run in data.runs]),
        "loading": astuple(data.loading),
        "card": prior.to_dict(),
        "options": (options or FitOptions()).to_dict(),
        "fit": FIT_VERSION,
    }
    return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def kept_fit(store: Store, device: str, request: str) -> FitResult | None:
    """Return the device's latest fit, if that is what is asked for."""
    try:
        record, result = latest_fit(store, device)
    except NotFoundError:
        return None
    return result if record.document.get("request_sha256") == request else None


def keep_fit(store: Store, run_ids: Sequence[int], result: FitResult, request: str) -> None:
    """Keep a fit of some runs, and its card, in the store."""
    store.save_fit(
        store.save_card(result.card),
        run_ids,
        str(result.outcome),
        {**result.to_dict(), "request_sha256": request},
        store.dataset_sha256(run_ids),
    )


def latest_fit(store: Store, device: str) -> tuple[FitRecord, FitResult]:
    """Return the newest fit of a device, as stored and rebuilt."""
    record = store.latest_fit(device)
    return record, FitResult.from_dict(record.document)
