"""The store: one lab database, opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from labbench.features import Feature, Response
from labbench.model.card import ModelCard
from labbench.store import provenance, responses, schema, write
from labbench.store.engine import file_path, make_engine, prepare_file, remove_file, writing
from labbench.store.migrate import require_newest
from labbench.store.reader import Reader
from labbench.store.records import PulseRow


class Store(Reader):
    """A lab database: what `Reader` finds, and recording.

    Every method that writes does so in one transaction: what it returned from is kept, even if
    the process is killed, and of what raised there is nothing. Several processes may read while
    one writes.
    """

    @classmethod
    def open(cls, path_or_url: str | Path, create: bool = False, durable: bool = True) -> Store:
        """Open a lab database.

        Parameters
        ----------
        path_or_url : str or Path
            A file, or ``sqlite:///FILE``.
        create : bool, optional
            Whether a file that is not there is made.
        durable : bool, optional
            Whether every commit waits for the disk. Without, a power loss (not a killed process)
            may cost the last commits: good enough for simulations.

        Raises
        ------
        StoreError
            If there is no usable database; nothing is left behind or changed then.
        NewerSchemaError
            If it was written by a newer labbench.
        """
        path = file_path(path_or_url)
        created = prepare_file(path, create)
        engine = make_engine(path, durable)
        try:
            require_newest(engine, create)
        except BaseException:
            engine.dispose()
            if created:
                remove_file(path)
            raise
        return cls(path, engine)

    def close(self) -> None:
        """Close the database; the last one to close it tidies up the files beside it."""
        self.engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Recording

    def add_device(self, name: str, kind: str) -> int:
        """Return the id of a device, adding it if it is new.

        Parameters
        ----------
        name : str
        kind : {"neuron", "memristor", "transistor", "resistor"}
            A device cannot change its kind.
        """
        with writing(self.engine) as connection:
            return write.add_device(connection, name, kind)

    def begin_session(
        self, config: Mapping[str, object], simulated: bool, operator: str | None = None
    ) -> int:
        """Begin a session at a bench; programme, computer and time are noted by themselves.

        Parameters
        ----------
        config : mapping
            The bench description, JSON-ready.
        simulated : bool
        operator : str, optional
            Whoever is logged in, if not given.
        """
        programme = provenance.programme()
        name = provenance.user() if operator is None else operator
        with writing(self.engine) as connection:
            return write.add_session(connection, config, simulated, name, programme)

    def add_instrument_state(
        self,
        session_id: int,
        role: str,
        resource: str,
        driver: str,
        idn: str,
        settings: Mapping[str, object],
    ) -> int:
        """Note which instrument fills a role in a session, and how it is set now."""
        with writing(self.engine) as connection:
            return write.add_row(
                connection,
                schema.instrument_state,
                session_id=int(session_id),
                role=role,
                resource=resource,
                driver=driver,
                idn=idn,
                settings=settings,
                taken_at=write.now(),
            )

    def begin_run(
        self,
        session_id: int,
        device_id: int,
        procedure: str,
        version: str,
        settings: Mapping[str, object],
        seed: int | None,
        source: str | None = None,
    ) -> int:
        """Begin a run; it is running until `end_run`.

        Parameters
        ----------
        session_id, device_id : int
        procedure, version : str
            The stable name and version of the procedure, not an import path.
        settings : mapping
            All settings of the procedure, JSON-ready.
        seed : int or None
            Fits in 64 bits.
        source : str, optional
            The text of the imported file, if the run is not measured here.
        """
        with writing(self.engine) as connection:
            return write.begin_run(
                connection, session_id, device_id, procedure, version, settings, seed, source
            )

    def add_compliance_check(
        self,
        run_id: int,
        role: str,
        unit: str,
        requested: float,
        sent: str,
        read_back: float | None,
        in_compliance: bool | None,
    ) -> int:
        """Note what became of a compliance during a run.

        Parameters
        ----------
        run_id : int
        role : str
            Of the source.
        unit : str
            "A" for the limit of a voltage, "V" for that of a current.
        requested : float
        sent : str
            The number as the instrument was given it.
        read_back : float or None
            What it said afterwards; None where it cannot be asked.
        in_compliance : bool or None
            Whether the limit was seen to act; None where nothing was measured.
        """
        with writing(self.engine) as connection:
            return write.add_row(
                connection,
                schema.compliance_check,
                run_id=int(run_id),
                role=role,
                unit=unit,
                requested=requested,
                sent=sent,
                read_back=read_back,
                in_compliance=in_compliance,
                taken_at=write.now(),
            )

    def save_response(
        self, run_id: int, ordinal: int, response: Response, pulses: Sequence[PulseRow] = ()
    ) -> int:
        """Save a stimulus with all that came back, and return its id.

        Parameters
        ----------
        run_id : int
            Of a running run.
        ordinal : int
            Place of the stimulus in its run, from zero; each only once.
        response : Response
            Its samples (int8, int16, float64) are kept bit by bit.
        pulses : sequence of PulseRow, optional
            One for each pulse of a train.
        """
        packed = responses.pack(response)
        with writing(self.engine) as connection:
            return responses.save(connection, run_id, ordinal, response, packed, pulses)

    def end_run(self, run_id: int, state: str, error: str | None = None) -> None:
        """End a running run as "finished", "aborted", "failed" or "interrupted"."""
        with writing(self.engine) as connection:
            write.end_run(connection, run_id, state, error)

    # Results

    def save_features(
        self, run_id: int, property: str, features: Sequence[Feature], algorithm: str, version: str
    ) -> None:
        """Save the features of a property, in place of earlier ones by the same algorithm.

        Parameters
        ----------
        run_id : int
        property : str
            Such as "refractory_period".
        features : sequence of Feature
            Each with a label of its own; NaN is kept.
        algorithm, version : str
            What drew them from the responses.
        """
        with writing(self.engine) as connection:
            write.save_features(connection, run_id, property, features, algorithm, version)

    def save_card(self, card: ModelCard) -> int:
        """Save a model card and return its id; the same card is kept only once."""
        with writing(self.engine) as connection:
            return write.save_card(connection, card)

    def save_fit(
        self,
        card_id: int,
        run_ids: Sequence[int],
        status: str,
        document: Mapping[str, object],
        dataset_sha256: str,
    ) -> int:
        """Save the result of a fit and return its id.

        Parameters
        ----------
        card_id : int
            The card that the fit made.
        run_ids : sequence of int
            The runs that went in, at least one.
        status : str
            How it ended, such as "converged".
        document : mapping
            The whole result, JSON-ready.
        dataset_sha256 : str
            From `dataset_sha256`, when the data were read.
        """
        with writing(self.engine) as connection:
            return write.save_fit(connection, card_id, run_ids, status, document, dataset_sha256)

    def save_comparison(self, device_id: int, card_id: int, document: Mapping[str, object]) -> int:
        """Save a scorecard of a device beside a card and return its id."""
        with writing(self.engine) as connection:
            return write.add_row(
                connection,
                schema.comparison,
                device_id=int(device_id),
                model_card_id=int(card_id),
                document=document,
                created_at=write.now(),
            )
