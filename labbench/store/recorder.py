"""What is recorded into a lab database while it happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labbench.features import Response
from labbench.store import journal, ledger, provenance, responses, schema, write
from labbench.store.dose import Dose
from labbench.store.engine import writing
from labbench.store.identity import identity_of
from labbench.store.process import this_process
from labbench.store.reader import Reader
from labbench.store.records import PulseRow


class Recorder(Reader):
    """The half of a `Store` that takes down sessions, runs, responses and doses.

    Each method is one transaction.
    """

    def add_wafer(self, label: str, material: str | None = None) -> int:
        """Return the id of a wafer, adding it if it is new."""
        with writing(self.engine) as connection:
            return write.add_wafer(connection, label, material)

    def add_die(self, wafer_id: int, x: int, y: int) -> int:
        """Return the id of the die at a column and row of a wafer, adding it if it is new."""
        with writing(self.engine) as connection:
            return write.add_once(
                connection, schema.die, wafer_id=int(wafer_id), x=int(x), y=int(y)
            )

    def add_device(
        self,
        name: str,
        kind: str,
        die_id: int | None = None,
        geometry: Mapping[str, object] | None = None,
    ) -> int:
        """Return the id of a device, adding it if it is new.

        Parameters
        ----------
        name : str
        kind : {"neuron", "memristor", "transistor", "resistor"}
            A device cannot change its kind.
        die_id : int, optional
            Where it is, from `add_die`; it cannot move.
        geometry : mapping, optional
            Of a new device: its shape, JSON-ready, by names with units.
        """
        with writing(self.engine) as connection:
            return write.add_device(connection, name, kind, die_id, geometry)

    def note(
        self,
        text: str,
        *,
        kind: str = "note",
        run: int | None = None,
        device: str | None = None,
        wafer: str | None = None,
        author: str | None = None,
    ) -> int:
        """Say something of a run, a device or a wafer in the journal, and return its id.

        Parameters
        ----------
        text : str
            The note, the name of the tag, or the reason of an exclusion or inclusion.
        kind : {"note", "tag", "untag", "exclude", "include"}
            An excluded run stays where it is, and fits and comparisons leave it out.
        run, device, wafer : optional
            One of them.
        author : str, optional
            Whoever is logged in, if not given.
        """
        subject = journal.subject_of(run, device, wafer)
        name = provenance.user() if author is None else author
        with writing(self.engine) as connection:
            return journal.add(connection, subject, kind, text, name)

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
        calibration_due: str | None = None,
    ) -> int:
        """Note which instrument fills a role in a session, and how it is set now.

        Parameters
        ----------
        session_id : int
        role, resource, driver : str
        idn : str
            Its answer to ``*IDN?``, whole; the instrument is known again by it.
        settings : mapping
            JSON-ready.
        calibration_due : str, optional
            ISO date.
        """
        vendor, model, serial, firmware = identity_of(idn)
        with writing(self.engine) as connection:
            instrument_id = write.add_once(
                connection, schema.instrument, vendor=vendor, model=model, serial=serial
            )
            return write.add_row(
                connection,
                schema.instrument_state,
                session_id=int(session_id),
                instrument_id=instrument_id,
                firmware=firmware,
                calibration_due=calibration_due,
                role=role,
                resource=resource,
                driver=driver,
                idn=idn,
                settings=settings,
                taken_at=write.now(),
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
            All settings of the procedure, JSON-ready.
        seed : int or None
            Fits in 64 bits.
        source : str, optional
            The text of the imported file, if the run is not measured here.
        procedure_sha256 : str, optional
            Of the file that the procedure's class is in.
        """
        with writing(self.engine) as connection:
            return write.plan_run(
                connection, session_id, device_id, procedure, version, settings, seed, source,
                procedure_sha256,
            )  # fmt: skip

    def start_run(self, run_id: int) -> None:
        """Start a planned run; it is running, in this process, until `end_run`."""
        owner = this_process()
        with writing(self.engine) as connection:
            write.start_run(connection, run_id, owner)

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
                connection, session_id, device_id, procedure, version, settings, seed, source,
                procedure_sha256,
            )  # fmt: skip
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
        packed = responses.pack(response)
        with writing(self.engine) as connection:
            stimulus_id = responses.save(connection, run_id, ordinal, response, packed, pulses)
            ledger.confirm(connection, run_id, ordinal, response, in_compliance)
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
