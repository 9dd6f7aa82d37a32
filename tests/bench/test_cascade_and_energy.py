"""Two roads to cascade and energy: the simulated bench over VISA, and the model itself."""

from importlib.resources import files
from math import hypot

import pytest

from labbench.bench import open_bench
from labbench.compare import replay
from labbench.connection import Connection
from labbench.errors import BenchError
from labbench.features import PROPERTIES, Outcome
from labbench.model import Loading, read_card
from labbench.stimulus import Pulse, PulseTrain
from procedures import configure, find_procedure

PROBE = Loading(1e7, 1e-11)
SHORT = PulseTrain((Pulse(0.0, 1e-3, 0.3),), 2e-3)


@pytest.fixture
def chain_bench(tmp_path):
    path = tmp_path / "chain.toml"
    text = files("labbench.bench").joinpath("chain.toml").read_text("utf-8")
    path.write_text(text.replace("spread = 0.3", "spread = 0.0"), "utf-8")
    with open_bench(path) as opened:
        yield opened


def play(bench, name, settings):
    procedure = configure(find_procedure(name), settings)
    responses = []
    procedure.player, procedure.emit = bench, lambda topic, value: None
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop = lambda: False
    bench.start()
    procedure.execute()
    return responses


def both_roads(name, responses, card):
    """Return the features of the bench beside those of many model trials on the same stimuli."""
    longest = max(r.stimulus.duration_s for r in responses)
    long = [r for r in responses if r.stimulus.duration_s == longest]
    again = replay(long, read_card(card), seed=31, repeats=3, loading=PROBE)
    here, there = (
        {f.label: f for f in PROPERTIES[name][0](played)} for played in (responses, again)
    )
    return here, there


def agree(here, there, labels):
    for label in labels:
        one, other = here[label], there[label]
        assert one.is_usable, label
        assert other.is_usable, label
        distance = abs(one.value - other.value)
        assert distance < 4 * hypot(one.stderr, other.stderr), (label, one, other)


def test_the_cascade_of_the_bench_is_that_of_the_model(chain_bench):
    responses = play(chain_bench, "cascaded_propagation", {"start_v": 0.6, "repeats_margin": 3})
    assert set(responses[-1].trace.channels) == {"input", "output", "output2"}
    assert {r.connection.supply_v for r in responses} > {0.5}
    here, there = both_roads("cascaded_propagation", responses, "b1-chain")
    (usual,) = (
        label
        for label, f in here.items()
        if label.startswith("transfer_probability") and f.at["supply_v"] == 0.5
    )
    assert here[usual].value > 0.5
    delay = usual.replace("probability", "delay")
    agree(here, there, ["gain_margin", usual, delay, delay.replace("delay", "delay_sd")])
    assert 1.05 < here["gain_margin"].value < 1.6
    assert 1e-4 < here[delay].value < 1e-3


def test_one_neuron_has_no_second_output(bench):
    responses = play(bench, "cascaded_propagation", {"start_v": 0.6})
    (found,) = PROPERTIES["cascaded_propagation"][0](responses)
    assert found.outcome is Outcome.OUT_OF_REACH
    # It did not go on for nothing: a single long pulse showed it.
    assert sum(r.stimulus.pulses[0].width_s > 10e-3 for r in responses) == 1


def test_the_energy_of_the_bench_is_that_of_the_model(bench):
    responses = play(bench, "energy_per_spike", {"start_v": 0.6})
    here, there = both_roads("energy_per_spike", responses, "b1")
    labels = [f.label for f in here.values() if f.name != "latched_time"]
    agree(here, there, labels)
    names = {here[label].name: here[label] for label in labels}
    assert {"supply_energy", "load_energy", "transistor_energy", "idle_power"} <= set(names)
    supply, load, transistor = (names[f"{n}_energy"] for n in ("supply", "load", "transistor"))
    assert supply.value == pytest.approx(load.value + transistor.value, rel=1e-9)
    # Nanojoules in the supply's branch, known to a few percent.
    assert 1e-9 < supply.value < 1e-8
    assert supply.stderr < 0.05 * supply.value
    assert supply.n > 30


def test_a_supply_that_is_asked_for_is_set_and_taken_back(bench):
    bench.start()
    lower = bench.play(SHORT, Connection(supply_v=0.4))
    assert lower.connection.supply_v == 0.4
    assert lower.trace.values("output").mean() == pytest.approx(0.4, rel=0.02)
    usual = bench.play(SHORT)
    assert usual.connection.supply_v == 0.5
    assert usual.trace.values("output").mean() == pytest.approx(0.5, rel=0.02)
    most_v = bench.description.limits.supply_v
    assert bench.reaches(Connection(supply_v=most_v))
    beyond = Connection(supply_v=1.01 * most_v)
    assert not bench.reaches(beyond)
    with pytest.raises(BenchError, match=r"limits\.supply_v allows"):
        bench.play(SHORT, beyond)


def test_no_supply_is_set_before_the_start(bench):
    with pytest.raises(BenchError, match="the supply must be on"):
        bench.play(SHORT, Connection(supply_v=0.4))
