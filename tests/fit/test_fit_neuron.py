"""Recovery of hidden parameters from what a bench would see."""

import numpy as np
import pytest

from labbench.errors import FitError
from labbench.features import Outcome, Response
from labbench.fit import FitResult, fit_neuron
from labbench.model import Loading, read_card, simulate
from labbench.stimulus import Pulse, PulseTrain

LOADING = Loading(1e7, 1e-11)


def measure(card, seed, amplitudes, repeats, gaps=(3e-4, 1e-3, 4e-3)):
    stimuli = [PulseTrain((Pulse(0.0, 2e-3, v),), duration_s=3e-3) for v in amplitudes] * repeats
    for gap in gaps:
        first = Pulse(0.0, 1.5e-3, amplitudes[-2])
        second = Pulse(first.end_s + gap, 1.5e-3, amplitudes[-2])
        stimuli += [PulseTrain((first, second), duration_s=second.end_s + 2e-3)] * 10
    return [
        Response(
            stimulus,
            simulate(
                card, stimulus, seed=seed, trial=trial, interval_s=1e-6, start_s=-1e-4,
                loading=LOADING,
            ).trace,
        )
        for trial, stimulus in enumerate(stimuli)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def hidden():
    return read_card("b1").with_values(
        {
            "mu_per_v_s": 2350.0,
            "gamma1_per_s": 5200.0,
            "gate_capacitance_f": 11.5e-12,
            "alpha": 0.055,
            "eta": 0.11,
        }
    )


@pytest.fixture(scope="module")
def result(hidden):
    responses = measure(hidden, 5, (0.75, 0.9, 1.2, 1.6), 30)
    return fit_neuron(responses, read_card("b1"), loading=LOADING, name="found")


def test_known_parameters_come_back_within_their_errors(result, hidden):
    assert result.outcome is Outcome.OK
    fitted = {p.name: p for p in result.parameters}
    for name in ("mu_per_v_s", "gamma1_per_s", "gate_capacitance_f", "kappa_per_s", "eta"):
        parameter = fitted[name]
        assert parameter.is_identifiable
        assert abs(parameter.value - hidden[name]) < 3 * parameter.stderr, name
    for name, relative in (("mu_per_v_s", 0.05), ("gamma1_per_s", 0.03)):
        assert fitted[name].stderr < relative * fitted[name].value


def test_what_these_stimuli_cannot_tell_is_said(result):
    silent = {p.name: p for p in result.parameters if not p.is_identifiable}
    assert {"lambda", "r_off_ohm", "gamma2_per_s"} <= set(silent)
    assert all(p.remedy for p in silent.values())
    assert silent["r_off_ohm"].outcome is Outcome.NOT_IDENTIFIABLE


def test_the_right_model_explains_the_data(result):
    assert result.redchi < 2.5
    assert max(abs(r.z) for r in result.residuals) < 4


def test_the_result_survives_json(result):
    again = FitResult.from_dict(result.to_dict())
    assert again.to_dict() == result.to_dict()
    assert again.card.values == result.card.values


def test_covariance_and_stderr_agree(result):
    card = result.card
    assert np.allclose(np.sqrt(np.diag(card.covariance)), list(card.stderr.values()))
    assert np.allclose(np.diag(result.correlation), 1.0)


def test_one_amplitude_is_not_enough(hidden):
    responses = measure(hidden, 1, (0.9, 0.9), 12, gaps=())
    with pytest.raises(FitError, match="two amplitudes"):
        fit_neuron(responses, read_card("b1"))
