"""Sweeps on simulated source meters: limits, compliance, the way back, and the model's answer."""

from importlib.resources import files

import numpy as np
import pytest

from labbench.bench import open_bench, run_procedure
from labbench.bench.run import begin_session
from labbench.errors import BenchError, InstrumentError, LimitError
from labbench.features import Outcome
from labbench.model import read_card
from labbench.report.device import draw_features
from labbench.stimulus import Sweep
from procedures import configure, find_procedure
from procedures.players import ModelPlayer

DC = files("labbench.bench").joinpath("dc.toml").read_text("utf-8").replace("= 0.3", "= 0.0")
BARE = """name = "bare memristor"
visa = "@labbench"
[instruments.meter]
driver = "keithley2400"
address = "GPIB0::24::INSTR"
[wiring]
has_gate = false
[simulated]
card = "memristor"
[[simulated.instruments]]
address = "GPIB0::24::INSTR"
model = "2400"
terminals = { 1 = "input" }
"""
UP = np.linspace(0, 1, 51)
LOOP = np.r_[UP, UP[-2::-1]]
GROUND = {"gate": 0.0}


@pytest.fixture
def bench(tmp_path):
    path = tmp_path / "dc.toml"
    path.write_text(DC, "utf-8")
    with open_bench(path) as opened:
        opened.start(("meter",))
        yield opened


@pytest.fixture
def bare(tmp_path):
    path = tmp_path / "bare.toml"
    path.write_text(BARE, "utf-8")
    with open_bench(path) as opened:
        opened.start(("meter",))
        yield opened


def is_dark(bench):
    return not any(meter.is_output_on for meter in bench.instruments.values())


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        (Sweep([0, 5.0], 0.01, 1e-6, bias=GROUND), "brings the input to 5 V, the bench allows 4 V"),
        (Sweep([0, 1], 0.01, 1e-6, bias={"gate": -5}), "brings the gate to 5 V"),
        (Sweep([0, 1], 0.01, 1e-6, terminal="gate", bias={"supply": 2}), "limits.supply_v"),
        (Sweep([0, 1], 0.01, 1e-4, bias=GROUND), r"compliance of 0\.0001 A at the input"),
        (Sweep([0, 1], 301.0, 1e-6, bias=GROUND), "takes 602 s"),
    ],
)
def test_beyond_the_limits_nothing_is_applied(bench, sweep, words):
    with pytest.raises(LimitError, match=words):
        bench.play(sweep)
    assert is_dark(bench)


def test_a_loop_and_what_the_limit_did(bench):
    response = bench.play(Sweep(LOOP, 0.01, 1e-7, bias=GROUND))
    trace = response.trace
    assert set(trace.channels) == {"input", "memristor"}
    assert response.connection.gate == "grounded"
    assert response.stimulus.dwell_s == pytest.approx(0.01, rel=0.02)
    limited = trace.channel("memristor").is_censored
    assert 10 < limited.sum() < 80
    assert abs(trace.values("memristor")[limited]) == pytest.approx(1e-7, rel=0.1)
    # A source in its limit sags to what the device leaves it: about 1 MOhm and its hold voltage.
    assert trace.values("input")[limited].max() < 0.5
    assert trace.values("input")[~limited][:20] == pytest.approx(LOOP[:20], abs=1e-3)
    check = bench.sweep_checks["meter"]
    assert (check.requested, check.in_compliance) == (1e-7, True)
    assert check.read_back == pytest.approx(1e-7)
    assert not bench.sweep_checks["gate_meter"].in_compliance
    assert is_dark(bench)


def test_an_error_on_the_way_leaves_it_dark(bench, monkeypatch):
    def fail(*args):
        raise InstrumentError("no sweep today")

    monkeypatch.setattr(bench.meter, "sweep", fail)
    with pytest.raises(InstrumentError, match="no sweep today"):
        bench.play(Sweep([0, 1], 0.01, 1e-6, bias=GROUND))
    assert is_dark(bench)


def test_an_input_that_is_off_floats(bench):
    """Held at 0 V by an output that is off, the memristor would switch at a gate of -1 V."""
    levels = np.linspace(-1, 1, 21)
    trace = bench.play(Sweep(levels, 0.04, 1e-6, terminal="gate")).trace
    assert trace.values("gate_current") == pytest.approx(levels / 1e8, abs=1e-11)


def test_the_bias_meter_is_read_as_well(bench):
    sweep = Sweep([0.0, 0.3, 0.6], 0.02, 1e-6, terminal="gate", bias={"supply": 0.5})
    response = bench.play(sweep)
    expected = ModelPlayer(read_card("b1"), 0, 1e-6, 0.0).play(sweep).trace.values("supply_current")
    assert response.trace.values("supply_current") == pytest.approx(expected, rel=0.01, abs=1e-9)
    assert response.connection.load_resistance_ohm == 47e3


def test_two_terminals_need_no_gate_meter(bare):
    response = bare.play(Sweep(LOOP[::2], 0.05, 1e-6, bias=GROUND))
    assert response.stimulus.bias == {}
    current_a = response.trace.values("memristor")
    assert current_a[3] < 1e-9
    assert current_a[25] == pytest.approx(1e-6, rel=0.01)
    assert response.trace.channel("memristor").is_censored[25]
    with pytest.raises(BenchError, match="needs a device with a gate"):
        bare.play(Sweep([0, 1], 0.01, 1e-6, terminal="gate"))
    assert is_dark(bare)


def test_a_role_that_is_not_there(bare, store):
    procedure = configure(find_procedure("transfer_curve"), {})
    device_id = store.add_device("m1", "memristor")
    with pytest.raises(BenchError, match="has no gate_meter, no supply"):
        run_procedure(bare, store, begin_session(bare, store), device_id, procedure)


def run(bench, store, name, settings):
    """Return the features of a run on the bench, and of the same procedure on the model."""
    procedure = configure(find_procedure(name), settings)
    device_id = store.add_device("n1", "neuron")
    recorded, play = [], bench.play

    def keep(*asked):
        recorded.append(play(*asked))
        return recorded[-1]

    # The store's copy knows no connection yet; the features of the run are drawn from these.
    bench.play = keep
    report = run_procedure(bench, store, begin_session(bench, store), device_id, procedure)
    assert report.state == "finished"
    assert report.responses == len(recorded)
    return [features(name, responses) for responses in (recorded, answers(name, settings))], report


def answers(name, settings, card="b1", seed=11):
    recorded = []
    procedure = configure(find_procedure(name), settings)
    procedure.player = ModelPlayer(read_card(card), seed, 1e-6, 0.0)
    procedure.record = lambda ordinal, response: recorded.append(response)
    procedure.should_stop, procedure.emit = lambda: False, lambda *args: None
    procedure.execute()
    return recorded


def features(name, responses):
    return {f.label: f for each in draw_features(name, responses).values() for f in each}


@pytest.mark.parametrize(
    ("name", "settings", "least"),
    [
        ("resistor_sweep", {"repeats": 1}, 1),
        ("transfer_curve", {}, 7),
        ("output_curves", {"gates": 2}, 3),
        ("volatile_iv", {"cycles": 5}, 4),
        ("state_read", {}, 3),
        ("ramp_rate", {"rates": 3}, 4),
        ("endurance", {"cycles": 5}, 3),
        ("contact_check", {}, 3),
    ],
)
def test_the_two_roads_agree(bench, store, name, settings, least):
    (measured, simulated), report = run(bench, store, name, settings)
    assert measured.keys() >= {label for label, f in simulated.items() if f.is_usable}
    compared = 0
    for label, seen in measured.items():
        told = simulated[label]
        if not (seen.is_usable and told.is_usable) or "_cv" in label or "r_squared" in label:
            continue
        # A part in a thousand is the gain of the meters, which no scatter tells.
        doubt = np.hypot(seen.stderr, told.stderr) + 1e-3 * abs(told.value)
        if "drift" not in label and "offset" not in label and "coefficient" not in label:
            compared += 1
        assert abs(seen.value - told.value) < 4 * doubt + 1e-12, (label, seen, told)
    assert compared >= least, sorted(measured)
    checks = store.compliance_checks(report.run_id)
    assert checks
    assert all(check.unit == "A" and float(check.sent) == check.requested for check in checks)


def test_forming_on_the_simulated_bench_meets_a_formed_device(bench, store):
    (measured, simulated), _ = run(bench, store, "forming", {})
    for found in (measured, simulated):
        assert found["forming_voltage"].outcome is Outcome.FORMED_ALREADY
        assert found["forming_voltage"].value == pytest.approx(0.52, abs=0.1)
        assert found["highest_voltage"].value <= 0.7, "no more than it needs"


def test_a_relaxation_that_is_too_fast_is_a_bound(bench, store):
    (measured, simulated), _ = run(bench, store, "relaxation", {"repeats": 4})
    label = "relaxation_time at fraction=0.1"
    for found in (measured, simulated):
        assert found[label].outcome is Outcome.CENSORED
        assert found[label].value == pytest.approx(2e-4, rel=0.1)
