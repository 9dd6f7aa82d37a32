"""What can be found in a lab database."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from labbench.errors import StoreError
from labbench.features import Response
from labbench.store import frames, journal, ledger, read, responses
from labbench.store.engine import is_file, name_of, reading
from labbench.store.preview import Preview
from labbench.store.process import Process, is_gone
from labbench.store.records import (
    CardRecord,
    ComparisonRecord,
    ComplianceRecord,
    DeviceRecord,
    DieRecord,
    DoseRecord,
    FeatureRecord,
    FitRecord,
    JournalRecord,
    RunRecord,
    SessionRecord,
    WaferRecord,
)

if TYPE_CHECKING:
    import pandas as pd


class Reader:
    """The half of a `Store` that changes nothing.

    Whatever goes wrong raises a StoreError; asking for what is not there raises a NotFoundError
    that names what is.

    Attributes
    ----------
    name : str
        The path, or the URL without its password.
    engine : Engine
        For this room only.
    """

    def __init__(self, engine: Engine) -> None:
        self.name = name_of(engine)
        self.engine = engine

    @property
    def path(self) -> Path:
        """The file; a database on a server has none, and raises a StoreError."""
        if not is_file(self.engine):
            raise StoreError(f"The database {self.name} is on a server, and this needs a file.")
        return Path(self.name)

    def devices(self) -> list[DeviceRecord]:
        """Return all devices, by name."""
        with reading(self.engine) as connection:
            return read.devices(connection)

    def wafers(self) -> list[WaferRecord]:
        """Return all wafers, by label."""
        with reading(self.engine) as connection:
            return read.wafers(connection)

    def dies(self, wafer: str) -> list[DieRecord]:
        """Return the dies of a wafer, row by row."""
        with reading(self.engine) as connection:
            return read.dies(connection, wafer)

    def journal(
        self, *, run: int | None = None, device: str | None = None, wafer: str | None = None
    ) -> list[JournalRecord]:
        """Return what was said of a run, a device or a wafer, or of all, oldest first."""
        is_all = run is None and device is None and wafer is None
        subject = None if is_all else journal.subject_of(run, device, wafer)
        with reading(self.engine) as connection:
            return journal.entries(connection, subject)

    def tags(
        self, *, run: int | None = None, device: str | None = None, wafer: str | None = None
    ) -> tuple[str, ...]:
        """Return the tags that a run, a device or a wafer has now."""
        with reading(self.engine) as connection:
            return journal.tags(connection, journal.subject_of(run, device, wafer))

    def session(self, session_id: int) -> SessionRecord:
        """Return a session with its instruments."""
        with reading(self.engine) as connection:
            return read.session(connection, session_id)

    def runs(
        self, device: str | None = None, procedure: str | None = None, state: str | None = None
    ) -> list[RunRecord]:
        """Return the runs of a device, procedure and state (any, where not given), oldest first."""
        with reading(self.engine) as connection:
            return read.runs(connection, device, procedure, state)

    def abandoned_runs(self) -> list[RunRecord]:
        """Return the running runs whose process has certainly ended, oldest first.

        Not those of other computers, nor of a labbench that did not note its processes.
        """
        with reading(self.engine) as connection:
            found = read.runs(connection, None, None, "running")
            owners = read.owners(connection, [run.id for run in found])
        return [run for run in found if run.id in owners and is_gone(owners[run.id])]

    def run_owner(self, run_id: int) -> Process | None:
        """Return the process that started a run; None if that was not noted."""
        with reading(self.engine) as connection:
            read.run_row(connection, run_id)
            return read.owners(connection, [run_id]).get(run_id)

    def dose(self, device: str, run_id: int | None = None) -> DoseRecord:
        """Return all that was ever applied to a device, or what was in one run."""
        with reading(self.engine) as connection:
            return ledger.total(connection, device, run_id)

    def budget(self, device: str) -> dict[str, float]:
        """Return what a device may take in all its life, by quantity; what is not bounded is not.

        The quantities are fields of a `DoseRecord`.
        """
        with reading(self.engine) as connection:
            return ledger.budget(connection, device)

    def compliance_checks(self, run_id: int) -> list[ComplianceRecord]:
        """Return what became of the compliances of a run, in the order of their setting."""
        with reading(self.engine) as connection:
            read.run_row(connection, run_id)
            return read.compliance_checks(connection, run_id)

    def source(self, run_id: int) -> str | None:
        """Return the text of the file that a run was imported from, None if it was measured."""
        with reading(self.engine) as connection:
            source: str | None = read.run_row(connection, run_id)["source"]
            return source

    def responses(self, run_id: int) -> list[Response]:
        """Return the responses of a run in the order of their stimuli, exactly as saved.

        Raises
        ------
        StoreError
            If samples are damaged: every waveform is checked against its checksum.
        """
        with reading(self.engine) as connection:
            read.run_row(connection, run_id)
            return responses.read(connection, run_id)

    def preview(self, run_id: int, ordinal: int, channel: str) -> Preview | None:
        """Return a picture of a long waveform, without reading its samples.

        None where there is none: the waveform is short or not evenly sampled, was recorded by a
        labbench that made no pictures, or is not there.
        """
        with reading(self.engine) as connection:
            return responses.preview(connection, run_id, ordinal, channel)

    def pulses(self, run_id: int) -> pd.DataFrame:
        """Return one row a pulse: ordinal of its stimulus, index, `PulseRow` fields."""
        with reading(self.engine) as connection:
            return frames.pulses(connection, run_id)

    def features(self, device: str | None = None, run_id: int | None = None) -> list[FeatureRecord]:
        """Return the features of a device or run (any, where not given), oldest first."""
        with reading(self.engine) as connection:
            return read.features(connection, device, run_id)

    def features_frame(self, device: str | None = None, run_id: int | None = None) -> pd.DataFrame:
        """Return one row a feature, with a column for each condition that occurs."""
        return frames.features(self.features(device, run_id))

    def cards(self) -> list[CardRecord]:
        """Return all model cards, oldest first."""
        with reading(self.engine) as connection:
            return read.cards(connection)

    def card(self, name_or_id: str | int) -> CardRecord:
        """Return a model card by its id, or the newest one of a name."""
        with reading(self.engine) as connection:
            return read.card(connection, name_or_id)

    def latest_fit(self, device: str) -> FitRecord:
        """Return the newest fit that runs of a device went into."""
        with reading(self.engine) as connection:
            return read.latest_fit(connection, device)

    def latest_comparison(self, device: str) -> ComparisonRecord:
        """Return the newest comparison of a device."""
        with reading(self.engine) as connection:
            return read.latest_comparison(connection, device)

    def dataset_sha256(self, run_ids: Sequence[int]) -> str:
        """Return a hash of what a fit sees of some runs, in any order.

        It depends on settings, stimuli and samples only, not on ids, times or the database.
        """
        digests = []
        for run_id in {int(run_id) for run_id in run_ids}:
            with reading(self.engine) as connection:
                settings = read.run_row(connection, run_id)["settings"]
                found = responses.read(connection, run_id)
            digests.append(responses.digest(settings, found))
        return sha256("".join(sorted(digests)).encode()).hexdigest()
