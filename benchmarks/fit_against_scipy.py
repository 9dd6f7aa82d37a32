"""The noise-free fit against the same statistics written with scipy's solve_ivp.

Both predict the identification plan of card B1 without jumps, and fit four rates to it with
``--whole``. Here a Jacobian is one evaluation of several cards, so a fit gains more than one
evaluation of one card does.

Measured in processor time: one evaluation 102 times slower with solve_ivp (8.4 ms against 0.86 s,
the statistics the same to 4e-5), the whole fit 255 times (0.2 s against 51 s, and the parameters to
1e-9 against 2.5e-5).

Run: ``python benchmarks/fit_against_scipy.py [--whole]``.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from labbench.fit.course import Course
from labbench.fit.engine import space_of
from labbench.fit.objective import MeanField, Problem
from labbench.fit.options import FitOptions
from labbench.fit.output_lag import gate_at_v, output_lag_s
from labbench.fit.plan import Plan
from labbench.fit.reference import reference_items, scale_of, with_values
from labbench.fit.statistics import Statistic
from labbench.model import Loading, ModelCard, read_card

LOADING = Loading(1e7, 1e-11)
NAMES = (
    "mu_per_v_s", "alpha", "beta_per_s", "gamma1_per_s", "gamma2_per_s", "lambda", "r_off_ohm",
)  # fmt: skip
# Kinds whose reading is the time of one event; the rest of the plan is left out in both.
TIMED = ("step", "second", "probe", "dwell")


def reading(card: ModelCard, course: Course) -> float:
    """Return the time from the last edge to the event that is read, by solve_ivp."""
    mu, alpha, beta, g1, g2, width, r_off = (card[name] for name in NAMES)
    r_on, c, rc = card["r_on_ohm"], card["gate_capacitance_f"], card["control_resistance_ohm"]
    is_grounded = course.connection.gate == "grounded"
    spike_v = gate_at_v(card, LOADING, 0.5)

    def slopes(t: float, y: np.ndarray) -> list[float]:
        f, r, gate_v = y
        u = np.interp(t, course.corner_s, course.level)
        x = min(max(f + r, 0.0), 1.0)
        v = u - (0.0 if is_grounded else gate_v)
        a = mu * max(v, 0.0) / (alpha + 1.0 - x) - (g1 + beta) * f
        b = beta * f - g2 * r
        if f + r >= 1.0 and a + b > 0.0:
            a = -b
        ohm = r_on * x + r_off * np.expm1((1.0 - x) / width) / np.expm1(1.0 / width)
        return [a, b, 0.0 if is_grounded else (v / ohm - gate_v / rc) / c]

    def happens(t: float, y: np.ndarray) -> float:
        return y[0] + y[1] - 1.0 + 1e-9 if is_grounded else y[2] - spike_v

    happens.direction = 1.0
    y, lag_s = np.zeros(3), 0.0 if is_grounded else output_lag_s(card, course.drive_v, LOADING)
    for begin, end in zip(course.corner_s, course.corner_s[1:], strict=False):
        if end > begin:
            is_last = begin >= course.edge_s
            happens.terminal = is_last
            made = solve_ivp(
                slopes, (begin, end), y, events=happens, rtol=1e-6, atol=1e-9, max_step=2e-5
            )
            if is_last and made.t_events[0].size:
                return float(made.t_events[0][0] + lag_s - course.edge_s)
            y = made.y[:, -1]
    return course.width_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--whole", action="store_true", help="run scipy's fit to its end")
    args = parser.parse_args()
    truth = read_card("b1").with_values({"kappa_per_s": 0.0})
    items = tuple(
        with_values(i, np.full(40, 1e-3))
        for i in reference_items(truth, scale_of(truth, LOADING))
        if i.kind in TIMED
    )
    plan = Plan(items, LOADING)
    statistics = tuple(Statistic(place, "mean") for place in range(len(items)))
    field = MeanField(plan, statistics)
    ours = field([truth])[0]
    rounds = 20
    began = time.process_time()
    for _ in range(rounds):
        field([truth])
    ours_s = (time.process_time() - began) / rounds

    def theirs(card: ModelCard) -> np.ndarray:
        return np.log([reading(card, course) for course in plan.courses])

    began = time.process_time()
    found = theirs(truth)
    scipy_s = time.process_time() - began
    order = [course.places[0] for course in plan.courses]
    print(
        f"{len(items)} statistics ({', '.join(TIMED)}): largest difference "
        f"{np.abs(found - ours[order]).max():.1e} of ln; one evaluation {1e3 * ours_s:.1f} ms, "
        f"{scipy_s:.2f} s with solve_ivp (processor time): {scipy_s / ours_s:.0f} times"
    )
    free = ("mu_per_v_s", "gamma1_per_s", "beta_per_s", "gamma2_per_s")
    space = space_of(truth, FitOptions(priors=dict.fromkeys(free), known={}))
    problem = Problem(field, ours, 100.0 * np.eye(len(ours)), space)
    start = space.start + 0.1
    began = time.process_time()
    theta, _, _ = problem.solve(start)
    fit_s = time.process_time() - began
    print(
        f"a fit of {len(free)} here: {fit_s:.2f} s, error {np.abs(theta - space.start).max():.1e}"
    )
    if args.whole:
        began = time.process_time()
        made = least_squares(
            lambda t: 100.0 * (theirs(space.at(t)) - ours[order]), start, diff_step=1e-4,
            x_scale=0.1,
        )  # fmt: skip
        whole_s = time.process_time() - began
        print(
            f"with scipy: {whole_s:.0f} s, error {np.abs(made.x - space.start).max():.1e}: "
            f"{whole_s / fit_s:.0f} times"
        )


if __name__ == "__main__":
    main()
