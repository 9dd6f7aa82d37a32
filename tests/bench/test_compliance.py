"""A limit that acts after a stimulus: recorded, or the end; never nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.simulated.bench import bench_of, canonical
from instruments.simulated.faults import Fault
from labbench.bench import CompliancePolicy, run_procedure
from labbench.bench.compliance import judge, policy_named, ramp_down_levels
from labbench.bench.run import begin_session
from labbench.errors import SettingError
from procedures.base import NeuronProcedure, single_pulse


class Six(NeuronProcedure):
    """Play six pulses; allow a limit to act where `allowed` says so."""

    name, version, properties = "six", "1", ()
    allowed = ()

    def stimuli(self):
        for ordinal in range(6):
            self.compliance_policy = "record" if ordinal in self.allowed else "stop"
            yield single_pulse(0.5, 4e-4, rest_s=0.02, record_s=2e-4)

    def expected_count(self):
        return 6


@given(st.sampled_from(CompliancePolicy), st.sampled_from([True, False, None]))
def test_a_limit_that_acts_is_passed_over_only_on_request(policy, in_compliance):
    verdict = judge(policy, in_compliance, 3, 5e-5)
    assert verdict.stops == (in_compliance is True and policy != "record")
    assert verdict.ramps == (in_compliance is True and policy == "ramp_down")
    assert bool(verdict.note) == verdict.stops


def test_the_way_down_ends_at_zero_in_equal_steps():
    levels = ramp_down_levels(0.5)
    steps = [a - b for a, b in zip((0.5, *levels), levels, strict=False)]
    assert levels[-1] == 0.0
    assert steps == pytest.approx([0.05] * 10)


def test_an_unknown_policy_is_named():
    with pytest.raises(SettingError, match="record, stop, ramp_down, not 'ignore'"):
        policy_named("ignore")


@pytest.fixture
def acting(bench, monkeypatch):
    """Let the supply's limit act from the second stimulus on, as a leaking drain would."""
    original, looks = bench.supply.measure, []

    def measure():
        from dataclasses import replace

        looks.append(1)
        return replace(original(), in_compliance=len(looks) > 2)  # the first is at the start

    monkeypatch.setattr(bench.supply, "measure", measure)
    return bench


def run(bench, store, procedure, **options):
    device_id, session_id = store.add_device("n1", "neuron"), begin_session(bench, store)
    notices = []
    report = run_procedure(
        bench, store, session_id, device_id, procedure, on_notice=notices.append, **options
    )
    return report, notices


def test_by_default_the_run_stops_and_says_so(acting, store):
    report, (notice,) = run(acting, store, Six())
    assert (report.state, report.responses) == ("aborted", 2)
    assert "in compliance (5e-05 A) after stimulus 1" in report.note
    assert report.note in notice
    (record,) = store.runs()
    assert (record.state, record.error) == ("aborted", report.note)
    dose = store.dose("n1")
    assert (dose.n_stimuli, dose.n_in_compliance, dose.n_not_recorded) == (2, 1, 0)
    assert store.compliance_checks(report.run_id)[-1].in_compliance is True
    assert not acting.supply.is_output_on


def test_recorded_it_goes_on_and_every_hit_is_in_the_ledger(acting, store):
    report, notices = run(acting, store, Six(), compliance_policy="record")
    assert (report.state, report.responses, notices) == ("finished", 6, [])
    assert store.dose("n1").n_in_compliance == 5


def test_a_step_can_allow_it_and_the_next_one_not(acting, store):
    procedure = Six()
    procedure.allowed = (0, 1, 2)
    Six.allowed = (0, 1, 2)
    try:
        report, _ = run(acting, store, procedure)
    finally:
        Six.allowed = ()
    assert (report.state, report.responses) == ("aborted", 4)
    assert "after stimulus 3" in report.note


def test_ramping_down_passes_every_step_on_the_way_to_zero(acting, store, monkeypatch):
    levels, original = [], acting.supply.source_voltage

    def source_voltage(level_v, compliance_a):
        levels.append(level_v)
        return original(level_v, compliance_a)

    monkeypatch.setattr(acting.supply, "source_voltage", source_voltage)
    report, _ = run(acting, store, Six(), compliance_policy="ramp_down")
    assert report.state == "aborted"
    assert levels == pytest.approx([0.5, *ramp_down_levels(0.5)])
    assert not acting.supply.is_output_on


@pytest.mark.parametrize("kind", ["interlock", "trip"])
def test_an_output_that_went_off_by_itself_ends_the_run(bench, store, kind):
    ports = bench_of(bench._close.__self__).ports
    address = canonical(bench.description.instruments.supply.address)
    ports[address].add_fault(Fault(kind=kind, on=r"PROTECTION\?", after=3))
    report, (notice,) = run(bench, store, Six())
    assert report.state == "aborted"
    assert "the output of the supply went off by itself during stimulus 1" in notice
