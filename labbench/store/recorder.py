"""What is recorded into a lab database while it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from labbench.features import Response
from labbench.store import ledger, places, planned, provenance, responses, schema, write
from labbench.store.dose import Dose
from labbench.store.engine import writing
from labbench.store.identity import add_instrument, parse_identity
from labbench.store.process import this_process
from labbench.store.reader import Reader
from labbench.store.records import PulseRow


class Recorder(Reader):
    """The half of a `Store` that takes down sessions, runs, responses and doses.

    Each method is one transaction.
    """

    def add_device(
        self,
        name: str,
        kind: str,
        die: int | None = None,
        geometry: Mapping[str, object] | None = None,
    ) -> int:
        """Return the id of a device, adding it if it is new.

        Parameters
        ----------
        name : str
        kind : {"neuron", "memristor", "transistor", "resistor"}
            A device cannot change its kind.
        die : int, optional
            Id of its die, from `add_die`. Said of a known device, it completes what is known; a
            device does not move.
        geometry : mapping, optional
            Its shape, JSON-ready, by name with the SI unit as suffix: ``{"area_m2": 1e-10}``.
        """
        with writing(self.engine) as connection:
            return places.add_device(connection, name, kind, die, geometry)

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

    def end_session(self, session_id: int) -> None:
        """Note that a session is over; it ends once."""
        with writing(self.engine) as connection:
            write.end_session(connection, session_id)

    def add_instrument_state(
        self,
        session_id: int,
        role: str,
        resource: str,
        driver: str,
        idn: str,
        settings: Mapping[str, object],
        calibrated_at: date | None = None,
        calibration_due: date | None = None,
    ) -> int:
        """Note which instrument fills a role in a session, and how it is set now.

        Parameters
        ----------
        session_id : int
        role, resource, driver : str
            As the bench file says.
        idn : str
            What it answers to *IDN?; by its parts the same instrument is known again.
        settings : mapping
        calibrated_at, calibration_due : date, optional
            Where the bench file says so.
        """
        identity = parse_identity(idn)
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
                instrument_id=None if identity is None else add_instrument(connection, identity),
                firmware=None if identity is None else identity.firmware,
                calibrated_at=calibrated_at,
                calibration_due=calibration_due,
            )

    def plan_run(
        self,
        session_id: int,
        device_id: int,
        procedure: str,
        version: str,
        settings: Mapping[str, object],
        seed: int | None,
        source: str | None = None,
        procedure_sha256: str | None = None,
    ) -> int:
        """Plan a run, and return its id; `start_run` starts it.

        Parameters
        ----------
        session_id, device_id : int
        procedure, version : str
            The stable name and version of the procedure, not an import path.
        settings : mapping
            All settings of the procedure, JSON-ready; runs are found by them.
        seed : int or None
            Fits in 64 bits.
        source : str, optional
            The text of the imported file, if the run is not measured here.
        procedure_sha256 : str, optional
            Hash of the procedure's source file, if it is measured here.
        """
        with writing(self.engine) as connection:
            return write.plan_run(
                connection,
                session_id,
                device_id,
                procedure,
                version,
                settings,
                seed,
                source,
                procedure_sha256,
            )

    def plan_runs(
        self,
        session_id: int,
        device_id: int,
        procedure: str,
        version: str,
        settings: Sequence[Mapping[str, object]],
        procedure_sha256: str | None = None,
    ) -> list[int]:
        """Plan a run of a procedure for each of some settings, all or none; return their ids.

        See `plan_run`.
        """
        of_all = (session_id, device_id, procedure, version)
        with writing(self.engine) as connection:
            return [
                write.plan_run(connection, *of_all, each, None, None, procedure_sha256)
                for each in settings
            ]

    def start_run(self, run_id: int, session_id: int | None = None) -> None:
        """Start a planned run; it is running, in this process, until `end_run`.

        Parameters
        ----------
        run_id : int
        session_id : int, optional
            Of whoever starts it, if that is not the session that planned it.
        """
        owner = this_process()
        with writing(self.engine) as connection:
            write.start_run(connection, run_id, owner, session_id)

    def order_planned(self, run_ids: Sequence[int]) -> None:
        """Put planned runs into another order; planned runs are started by ascending number.

        The numbers stay where they are, and what is planned moves between them.

        Parameters
        ----------
        run_ids : sequence of int
            Each planned run that moves, once, in the order that is wanted.
        """
        with writing(self.engine) as connection:
            planned.order(connection, run_ids)

    def remove_planned(self, run_ids: Sequence[int]) -> None:
        """Forget planned runs, all or none; one that was ever started stays for good."""
        with writing(self.engine) as connection:
            planned.remove(connection, run_ids)

    def begin_run(
        self,
        session_id: int,
        device_id: int,
        procedure: str,
        version: str,
        settings: Mapping[str, object],
        seed: int | None,
        source: str | None = None,
        procedure_sha256: str | None = None,
    ) -> int:
        """Plan a run and start it at once; the parameters are those of `plan_run`."""
        owner = this_process()
        with writing(self.engine) as connection:
            run_id = write.plan_run(
                connection,
                session_id,
                device_id,
                procedure,
                version,
                settings,
                seed,
                source,
                procedure_sha256,
            )
            write.start_run(connection, run_id, owner)
            return run_id

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

    def apply_dose(
        self, run_id: int, ordinal: int, dose: Dose, compliance_policy: str | None = None
    ) -> None:
        """Enter a stimulus into the ledger, before it is triggered.

        It counts from now on, as not recorded until `save_response` takes its response.

        Parameters
        ----------
        run_id : int
            Of a running run.
        ordinal : int
            Place of the stimulus in its run, from zero; each only once.
        dose : Dose
            At worst.
        compliance_policy : str, optional
            What will be done if a limit acts.
        """
        with writing(self.engine) as connection:
            ledger.apply(connection, run_id, ordinal, dose, compliance_policy)

    def save_response(
        self,
        run_id: int,
        ordinal: int,
        response: Response,
        pulses: Sequence[PulseRow] = (),
        in_compliance: bool | None = None,
    ) -> int:
        """Save a stimulus with all that came back, and return its id; the ledger has it then.

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
        in_compliance : bool, optional
            Whether a limit was seen to act afterwards; None where nobody looked.
        """
        packed, dose = responses.pack(response), ledger.dose_of(response)
        with writing(self.engine) as connection:
            stimulus_id = responses.save(connection, run_id, ordinal, response, packed, pulses)
            ledger.confirm(connection, run_id, ordinal, dose, in_compliance)
            return stimulus_id

    def end_run(self, run_id: int, state: str, error: str | None = None) -> None:
        """End a running run as "finished", "aborted", "failed" or "interrupted"."""
        with writing(self.engine) as connection:
            write.end_run(connection, run_id, state, error)

    def set_budget(self, device: str, allowed: Mapping[str, float | None]) -> None:
        """Set what a device may take in all its life.

        Parameters
        ----------
        device : str
        allowed : mapping of str to float or None
            By quantity: "n_pulses", "at_voltage_s", "charge_c", "energy_j", "peak_v"; None takes
            a bound away.
        """
        with writing(self.engine) as connection:
            ledger.set_budget(connection, device, allowed)
