from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf, isnan, nan

import numpy as np
import pytest

from labbench import __version__
from labbench.errors import NotFoundError, StoreError
from labbench.features import Feature, Outcome
from labbench.model.card import ModelCard
from labbench.store.engine import reading

LATENCY = Feature("latency", 2e-4, "s", 1e-5, n=40, at={"amplitude_v": 0.8})
NOTHING = Feature("latency", nan, "s", outcome=Outcome.DID_NOT_FIRE, at={"amplitude_v": 0.2})


def test_a_device_is_added_once_and_keeps_its_kind(store):
    first = store.add_device("D1", "neuron")
    assert store.add_device("D1", "neuron") == first
    with pytest.raises(StoreError, match="stored as a neuron, not as a resistor"):
        store.add_device("D1", "resistor")
    with pytest.raises(StoreError, match="neuron, memristor, transistor, resistor"):
        store.add_device("D2", "diode")
    assert [(device.name, device.kind) for device in store.devices()] == [("D1", "neuron")]


def test_a_session_remembers_programme_bench_and_instruments(store):
    session_id = store.begin_session({"limit_v": inf, "n": np.int64(3)}, simulated=True)
    store.add_instrument_state(session_id, "pulse_source", "TCPIP::x", "K2600", "K,1", {"nplc": 1})
    session = store.session(session_id)
    assert session.labbench_version == __version__
    assert session.package_versions["numpy"] == np.__version__
    assert session.config == {"limit_v": inf, "n": 3}
    assert session.simulated is True
    assert session.operator
    assert abs(datetime.now(UTC) - session.started_at) < timedelta(minutes=1)
    assert [instrument.role for instrument in session.instruments] == ["pulse_source"]
    with pytest.raises(NotFoundError, match="no session 9"):
        store.session(9)


def test_moments_are_text_in_utc(store, run_id):
    with reading(store.engine) as connection:
        text = connection.exec_driver_sql("SELECT started_at FROM run").scalar_one()
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == store.runs()[0].started_at


def test_runs_are_found_by_device_procedure_and_state(store, begin_run):
    first = begin_run("D1", "iv_sweep", width_s=1e-3)
    second = begin_run("D2", "iv_sweep")
    third = begin_run("D1", "pulse_response")
    store.end_run(first, "finished")
    assert [run.id for run in store.runs()] == [first, second, third]
    assert [run.id for run in store.runs(device="D1")] == [first, third]
    assert [run.id for run in store.runs("D1", "iv_sweep", "finished")] == [first]
    (run,) = store.runs(state="finished")
    assert run.settings == {"width_s": 1e-3}
    assert (run.device, run.seed, run.simulated, run.source_sha256) == ("D1", 7, True, None)
    with pytest.raises(NotFoundError, match="no device 'D3' in this database; it has D1, D2"):
        store.runs(device="D3")


def test_an_imported_run_keeps_its_file(store, run_id):
    session, device = store.begin_session({}, simulated=False), store.add_device("D1", "neuron")
    imported = store.begin_run(session, device, "import", "1", {}, None, source="t,µV\n")
    assert store.source(imported) == "t,µV\n"
    assert len(store.runs()[-1].source_sha256) == 64
    assert store.source(run_id) is None


@pytest.mark.parametrize("state", ["finished", "aborted", "failed", "interrupted"])
def test_a_run_ends_once(store, run_id, response, state):
    store.end_run(run_id, state, error="a fuse")
    (run,) = store.runs(state=state)
    assert run.error == "a fuse"
    assert run.ended_at >= run.started_at
    with pytest.raises(StoreError, match=f"is {state}"):
        store.end_run(run_id, "finished")
    with pytest.raises(StoreError, match=f"is {state}"):
        store.save_response(run_id, 0, response)
    assert store.responses(run_id) == []


@pytest.mark.parametrize("state", ["running", "planned", "done"])
def test_a_run_ends_only_in_an_ended_state(store, run_id, state):
    with pytest.raises(StoreError, match=f"cannot end as '{state}'"):
        store.end_run(run_id, state)
    assert store.runs()[0].state == "running"


def test_a_run_needs_what_it_refers_to(store):
    with pytest.raises(StoreError, match="refers to something that is not stored"):
        store.begin_run(1, 1, "iv_sweep", "1", {}, None)
    with pytest.raises(NotFoundError, match="no run 5"):
        store.end_run(5, "finished")
    with pytest.raises(StoreError, match="64 bits"):
        store.begin_run(1, 1, "iv_sweep", "1", {}, 2**63)


def test_features_come_back_with_nan_condition_and_outcome(store, run_id):
    store.save_features(run_id, "threshold_firing", [LATENCY, NOTHING], "latency", "1")
    found, nothing = store.features(device="D1")
    assert found.feature == LATENCY
    assert (found.property, found.algorithm, found.run_id) == (
        "threshold_firing",
        "latency",
        run_id,
    )
    assert isnan(nothing.feature.value)
    assert isnan(nothing.feature.stderr)
    assert nothing.feature.outcome is Outcome.DID_NOT_FIRE


def test_features_replace_earlier_ones_of_the_same_algorithm(store, run_id):
    store.save_features(run_id, "threshold_firing", [LATENCY, NOTHING], "latency", "1")
    store.save_features(run_id, "refractory_period", [LATENCY], "latency", "1")
    store.save_features(run_id, "threshold_firing", [LATENCY], "latency", "2")
    versions = [record.algorithm_version for record in store.features(run_id=run_id)]
    assert sorted(versions) == ["1", "2"]


def test_features_that_cannot_be_told_apart_are_refused(store, run_id):
    with pytest.raises(StoreError, match=r"latency at amplitude_v=0\.8 came more than once"):
        store.save_features(run_id, "threshold_firing", [LATENCY, LATENCY], "latency", "1")
    with pytest.raises(NotFoundError, match="no run 9"):
        store.save_features(9, "threshold_firing", [LATENCY], "latency", "1")


def test_features_make_a_tidy_frame(store, run_id):
    assert store.features_frame().empty
    store.save_features(run_id, "threshold_firing", [LATENCY, NOTHING], "latency", "1")
    frame = store.features_frame(device="D1")
    assert frame["amplitude_v"].tolist() == [0.8, 0.2]
    assert frame["outcome"].tolist() == ["ok", "did not fire"]
    assert frame["value"].isna().tolist() == [False, True]


def test_cards_are_kept_once_and_found_by_name_or_id(store):
    card = ModelCard("D1 fit", stderr={"mu_per_v_s": 3.0, "alpha": 0.1}, covariance=np.eye(2))
    first = store.save_card(card)
    assert store.save_card(card) == first
    second = store.save_card(card.with_values({"alpha": 0.2}))
    assert store.card("D1 fit").id == second
    found = store.card(first).card
    assert found == card
    assert list(found.stderr) == ["mu_per_v_s", "alpha"]
    np.testing.assert_array_equal(found.covariance, np.eye(2))
    assert [record.id for record in store.cards()] == [first, second]
    with pytest.raises(NotFoundError, match=r"no model card 'B9' .* it has D1 fit"):
        store.card("B9")


def test_the_latest_fit_and_comparison_of_a_device(store, run_id, begin_run):
    other = begin_run("D2")
    card = store.save_card(ModelCard("B1"))
    with pytest.raises(NotFoundError, match="no fit of 'D1'"):
        store.latest_fit("D1")
    store.save_fit(card, [run_id], "converged", {"chi2": nan}, "0" * 64)
    fit_id = store.save_fit(card, [run_id, np.int64(run_id)], "converged", {}, "1" * 64)
    store.save_fit(card, [other], "stuck", {}, "2" * 64)
    fit = store.latest_fit("D1")
    assert (fit.id, fit.card_id, fit.run_ids) == (fit_id, card, (run_id,))
    with pytest.raises(NotFoundError, match="no comparison of 'D1'"):
        store.latest_comparison("D1")
    device = store.add_device("D1", "neuron")
    store.save_comparison(device, card, {"energy": 1e-12})
    assert store.latest_comparison("D1").document == {"energy": 1e-12}


def test_a_fit_of_unknown_or_no_runs_leaves_nothing(store):
    card = store.save_card(ModelCard("B1"))
    for run_ids in ([99], []):
        with pytest.raises(StoreError):
            store.save_fit(card, run_ids, "converged", {}, "0" * 64)
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM fit").scalar() == 0


@pytest.mark.parametrize(
    ("config", "operator"), [({"port": object()}, "me"), ({}, "\udcff"), ({}, object())]
)
def test_what_cannot_be_stored_is_one_clear_line(store, config, operator):
    with pytest.raises(StoreError) as caught:
        store.begin_session(config, simulated=True, operator=operator)
    assert "\n" not in str(caught.value)


def test_a_compliance_is_kept_from_the_request_to_what_was_seen(store, run_id):
    store.add_compliance_check(run_id, "supply", "A", 5e-5, "5e-05", 5.000001e-5, False)
    store.add_compliance_check(run_id, "supply", "A", 1e-9, "1e-09", 1.05e-4, None)
    first, second = store.compliance_checks(run_id)
    assert (first.role, first.unit, first.sent) == ("supply", "A", "5e-05")
    assert (first.requested, first.read_back, first.in_compliance) == (5e-5, 5.000001e-5, False)
    assert second.in_compliance is None
