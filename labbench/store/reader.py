"""What can be found in a lab database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from sqlalchemy import Engine

from labbench.errors import StoreError
from labbench.features import Response
from labbench.store import find, frames, journal, ledger, places, preview, read, responses
from labbench.store.engine import is_file, name_of, reading
from labbench.store.filters import Filters, Moment, RunFilter, Wanted
from labbench.store.journal import Subject
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
from labbench.store.summary import RunList
from labbench.store.waveforms import WaveformRecord

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

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

    def device(self, device_id: int) -> DeviceRecord:
        """Return a device by its id."""
        with reading(self.engine) as connection:
            return read.device(connection, device_id)

    def session(self, session_id: int) -> SessionRecord:
        """Return a session with its instruments."""
        with reading(self.engine) as connection:
            return read.session(connection, session_id)

    def run(self, run_id: int) -> RunRecord:
        """Return one run."""
        with reading(self.engine) as connection:
            return read.run(connection, run_id)

    def runs(
        self, device: str | None = None, procedure: str | None = None, state: str | None = None
    ) -> list[RunRecord]:
        """Return the runs of a device, procedure and state (any, where not given), oldest first."""
        with reading(self.engine) as connection:
            return read.runs(connection, device, procedure, state)

    def find_runs(
        self,
        *,
        wafer: str | None = None,
        die: tuple[int, int] | None = None,
        device: str | None = None,
        procedure: str | None = None,
        state: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        tag: str | None = None,
        setting: Mapping[str, Wanted] | None = None,
        session: int | None = None,
        excluded: bool | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> RunList:
        """Return what is known of the runs for which all holds that is given, opening none.

        Parameters
        ----------
        wafer, device, procedure : str, optional
        die : (int, int), optional
            Its place on a wafer.
        state : str, optional
            "planned", "running", "finished", "aborted", "failed" or "interrupted".
        since, until : datetime, date or str, optional
            Started at that moment or later, and before that moment; text such as "2026-01-31" or
            "2026-01-31T12:00". In the time zone of this computer, if none is given.
        tag : str, optional
            That the run, its device or its wafer bears now.
        setting : mapping of str to value or (low, high), optional
            By name; both ends belong to a range, and None leaves it open.
        session : int, optional
        excluded : bool, optional
            Whether it is left out of fits and comparisons.
        limit : int, optional
            At most so many.
        newest_first : bool, optional
            The oldest come first otherwise.

        Returns
        -------
        RunList
            A tuple of `RunSummary`.

        Raises
        ------
        NotFoundError
            If there is no such device, procedure, tag, ... at all. Where each is there, but no run
            with all of them, no runs are found.
        """
        wanted = RunFilter(
            wafer=wafer,
            die=die,
            device=device,
            procedure=procedure,
            state=state,
            since=since,
            until=until,
            tag=tag,
            setting=setting,
            session=session,
            excluded=excluded,
        )
        with reading(self.engine) as connection:
            return find.runs(connection, wanted, limit, newest_first)

    def runs_frame(
        self, *, limit: int | None = None, newest_first: bool = False, **filters: Unpack[Filters]
    ) -> pd.DataFrame:
        """Return the runs of `find_runs` as a DataFrame, one row a run."""
        with reading(self.engine) as connection:
            found = find.runs(connection, RunFilter(**filters), limit, newest_first)
        return frames.runs(found)

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

    def preview(self, run_id: int, ordinal: int, channel: str) -> Preview:
        """Return what a plot of a whole waveform needs, without reading all of a long one.

        Parameters
        ----------
        run_id : int
        ordinal : int
            Place of the stimulus in its run, from zero.
        channel : str
        """
        with reading(self.engine) as connection:
            read.run_row(connection, run_id)
            return preview.read(connection, run_id, ordinal, channel)

    def preview_of(self, waveform_id: int) -> Preview:
        """Return the `preview` of a waveform by its id, which messages and exports name."""
        with reading(self.engine) as connection:
            return preview.read(connection, **preview.place_of(connection, waveform_id))

    def wafers(self) -> list[WaferRecord]:
        """Return all wafers, by label."""
        with reading(self.engine) as connection:
            return places.wafers(connection)

    def dies(self, wafer: str | None = None) -> list[DieRecord]:
        """Return the dies of a wafer, or all; by wafer, y and x."""
        with reading(self.engine) as connection:
            return places.dies(connection, wafer)

    def journal(
        self, *, run: int | None = None, device: str | None = None, wafer: str | None = None
    ) -> list[JournalRecord]:
        """Return what was said about a run, a device or a wafer, or about all; oldest first."""
        with reading(self.engine) as connection:
            return journal.entries(connection, Subject(run, device, wafer))

    def tags(
        self, *, run: int | None = None, device: str | None = None, wafer: str | None = None
    ) -> list[str]:
        """Return the tags that a run, a device or a wafer has now, in alphabetical order."""
        with reading(self.engine) as connection:
            return journal.tags(connection, Subject(run, device, wafer))

    def waveform(self, run_id: int, ordinal: int, channel: str) -> WaveformRecord:
        """Return what one channel recorded of one response, as arrays with units.

        Parameters
        ----------
        run_id, ordinal : int
            Which run, and which of its responses, from zero.
        channel : str
            Such as "output".

        Raises
        ------
        StoreError
            If its samples are damaged.
        """
        with reading(self.engine) as connection:
            trace = responses.read_channel(connection, run_id, ordinal, channel)
        return WaveformRecord(int(run_id), int(ordinal), channel, trace)

    def pulses(self, run_id: int) -> pd.DataFrame:
        """Return one row a pulse: ordinal of its stimulus, index, `PulseRow` fields."""
        with reading(self.engine) as connection:
            return frames.pulses(connection, run_id)

    def features(self, device: str | None = None, run_id: int | None = None) -> list[FeatureRecord]:
        """Return the features of a device or run (any, where not given), oldest first."""
        with reading(self.engine) as connection:
            return read.features(connection, device, run_id)

    def features_frame(
        self, *, property: str | None = None, name: str | None = None, **filters: Unpack[Filters]
    ) -> pd.DataFrame:
        """Return one row a feature, with a column for each condition that occurs.

        Parameters
        ----------
        property, name : str, optional
            Of the feature.
        **filters
            Of its run, as in `find_runs`, or `run_id`.
        """
        wanted = RunFilter(**filters)
        with reading(self.engine) as connection:
            return frames.features(connection, wanted, {"property": property, "name": name})

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
                specs = responses.specs(connection, run_id)
            digests.append(responses.digest(settings, found, specs))
        return sha256("".join(sorted(digests)).encode()).hexdigest()
