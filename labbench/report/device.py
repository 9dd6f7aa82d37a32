"""From a device's recordings in the store to comparison and report."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbench import __version__
from labbench.compare import (
    Scorecard,
    compare_responses,
    energy_of,
    energy_per_spike,
    inferred_energy,
    inferred_rows,
    play_again,
)
from labbench.errors import FitError, NotFoundError
from labbench.features import PROPERTIES, Feature, Response
from labbench.fit import FitResult
from labbench.model import Loading, ModelCard
from labbench.report.page import write_report
from labbench.report.scorecard import scorecard_of
from labbench.store import RunRecord, SessionRecord, Store
from procedures import PROCEDURES

# What recordings of other tools say; our own procedures name their properties themselves.
IMPORTED = {
    "imported_sweep": ("volatile_switching",),
    "imported_pulse": ("pulse_switching", "relaxation"),
}
# A simulated answer costs up to a second where a slow sweep meets fast jumps.
MOST_SIMULATED = {"imported_sweep": 10}


@dataclass(frozen=True, eq=False)
class DeviceData:
    """What is recorded of one device.

    Attributes
    ----------
    name, kind : str
    runs : tuple of RunRecord
        Those that are used: finished ones with a property that is understood.
    responses : mapping of run id to responses
    loading : Loading
        The probe on the output.
    """

    name: str
    kind: str
    runs: tuple[RunRecord, ...]
    responses: Mapping[int, Sequence[Response]]
    loading: Loading

    def all_responses(self) -> list[Response]:
        """Return the responses of all runs."""
        return [response for run in self.runs for response in self.responses[run.id]]

    def measured(self) -> dict[str, list[Response]]:
        """Return the responses by property, those that a simulation can stand beside."""
        grouped: dict[str, list[Response]] = {}
        for run in self.runs:
            for name in properties_of(run.procedure):
                grouped.setdefault(name, []).extend(
                    r for r in self.responses[run.id] if run.procedure in PROCEDURES or _is_up(r)
                )
        return grouped

    def shortened(self) -> dict[str, list[Response]]:
        """Return those to simulate: of what is slow to simulate only the first ones."""
        most = min((MOST_SIMULATED.get(run.procedure, 10**9) for run in self.runs), default=10**9)
        return {name: responses[:most] for name, responses in self.measured().items()}


def load_device(
    store: Store,
    device: str,
    run_ids: Sequence[int] | None = None,
    with_excluded: bool = False,
) -> DeviceData:
    """Load the finished runs of a device, without those that somebody excluded.

    Parameters
    ----------
    store : Store
    device : str
    run_ids : sequence of int, optional
        Only these.
    with_excluded : bool, optional
        Whether excluded runs count too.

    Raises
    ------
    NotFoundError
        If there is no such device, or nothing of it that a fit or a comparison can use.
    """
    found = tuple(
        run
        for run in store.runs(device=device, state="finished")
        if properties_of(run.procedure) and (run_ids is None or run.id in run_ids)
    )
    runs = tuple(run for run in found if with_excluded or run.excluded is None)
    if found and not runs:
        reasons = ", ".join(f"{run.id} ({run.excluded})" for run in found)
        raise NotFoundError(
            f"Device {device!r} has only runs that are excluded, {reasons}: include one again with "
            "`labbench journal add --include`, or ask for excluded ones too."
        )
    if not runs:
        known = ", ".join([*PROCEDURES, *IMPORTED])
        raise NotFoundError(
            f"Device {device!r} has no finished run of {known}: run one, or import a recording."
        )
    kind = next(record.kind for record in store.devices() if record.name == device)
    wiring = store.session(runs[-1].session_id).config.get("wiring", {})
    loading = Loading(
        wiring.get("probe_resistance_ohm", float("inf")), wiring.get("probe_capacitance_f", 0.0)
    )
    return DeviceData(device, kind, runs, {r.id: store.responses(r.id) for r in runs}, loading)


def report_device(
    store: Store,
    data: DeviceData,
    fit: FitResult,
    path: Path | None = None,
    *,
    seed: int = 0,
    truth: ModelCard | None = None,
    fitted: Collection[int] | None = None,
) -> Scorecard:
    """Simulate the recorded stimuli with the fitted card and lay the two side by side.

    Parameters
    ----------
    store : Store
        Keeps the comparison.
    data, fit : DeviceData, FitResult
    path : Path, optional
        Where the HTML page goes, if anywhere.
    seed : int
        Of the simulated trials.
    truth : ModelCard, optional
        Where a simulated bench knows it.
    fitted : collection of int, optional
        Runs that the fit saw: their rows are told from those that are held out.
    """
    if fit.card.circuit != data.kind:
        raise FitError(
            f"{data.name!r} is a {data.kind}; card {fit.card.name!r} is of a {fit.card.circuit}."
        )
    measured = data.measured()
    simulated = play_again(data.shortened(), fit.card, seed=seed, loading=data.loading)
    rows = compare_responses(measured, simulated, seed=seed, fitted=_seen(data, fitted))
    spiking = measured.get("energy_per_spike", [])
    inferred = inferred_energy(fit.card, spiking, seed=seed, loading=data.loading)
    energy = energy_of(fit.card, PROPERTIES["energy_per_spike"][0](spiking), inferred)
    singles = measured.get("threshold_firing", [])
    scorecard = scorecard_of(
        data.name,
        fit,
        (*rows, *inferred_rows("energy_per_spike", inferred)),
        seed=seed,
        energy=energy or energy_per_spike(fit.card, singles, loading=data.loading),
        truth=truth,
    )
    device_id = next(record.id for record in store.devices() if record.name == data.name)
    card_id = store.save_card(fit.card)
    store.save_comparison(device_id, card_id, scorecard.to_dict())
    if path is not None:
        write_report(
            path,
            scorecard=scorecard,
            fit=fit,
            measured=measured,
            simulated=simulated.responses,
            provenance=_provenance(store, data, seed),
            notes=_notes(data),
        )
    return scorecard


def properties_of(procedure: str) -> tuple[str, ...]:
    """Return the properties that a procedure's responses tell of; none if it is not known."""
    if procedure in PROCEDURES:
        return PROCEDURES[procedure].properties
    return IMPORTED.get(procedure, ())


def draw_features(procedure: str, responses: Sequence[Response]) -> dict[str, list[Feature]]:
    """Return the features of each property that a procedure's responses tell of."""
    return {name: PROPERTIES[name][0](responses) for name in properties_of(procedure)}


def save_features(store: Store, run_id: int, drawn: Mapping[str, Sequence[Feature]]) -> None:
    """Keep drawn features with their run."""
    for name, features in drawn.items():
        store.save_features(run_id, name, features, name, PROPERTIES[name][1])


def _seen(data: DeviceData, fitted: Collection[int] | None) -> dict[int, bool] | None:
    """Return for each response whether its run is among those that a fit saw."""
    if fitted is None:
        return None
    return {id(r): run.id in fitted for run in data.runs for r in data.responses[run.id]}


def _is_up(response: Response) -> bool:
    return float(response.trace.values("input").sum()) > 0


def _provenance(store: Store, data: DeviceData, seed: int) -> dict[str, str]:
    session = store.session(data.runs[-1].session_id)
    return {
        "labbench": f"{__version__}, commit {_commit(session)}",
        "recorded": f"by {session.operator} on {session.host}",
        "instruments": "; ".join(f"{i.role}: {i.idn}" for i in session.instruments) or "imported",
        "bench": _bench(session),
        "bench description": f"sha256 {session.config_sha256[:16]}",
        "runs": ", ".join(
            f"{r.id} ({r.procedure} version {r.procedure_version})" for r in data.runs
        ),
        "data": f"sha256 {store.dataset_sha256([run.id for run in data.runs])[:16]}",
        "seed of the simulated trials": str(seed),
    }


def _commit(session: SessionRecord) -> str:
    if session.git_commit is None:
        return "unknown"
    return session.git_commit + (" with changes that were not committed" * bool(session.git_dirty))


def _bench(session: SessionRecord) -> str:
    if session.simulated:
        return "simulated"
    return "a recording of another tool" if session.config.get("imported") else "real"


def _notes(data: DeviceData) -> list[str]:
    seen: dict[str, Any] = {}
    for response in data.all_responses():
        seen.update(dict.fromkeys(response.trace.notes))
    return list(seen)
