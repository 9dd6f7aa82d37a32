"""The player between a procedure and the bench: nothing is applied that is not counted first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from instruments.roles import ComplianceCheck
from labbench.bench.bench import Bench
from labbench.bench.compliance import CompliancePolicy, judge, policy_named
from labbench.bench.patience import Patience
from labbench.bench.tally import Tally, compare_with_bench, compare_with_device, dose_at, tally_of
from labbench.connection import OPEN, Connection
from labbench.errors import BudgetError
from labbench.features import Response
from labbench.stimulus import Stimulus, Sweep
from labbench.store import DoseRecord, Store
from procedures.base import NeuronProcedure


@dataclass
class GuardedPlayer:
    """Plays on a bench, within limits and budget, and enters each stimulus into the ledger.

    Attributes
    ----------
    bench, store : Bench, Store
    patience : Patience
        Waits while there is no space for the ledger.
    run_id : int
        Running.
    procedure : NeuronProcedure
        Asked before each stimulus for its compliance policy.
    policy : CompliancePolicy or None
        In place of the procedure's.
    spent, budget
        Of the device, when the run began.
    tally : Tally
        What was applied so far.
    in_compliance : bool or None
        What was seen after the last stimulus.
    stopped : str
        Why no further stimulus may be applied; empty while one may.
    """

    bench: Bench
    store: Store
    patience: Patience
    run_id: int
    procedure: NeuronProcedure
    policy: CompliancePolicy | None
    spent: DoseRecord
    budget: Mapping[str, float]
    tally: Tally = field(default=Tally(), init=False)
    in_compliance: bool | None = field(default=None, init=False)
    stopped: str = field(default="", init=False)

    @property
    def control_resistances_ohm(self) -> tuple[float, ...]:
        """What can be switched between gate and ground."""
        return self.bench.control_resistances_ohm

    def reaches(self, connection: Connection) -> bool:
        """Whether the device can be connected like this here."""
        return self.bench.reaches(connection)

    def play(self, stimulus: Stimulus, connection: Connection = OPEN) -> Response:
        """Apply a stimulus, once it is in the ledger, and look at the sources afterwards.

        Raises
        ------
        LimitError
            If the stimulus itself exceeds a limit; it is not applied then.
        BudgetError
            If with it the run would exceed a limit, or the device its budget; likewise.
        """
        description = self.bench.description
        self.bench.admit(stimulus)
        dose = dose_at(description, stimulus)
        tally = self.tally + tally_of(stimulus, dose, description)
        self._require(tally)
        policy = self.policy or policy_named(self.procedure.compliance_policy)
        ordinal = self.tally.n_stimuli
        self.patience.keep(
            f"stimulus {ordinal}, which was not applied yet,",
            lambda: self.store.apply_dose(self.run_id, ordinal, dose, policy),
        )
        self.tally = tally
        self.patience.resume()
        response = self.bench.play(stimulus, connection)
        acting = self._acting(stimulus)
        self.in_compliance = acting.in_compliance if acting else None
        verdict = judge(policy, self.in_compliance, ordinal, acting.requested if acting else 0.0)
        if verdict.ramps:
            self.bench.ramp_down()
        self.stopped = verdict.note or self._gone_off(stimulus, ordinal)
        return response

    def safe(self) -> None:
        """Leave every output at zero and off."""
        self.bench.safe()

    def _acting(self, stimulus: Stimulus) -> ComplianceCheck | None:
        """Return the limit that acted during the last stimulus, or else one that did not."""
        checks = [self.bench.compliance]
        if isinstance(stimulus, Sweep):
            checks = list(self.bench.sweep_checks.values())
        seen = [check for check in checks if check is not None]
        return max(seen, key=lambda check: bool(check.in_compliance), default=None)

    def _gone_off(self, stimulus: Stimulus, ordinal: int) -> str:
        """Return which output went off by itself, by an overload or an opened interlock."""
        if isinstance(stimulus, Sweep):
            return ""  # all are off after a sweep
        off = [] if self.bench.pulse_source.is_output_on else ["pulse source"]
        # Of a supply that is off, nothing can be observed.
        if self.bench.compliance is not None and self.bench.compliance.in_compliance is None:
            off.append("supply")
        if not off:
            return ""
        return (
            f"the output of the {' and the '.join(off)} went off by itself during stimulus "
            f"{ordinal}: look for an overload or an open interlock; that response shows it"
        )

    def _require(self, tally: Tally) -> None:
        compared = compare_with_bench(tally, self.bench.description)
        compared += compare_with_device(tally, self.spent, self.budget)
        exceeded = [each for each in compared if each.is_exceeded]
        if exceeded:
            faults = "; ".join(f"{each} ({each.remedy})" for each in exceeded)
            raise BudgetError(
                f"Stimulus {self.tally.n_stimuli} would be too much, and was not applied. {faults}."
            )
