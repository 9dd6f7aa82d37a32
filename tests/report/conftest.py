from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from labbench.compare import compare_responses, energy_per_spike, replay
from labbench.features import Outcome, Response
from labbench.fit import FitResult, FittedParameter, Residual
from labbench.model import ModelCard, read_card, simulate
from labbench.report import scorecard_of
from labbench.stimulus import Pulse, PulseTrain

TRIALS = 5


def train(amplitude_v: float, gap_s: float | None = None) -> PulseTrain:
    first = Pulse(0.0, 1.5e-3, amplitude_v)
    pulses = (first,) if gap_s is None else (first, Pulse(first.end_s + gap_s, 1.5e-3, amplitude_v))
    return PulseTrain(pulses, duration_s=pulses[-1].end_s + 1e-3)


def play(stimulus: PulseTrain, card: ModelCard, trial: int) -> Response:
    made = simulate(card, stimulus, seed=7, trial=trial, interval_s=5e-6, start_s=-1e-4)
    return Response(stimulus, made.trace)


@pytest.fixture(scope="session")
def card() -> ModelCard:
    return read_card("b1").with_values({}, name="b1-fit")


@pytest.fixture(scope="session")
def measured(card: ModelCard) -> dict[str, list[Response]]:
    singles = [train(v) for v in (0.6, 1.0, 1.4)]
    pairs = [train(1.2, gap_s) for gap_s in (3e-4, 2e-3)]
    played = {
        name: [play(s, card, i) for i, s in enumerate(stimuli * TRIALS)]
        for name, stimuli in (("threshold_firing", singles), ("refractory_period", pairs))
    }
    return {**played, "stochasticity": played["threshold_firing"]}


@pytest.fixture(scope="session")
def simulated(measured, card: ModelCard) -> dict[str, list[Response]]:
    return {name: replay(responses, card, seed=8) for name, responses in measured.items()}


@pytest.fixture(scope="session")
def make_fit(card: ModelCard) -> Callable[..., FitResult]:
    def make(**changes: Any) -> FitResult:
        ok, no = Outcome.OK, Outcome.NOT_IDENTIFIABLE
        fields: dict[str, Any] = {
            "card": card,
            "parameters": (
                FittedParameter("mu_per_v_s", "1/(V s)", 2750.0, 60.0, None, ok),
                FittedParameter("alpha", "1", 0.05, 0.02, 0.3, no, "hold voltage on a ramp"),
            ),
            "correlation": np.eye(2),
            "chisqr": 4.0,
            "nfree": 4,
            "outcome": ok,
            "residuals": (
                Residual("latency at amplitude_v=1", -6.6, -6.7, 0.02),
                Residual("recovery_time", -8.0, -8.0, 0.1),
            ),
            "stages": ("closed-form start", "joint fit"),
            "message": "converged",
        }
        return FitResult(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def scorecard(measured, simulated, card: ModelCard, make_fit):
    return scorecard_of(
        "N-03",
        make_fit(),
        compare_responses(measured, simulated),
        seed=8,
        energy=energy_per_spike(card, measured["threshold_firing"]),
        truth=card,
    )
