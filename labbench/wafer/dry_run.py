"""The dry run of a sweep: how long it takes and what it does to the devices, at worst."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from labbench.bench.description import BenchDescription, require_roles
from labbench.bench.dry_run import Forecast, foresee
from labbench.bench.tally import Comparison, Tally, compare_with_device
from labbench.errors import LimitError
from labbench.wafer.plan import Plan

# What a prober takes for a step and a touch, about; what instruments take to be set is not in.
MOVE_S = 3.0


@dataclass(frozen=True)
class SweepForecast:
    """The worst case of a sweep.

    Attributes
    ----------
    n_devices, n_points : int
    steps : tuple of (str, int, Forecast)
        Each procedure, how often at most on each device, and one run of it.
    device : Tally
        What a device takes in all, every repeat included.
    wafer : Tally
        All devices together.
    duration_s : float
        Of all stimuli, rests and moves.
    comparisons : tuple of Comparison
        With the limits of the plan and the budget of a device.
    """

    n_devices: int
    n_points: int
    steps: tuple[tuple[str, int, Forecast], ...]
    device: Tally
    wafer: Tally
    duration_s: float
    comparisons: tuple[Comparison, ...]

    @property
    def exceeded(self) -> tuple[Comparison, ...]:
        """What is too much, of a run on the bench or of the sweep."""
        of_runs = [each for _, _, forecast in self.steps for each in forecast.exceeded]
        return (*of_runs, *(each for each in self.comparisons if each.is_exceeded))

    def require(self) -> None:
        """Check that nothing is too much.

        Raises
        ------
        LimitError
            With everything that is.
        """
        if self.exceeded:
            faults = "; ".join(f"{each} ({each.remedy})" for each in self.exceeded)
            raise LimitError(f"At worst this sweep does too much, and was not begun. {faults}.")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "devices": self.n_devices,
            "points": self.n_points,
            "duration_s": self.duration_s,
            "device": asdict(self.device),
            "wafer": asdict(self.wafer),
            "steps": [
                {"procedure": name, "at_most": n, **forecast.to_dict()}
                for name, n, forecast in self.steps
            ],
            "comparisons": [
                {**asdict(each), "is_exceeded": each.is_exceeded} for each in self.comparisons
            ],
            "is_allowed": not self.exceeded,
        }


def foresee_sweep(plan: Plan, bench: BenchDescription) -> SweepForecast:
    """Return the worst case of a plan on a bench; opens no instrument and no database.

    Raises
    ------
    LimitError
        If what a procedure does cannot be foreseen.
    BenchError
        If the bench has no prober.
    """
    require_roles(bench.name, bench.instruments.entries, ("prober",))
    n_devices = sum(1 for _ in plan.places())
    uncertain = plan.conditions.uncertain
    steps = []
    device = Tally()
    for number, step in enumerate(plan.all_steps):
        times = 1 if uncertain is None else 1 + uncertain.repeats
        if plan.contact is not None and number == 0:
            times = plan.contact.touches
        forecast = foresee(step.configured(), bench)
        steps.append((step.procedure, times, forecast))
        for _ in range(times):
            device = device + forecast.tally
    touches = 1 if plan.contact is None else plan.contact.touches
    wafer = Tally()
    for _ in range(n_devices):
        wafer = wafer + device
    duration_s = wafer.duration_s + n_devices * touches * MOVE_S
    compared = _compare_with_budget(device, plan)
    allowed_s = plan.limits.duration_s
    remedy = "measure fewer devices, or raise limits.duration_s of the plan"
    compared.append(Comparison("duration", duration_s, "s", allowed_s, "plan", remedy))
    n_points = n_devices * len(plan.all_steps)
    return SweepForecast(
        n_devices, n_points, tuple(steps), device, wafer, duration_s, tuple(compared)
    )


def _compare_with_budget(device: Tally, plan: Plan) -> list[Comparison]:
    """Lay what a device takes beside the budget of the plan, which is where it can be raised."""
    return [
        replace(
            compared,
            by="plan",
            remedy=f"take fewer or shorter stimuli, or raise budget.{name} of the plan",
        )
        for name, allowed in plan.budget.model_dump(exclude_none=True).items()
        for compared in compare_with_device(device, None, {name: allowed})
    ]
