"""The two roads agree: what instruments see is what the model says of the same stimuli."""

import pytest

from labbench.bench import run_procedure
from labbench.bench.run import begin_session
from labbench.compare.properties import replay
from labbench.features import PROPERTIES
from labbench.model import Loading, read_card
from procedures import configure, find_procedure

# Few repeats, and what must come out as a number nevertheless.
PLANS = {
    "leaky_integration": (
        {"repeats": 5, "gaps": 5, "probe_repeats": 8, "probe_gaps": 6},
        ("critical_gap", "leak_time_constant"),
    ),
    "intrinsic_plasticity": (
        {"repeats": 6, "gaps": 4, "rested": 15},
        ("latency_ratio at gap_s=0.003", "interval_ratio"),
    ),
    "refractory_period": ({"repeats": 5}, ("absolute_refractory", "gate_decay")),
}


@pytest.mark.parametrize("name", PLANS)
def test_bench_and_model_agree(bench, store, name):
    settings, visible = PLANS[name]
    procedure = configure(find_procedure(name), {"start_v": 0.5, **settings})
    device_id = store.add_device("n1", "neuron")
    report = run_procedure(bench, store, begin_session(bench, store), device_id, procedure)
    responses = store.responses(report.run_id)
    wiring = bench.description.wiring
    loading = Loading(wiring.probe_resistance_ohm, wiring.probe_capacitance_f)
    simulated = replay(responses, read_card("b1"), seed=99, repeats=4, loading=loading)
    extract = PROPERTIES[name][0]
    measured = {f.label: f for f in extract(responses)}
    model = {f.label: f for f in extract(simulated)}
    for label in visible:
        assert measured[label].is_usable, label
    compared = [label for label in measured if measured[label].is_usable and label in model]
    sigmas = {}
    for label in compared:
        one, other = measured[label], model[label]
        if other.is_usable:
            error = (one.stderr**2 + other.stderr**2) ** 0.5
            sigmas[label] = abs(one.value - other.value) / error
    assert set(visible) <= set(sigmas)
    # Some ten to thirty features: hardly one of them lies beyond four standard errors.
    assert max(sigmas.values()) < 4.5, sigmas
    assert sum(sigma**2 for sigma in sigmas.values()) / len(sigmas) < 2.5, sigmas
