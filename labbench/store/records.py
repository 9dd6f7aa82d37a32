"""What is read from the store (and a pulse that is written): plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labbench.features import Feature
from labbench.model.card import ModelCard

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PulseRow:
    """One pulse as applied, and what the device did.

    Attributes
    ----------
    index : int
        Place in its train, from zero.
    start_s, width_s, amplitude_v : float
    fired : bool or None
        None where nobody looked.
    latency_s : float or None
        From the edge to the spike; None without a spike.
    """

    index: int
    start_s: float
    width_s: float
    amplitude_v: float
    fired: bool | None = None
    latency_s: float | None = None


@dataclass(frozen=True)
class WaferRecord:
    """A wafer."""

    id: int
    label: str
    material: str | None
    created_at: datetime


@dataclass(frozen=True)
class DieRecord:
    """A die: its place on its wafer, in columns and rows."""

    id: int
    wafer: str
    x: int
    y: int


@dataclass(frozen=True)
class DeviceRecord:
    """A device.

    Attributes
    ----------
    kind : str
        "neuron", "memristor", "transistor" or "resistor".
    wafer, x, y : optional
        Where it is, if that is known.
    geometry : mapping, optional
        Whatever describes its shape, by names with units.
    """

    id: int
    name: str
    kind: str
    created_at: datetime
    wafer: str | None = None
    x: int | None = None
    y: int | None = None
    geometry: Document | None = None


@dataclass(frozen=True)
class JournalRecord:
    """What somebody said of a run, a device or a wafer.

    Attributes
    ----------
    kind : str
        "note", "tag", "untag", "exclude" or "include".
    run_id, device, wafer : optional
        One of them: what it is about.
    text : str
        The note, the tag, or the reason.
    """

    id: int
    kind: str
    run_id: int | None
    device: str | None
    wafer: str | None
    text: str
    author: str
    created_at: datetime


@dataclass(frozen=True)
class InstrumentRecord:
    """An instrument as it was set in a session."""

    role: str
    resource: str
    driver: str
    idn: str
    settings: Document
    firmware: str | None
    calibration_due: str | None
    taken_at: datetime


@dataclass(frozen=True)
class SessionRecord:
    """Who measured, where, with which programme, bench and instruments.

    Attributes
    ----------
    git_commit : str or None
        Ends in "-dirty" if the programme had changes that were not committed; None if it did not
        run from a repository.
    config : mapping
        The bench description.
    """

    id: int
    operator: str
    host: str
    started_at: datetime
    labbench_version: str
    python_version: str
    package_versions: Mapping[str, str]
    git_commit: str | None
    config: Document
    config_sha256: str
    simulated: bool
    instruments: tuple[InstrumentRecord, ...]


@dataclass(frozen=True)
class RunRecord:
    """One execution of a procedure on one device.

    Attributes
    ----------
    state : str
        "planned", "running", "finished", "aborted", "failed" or "interrupted".
    procedure_sha256 : str or None
        Of the file that the procedure's class is in, as it ran.
    source_sha256 : str or None
        Of the imported file, if the run was not measured here; its text is `Store.source`.
    excluded : str or None
        Why it is left out of fits and comparisons; None if it is not.
    """

    id: int
    session_id: int
    device: str
    procedure: str
    procedure_version: str
    settings: Document
    seed: int | None
    simulated: bool
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None
    procedure_sha256: str | None
    source_sha256: str | None
    excluded: str | None = None


@dataclass(frozen=True)
class FeatureRecord:
    """A feature with the run, property and algorithm that it comes from."""

    run_id: int
    device: str
    property: str
    feature: Feature
    algorithm: str
    algorithm_version: str
    created_at: datetime


@dataclass(frozen=True)
class ComplianceRecord:
    """A compliance: asked for, sent, read back, and whether it was seen to act."""

    run_id: int
    role: str
    unit: str
    requested: float
    sent: str
    read_back: float | None
    in_compliance: bool | None
    taken_at: datetime


@dataclass(frozen=True)
class DoseRecord:
    """What was done to a device in all its life, or in one run.

    Attributes
    ----------
    n_stimuli, n_pulses : int
    peak_v : float
        Largest absolute voltage; zero if there was none.
    at_voltage_s, charge_c, energy_j : float
        Sums: time away from zero, absolute charge, heat. Measured where a current was recorded,
        else the worst case.
    n_measured : int
        Stimuli whose charge and energy were measured.
    n_unknown : int
        Stimuli whose energy nobody knows, imported ones for instance; it is in no sum.
    n_not_recorded : int
        Stimuli that were about to be triggered and whose response was never recorded: each may or
        may not have reached the device, and counts.
    n_in_compliance : int
        Stimuli after which a limit was seen to act.
    """

    device: str
    n_stimuli: int
    n_pulses: int
    peak_v: float
    at_voltage_s: float
    charge_c: float
    energy_j: float
    n_measured: int
    n_unknown: int
    n_not_recorded: int
    n_in_compliance: int


@dataclass(frozen=True)
class CardRecord:
    """A stored model card."""

    id: int
    card: ModelCard
    created_at: datetime


@dataclass(frozen=True)
class FitRecord:
    """A fit: the card it made, its status and result, and the runs that went in."""

    id: int
    card_id: int
    status: str
    document: Document
    dataset_sha256: str
    run_ids: tuple[int, ...]
    labbench_version: str | None
    git_commit: str | None
    created_at: datetime


@dataclass(frozen=True)
class ComparisonRecord:
    """A device laid beside a card."""

    id: int
    device: str
    card_id: int
    document: Document
    created_at: datetime
