"""What is read from the store (and a pulse that is written): plain frozen records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
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
class DeviceRecord:
    """A device and where it is.

    Attributes
    ----------
    kind : str
        "neuron", "memristor", "transistor" or "resistor".
    geometry : mapping or None
        What is known of its shape, by name with the SI unit as suffix.
    wafer, x, y : str, int, int or None
        Label of its wafer, and its die; None where nobody said.
    """

    id: int
    name: str
    kind: str
    created_at: datetime
    die_id: int | None = None
    geometry: Document | None = None
    wafer: str | None = None
    x: int | None = None
    y: int | None = None


@dataclass(frozen=True)
class WaferRecord:
    """A wafer; `material` is None where nobody said."""

    id: int
    label: str
    material: str | None
    notes: str
    created_at: datetime


@dataclass(frozen=True)
class DieRecord:
    """A die: its wafer by label, and its place on it, counted in dies."""

    id: int
    wafer: str
    x: int
    y: int


@dataclass(frozen=True)
class JournalRecord:
    """What somebody said about a run, a device or a wafer.

    Attributes
    ----------
    kind : str
        "note", "tag", "untag", "exclude" or "include".
    run_id, device, wafer : int, str, str or None
        What it is about: one of them.
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
    """An instrument as it was set in a session.

    Attributes
    ----------
    vendor, model, serial, firmware : str or None
        The parts of `idn`; None in recordings older than they.
    calibrated_at, calibration_due : date or None
        As the bench file says.
    """

    role: str
    resource: str
    driver: str
    idn: str
    settings: Document
    taken_at: datetime
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    firmware: str | None = None
    calibrated_at: date | None = None
    calibration_due: date | None = None


@dataclass(frozen=True)
class SessionRecord:
    """Who measured, where, with which programme, bench and instruments.

    Attributes
    ----------
    git_commit, git_dirty : str, bool or None
        The commit of the programme, and whether it had changes that were not committed; None if
        it did not run from a repository.
    ended_at : datetime or None
        None while it goes on, and where nobody could note it: a killed process.
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
    ended_at: datetime | None
    git_dirty: bool | None
    instruments: tuple[InstrumentRecord, ...]


@dataclass(frozen=True)
class RunRecord:
    """One execution of a procedure on one device.

    Attributes
    ----------
    state : str
        "planned", "running", "finished", "aborted", "failed" or "interrupted".
    source_sha256 : str or None
        Of the imported file, if the run was not measured here; its text is `Store.source`.
    procedure_sha256 : str or None
        Of the procedure as it ran, see `NeuronProcedure.source_sha256`; None of an imported run.
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
    source_sha256: str | None
    procedure_sha256: str | None = None
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
    """A fit: the card it made, its status and result, and the runs that went in.

    `labbench_version` and `git_commit` (ending in "-dirty" if there were changes that were not
    committed) say which programme fitted; None of fits older than that.
    """

    id: int
    card_id: int
    status: str
    document: Document
    dataset_sha256: str
    run_ids: tuple[int, ...]
    created_at: datetime
    labbench_version: str | None = None
    git_commit: str | None = None


@dataclass(frozen=True)
class ComparisonRecord:
    """A device laid beside a card."""

    id: int
    device: str
    card_id: int
    document: Document
    created_at: datetime


@dataclass(frozen=True)
class SweepRecord:
    """A sweep over a wafer.

    Attributes
    ----------
    wafer : str
        Its label.
    plan : mapping
        The whole plan, JSON-ready.
    owner : mapping or None
        Host, pid and token of the process that works through it; None if none does.
    """

    id: int
    wafer: str
    name: str
    plan: Document
    plan_sha256: str
    owner: Document | None
    created_at: datetime


@dataclass(frozen=True)
class PointRecord:
    """One procedure on one device of a sweep.

    Attributes
    ----------
    ordinal, attempt : int
        Place in the sweep, and which try at it, both from zero.
    state : str
        "planned", "moving", "applying", "recorded", "failed", "skipped" or "interrupted".
    run_id : int or None
        The run that it became.
    note : str
        Why it is as it is, for people.
    """

    id: int
    sweep_id: int
    ordinal: int
    attempt: int
    device_id: int
    device: str
    procedure: str
    settings: Document
    state: str
    run_id: int | None
    note: str
    changed_at: datetime
