"""A sweep: the points of a plan, one after the other, with a safe end, and resumed after anything.

Every point is a row before anything moves. That a run is about to apply something is committed
before it does, and so is each of its stimuli, in the ledger: what a killed process leaves behind
says what may have been applied, and that is never applied again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from labbench.bench import Bench, recover, run_procedure
from labbench.bench.patience import Patience
from labbench.bench.run import RunReport, bench_session, signals_as_interrupts
from labbench.bench.safe_end import switch_off, unsafe
from labbench.errors import (
    FeatureError,
    InstrumentError,
    LinkError,
    PlanError,
    ReadbackError,
    SettingError,
    ShortError,
    StimulusError,
    StoreError,
    TraceError,
)
from labbench.features import Feature
from labbench.store import PointRecord, Store, SweepRecord
from labbench.wafer.decide import CONTACT_UNKNOWN, Repeat, Run, Skip, decide, last_attempts
from labbench.wafer.plan import Place, Plan
from labbench.wafer.points import begin_sweep, settle
from labbench.wafer.progress import Progress, Tracker

_LOG = logging.getLogger("labbench.wafer")
# Faults of one run, or of one device; others are the bench's, and end the sweep.
_OWN_FAULTS = (SettingError, StimulusError, TraceError, FeatureError, ShortError)


@dataclass(frozen=True)
class SweepReport:
    """What came of a sweep.

    Attributes
    ----------
    sweep : SweepRecord
    progress : Progress
    note : str
        Why it ended before its end; empty if it did not.
    """

    sweep: SweepRecord
    progress: Progress
    note: str = ""

    def __str__(self) -> str:
        said = f"sweep {self.sweep.name!r} {self.note or 'is done'}: {self.progress}"
        left = [name for name, state in self.progress.devices.items() if state == "interrupted"]
        if not left:
            return said
        return f"{said}; left to a person (look, then --repeat): {', '.join(left)}"


def run_sweep(
    plan: Plan,
    bench: Bench,
    store: Store,
    *,
    resume: bool = False,
    take_over: bool = False,
    repeat: Sequence[str] = (),
    on_claim: Callable[[Progress], None] = lambda progress: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_notice: Callable[[str], None] = _LOG.warning,
    should_stop: Callable[[], bool] = lambda: False,
    wait: Callable[[float], None] = time.sleep,
) -> SweepReport:
    """Measure a wafer; on every way out all outputs are off, then the wafer is off the needles.

    Parameters
    ----------
    plan : Plan
    bench, store : Bench, Store
        Open; the bench has a prober.
    resume : bool, optional
        Go on with a sweep that was begun, at the next point that was not stimulated.
    take_over : bool, optional
        Whether the computer that swept before is known to be off: its run is given up.
    repeat : sequence of str, optional
        Devices whose interrupted points a person looked at, and wants to be measured once more;
        only with `resume`.
    on_claim : callable, optional
        Called once, with how far the sweep is, as soon as it is this process that works through
        it; what is raised before that is of the asking, and nothing came of the sweep.
    on_progress : callable, optional
        Called after every point.
    on_notice : callable, optional
        Told in a sentence what an operator should know; logged by default.
    should_stop : callable, optional
        Asked before each stimulus.
    wait : callable, optional
        Called with seconds while the disk is full.

    Raises
    ------
    PlanError, NotFoundError
        If the plan cannot be begun, or resumed, or nothing of a device is to be repeated.
    LabbenchError
        If bench, prober or store are at fault; the sweep can be resumed.
    """
    bench.require(("prober",))
    if repeat and not resume:
        raise PlanError("Only a sweep that is resumed has points to repeat: ask for --resume, too.")
    with signals_as_interrupts() as signalled:

        def stops() -> bool:
            return signalled.is_set() or should_stop()

        sweep = begin_sweep(plan, store, resume)
        store.claim_sweep(sweep.id, take_over)
        try:
            points = store.sweep_points(sweep.id)
            _require_interrupted(points, repeat)
            tracker = Tracker()
            tracker.take(points)
            on_claim(tracker.progress())
            with bench_session(bench, store) as session_id:
                recover(bench, store, on_notice, _given_up(store, sweep) if take_over else ())
                _settle_points(store, store.sweep_points(sweep.id), on_notice)
                _plan_again(store, sweep, repeat, on_notice)
                patience = Patience(bench, on_notice, stops, wait)
                sweeper = _Sweeper(
                    plan,
                    bench,
                    store,
                    sweep,
                    session_id,
                    patience,
                    on_progress,
                    on_notice,
                    stops,
                    tracker,
                )
                try:
                    note = sweeper.measure()
                finally:
                    _park(bench)
        finally:
            with suppress(StoreError):
                store.release_sweep(sweep.id)
        if signalled.is_set():
            raise KeyboardInterrupt
        return SweepReport(sweep, sweeper.tracker.progress(), note)


def _given_up(store: Store, sweep: SweepRecord) -> list[int]:
    """Return the runs of a sweep that are running: in the process that it is taken over from."""
    running = {run.id for run in store.runs(state="running")}
    return [p.run_id for p in store.sweep_points(sweep.id) if p.run_id in running and p.run_id]


def _settle_points(
    store: Store, points: Sequence[PointRecord], on_notice: Callable[[str], None]
) -> None:
    """Settle what was left on its way, and say what is left to a person."""
    for point in points:
        if point.state in ("moving", "applying"):
            to_decide = settle(store, point)
            if to_decide:
                on_notice(f"{to_decide}.")


def _require_interrupted(points: Sequence[PointRecord], devices: Sequence[str]) -> None:
    """Refuse to repeat what is not interrupted, and was not left applying either."""
    found = {p.device for p in last_attempts(points) if p.state in ("interrupted", "applying")}
    for name in devices:
        if name not in found:
            raise PlanError(f"Nothing of device {name!r} is interrupted: there is no repeat.")


def _plan_again(
    store: Store, sweep: SweepRecord, devices: Sequence[str], on_notice: Callable[[str], None]
) -> None:
    """Plan another attempt at the interrupted points of some devices, as a person decided.

    And at those that were skipped because the contact check was interrupted.
    """
    last = last_attempts(store.sweep_points(sweep.id))
    for name in dict.fromkeys(devices):
        mine = [point for point in last if point.device == name]
        if not any(point.state == "interrupted" for point in mine):
            on_notice(f"Nothing of device {name!r} was lost after all: there is no repeat.")
            continue
        for point in mine:
            if point.state == "interrupted" or point.note.startswith(CONTACT_UNKNOWN):
                store.repeat_point(point.id, "repeated after a person had looked at it")


def _park(bench: Bench) -> None:
    """Bring every output to zero and off, then take the wafer off the needles, whatever fails."""
    entry, prober = bench.roles()["prober"]
    faults = bench.make_safe()
    faults += switch_off({"prober, wafer on the needles,": (entry.address, prober)})
    if faults:
        raise InstrumentError(unsafe(faults))


@dataclass
class _Sweeper:
    """Works through the points of a sweep."""

    plan: Plan
    bench: Bench
    store: Store
    sweep: SweepRecord
    session_id: int
    patience: Patience
    on_progress: Callable[[Progress], None]
    on_notice: Callable[[str], None]
    should_stop: Callable[[], bool]
    tracker: Tracker
    _under: str = ""

    def measure(self) -> str:
        """Measure all that is planned; return why it ended early, empty if it did not."""
        points = self.store.sweep_points(self.sweep.id)
        self.tracker.take(points)
        self.tracker.start()
        places = {place.name: place for place in self.plan.places()}
        failed = 0
        for name, group in groupby(points, key=lambda point: point.device):
            known = list(group)
            if all(point.state in ("skipped", "interrupted") for point in known):
                continue  # quick to resume
            if self.should_stop():
                return "stopped by the operator"
            failed = failed + 1 if self._device(places[name], known) else 0
            if failed >= self.plan.limits.failures_in_a_row:
                return f"something failed on {failed} devices in a row: look at bench and prober"
        return "stopped by the operator" if self.should_stop() else ""

    def _device(self, place: Place, known: Sequence[PointRecord]) -> bool:
        """Do what is to be done on a device; return whether something newly failed there."""
        is_new, reason = False, ""
        device_id = known[0].device_id
        # Of other touches than those that come now.
        before = {point.id for point in known if point.state != "planned"}
        while not self.should_stop():
            points = self.store.sweep_points(self.sweep.id, device_id)
            is_under = self._under == place.name
            decision = decide(self.plan, points, self._features, is_under=is_under, before=before)
            if isinstance(decision, Run):
                is_new = True
                self._measure(place, decision.point)
            elif isinstance(decision, Repeat):
                again = partial(self.store.repeat_point, decision.point.id, decision.reason)
                self.patience.keep("a repeated point", again)
                if decision.touches:
                    self._under = ""
            else:
                reason = decision.reason if isinstance(decision, Skip) else ""
                left = [point.id for point in points if point.state == "planned"]
                if left:
                    skip = partial(self.store.skip_points, left, reason)
                    self.patience.keep("skipped points", skip)
                break
        points = self.store.sweep_points(self.sweep.id, device_id)
        self.tracker.take(points)
        self.on_progress(self.tracker.progress(place.name))
        return is_new and (bool(reason) or any(point.state == "failed" for point in points))

    def _features(self, run_id: int) -> list[Feature]:
        return [record.feature for record in self.store.features(run_id=run_id)]

    def _change(
        self, point: PointRecord, state: str, run: int | None = None, note: str = ""
    ) -> None:
        change = partial(self.store.change_point, point.id, state, run=run, note=note)
        self.patience.keep(f"the state of point {point.id}", change)

    def _measure(self, place: Place, point: PointRecord) -> None:
        """Bring a device under the needles and run one procedure on it."""
        try:
            self._approach(place, point)
            report = self._run(point)
        except (LinkError, ReadbackError, StoreError):
            self._settle(point)
            raise
        except _OWN_FAULTS as error:
            self._fail(place, point, error)
        except InstrumentError as error:
            if self._under == place.name:
                self._settle(point)
                raise
            self._fail(place, point, error)
        except BaseException:
            self._settle(point)
            raise
        else:
            self._take(point, report)

    def _approach(self, place: Place, point: PointRecord) -> None:
        if self._under == place.name:
            return
        self._under = ""
        self._change(point, "moving")
        self.bench.prober.move_to_die(place.column, place.row, place.site)
        self.bench.prober.contact()
        self._under = place.name

    def _run(self, point: PointRecord) -> RunReport:
        step = self.plan.all_steps[point.ordinal % len(self.plan.all_steps)]
        return run_procedure(
            self.bench,
            self.store,
            self.session_id,
            point.device_id,
            step.configured(),
            should_stop=self.should_stop,
            on_notice=self.on_notice,
            wait=self.patience.wait,
            on_begin=lambda run_id: self._change(point, "applying", run_id),
        )

    def _take(self, point: PointRecord, report: RunReport) -> None:
        if report.state == "finished":
            self._change(point, "recorded")
        elif report.note:
            self._change(point, "failed", note=report.note)
        else:
            self._settle(point)

    def _fail(self, place: Place, point: PointRecord, error: Exception) -> None:
        self.on_notice(f"{point.procedure} on {place.name}: {error}")
        self._change(point, "failed", note=f"{type(error).__name__}: {error}")
        if isinstance(error, ShortError) or self._under != place.name:
            points = self.store.sweep_points(self.sweep.id, point.device_id)
            left = [each.id for each in points if each.state == "planned"]
            if left:
                reason = "short circuit" if isinstance(error, ShortError) else "out of reach"
                self.patience.keep("skipped points", lambda: self.store.skip_points(left, reason))

    def _settle(self, point: PointRecord) -> None:
        """Settle a point as a resumed sweep would; where that fails, the resumed sweep will."""
        with suppress(StoreError):
            mine = self.store.sweep_points(self.sweep.id, point.device_id)
            _settle_points(self.store, mine, self.on_notice)
            self.tracker.take(self.store.sweep_points(self.sweep.id, point.device_id))
            self.on_progress(self.tracker.progress(point.device))
