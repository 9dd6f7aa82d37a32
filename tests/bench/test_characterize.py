"""A characterization on the simulated bench: a run for each procedure, and two roads."""

from importlib.resources import files

import pytest

from labbench.bench import open_bench, run_procedure
from labbench.bench.characterize import characterize
from labbench.bench.run import begin_session
from labbench.connection import Connection
from labbench.errors import InstrumentError
from labbench.features import PROPERTIES
from labbench.model import Loading, read_card
from labbench.report.device import load_device
from labbench.report.fits import fit_device
from procedures import PROCEDURES, configure, find_procedure
from procedures.players import ModelPlayer

SCALE = {"threshold_v": 0.73, "latency_s": 5.07e-4}
GROUNDED = ["dwell_gap_test", "hold_voltage", "relaxation_levels", "off_current"]


def test_every_procedure_has_its_run_and_what_is_out_of_reach_is_listed(bench, store):
    device_id = store.add_device("n1", "neuron")
    seen = []
    found = characterize(
        bench, store, begin_session(bench, store), device_id, effort=0.1,
        on_progress=lambda stage, percent: seen.append(stage),
    )  # fmt: skip
    assert found.is_complete
    runs = {run.procedure: run for run in store.runs(device="n1")}
    assert {run.state for run in runs.values()} == {"finished"}
    assert set(runs) == set(seen) <= set(PROCEDURES)
    assert set(GROUNDED) <= set(runs)
    is_blind = not bench.reaches(Connection(gate="grounded"))
    assert (found.out_of_reach[: len(GROUNDED)] == GROUNDED) == is_blind
    for report in found.reports:
        if (
            is_blind
            and next(r for r in runs.values() if r.id == report.run_id).procedure in GROUNDED
        ):
            assert report.responses == 0
    assert runs["pump_probe"].settings["threshold_v"] == pytest.approx(0.73, abs=0.05)
    # The fit meets all of it, runs without a response among them.
    result = fit_device(store, load_device(store, "n1"))
    off = result.card["gamma1_per_s"] - 6000
    assert abs(off) < 3 * result.card.stderr["gamma1_per_s"] < 6000


def test_a_device_that_does_not_fire_ends_it_early(bench_file, store, tmp_path):
    text = bench_file.read_text("utf-8")
    card = tmp_path / "dead.toml"
    b1 = files("labbench.model").joinpath("cards", "b1.toml").read_text("utf-8")
    card.write_text(b1.replace("gamma1_per_s = 6000.0", "gamma1_per_s = 1e6"), "utf-8")
    bench_file.write_text(text.replace('card = "b1"', f"card = {str(card)!r}"), "utf-8")
    with open_bench(bench_file) as bench:
        found = characterize(
            bench, store, begin_session(bench, store), store.add_device("dead", "neuron")
        )
    assert not found.is_complete
    assert "did not fire on a ramp" in found.notes[0]
    assert [run.procedure for run in store.runs(device="dead")] == ["ramp_threshold"]


def test_a_procedure_beyond_the_limits_is_noted_and_the_next_one_comes(bench_file, store):
    text = bench_file.read_text("utf-8")
    # Threshold firing ends at 2.2 times its threshold; nothing else goes beyond 3.3 V.
    bench_file.write_text(text.replace("voltage_v = 4.0", "voltage_v = 3.3"), "utf-8")
    with open_bench(bench_file) as bench:
        found = characterize(
            bench, store, begin_session(bench, store), store.add_device("n1", "neuron"), effort=0.02
        )
    assert found.is_complete
    (note,) = [note for note in found.notes if note.startswith("threshold_firing: ")]
    assert "the bench allows 3.3 V" in note
    states = {run.procedure: run.state for run in store.runs(device="n1")}
    assert states["threshold_firing"] == "failed"
    assert states["refractory_period"] == "finished"


def test_a_broken_bench_stops_the_whole(bench, store, monkeypatch):
    def broken(level_v, compliance_a):
        raise InstrumentError("the supply does not answer")

    monkeypatch.setattr(bench.instruments["supply"], "source_voltage", broken)
    with pytest.raises(InstrumentError, match="does not answer"):
        characterize(
            bench, store, begin_session(bench, store), store.add_device("n1", "neuron"), effort=0.02
        )
    assert len(store.runs(device="n1")) == 1


@pytest.mark.parametrize(
    ("name", "settings", "more"),
    [
        ("identification_steps", {"repeats": 12}, {"repeats": 60}),
        ("pump_probe", {"repeats": 12}, {"repeats": 60}),
        ("interval_by_index", {"repeats": 6}, {"repeats": 30}),
        ("ramp_threshold", {}, {"repeats": 60}),
    ],
)
def test_two_roads_agree(bench, store, name, settings, more):
    """On the bench, through instruments, and the model alone with other seeds."""
    scale = {} if name == "ramp_threshold" else SCALE
    procedure = configure(find_procedure(name), {**scale, **settings})
    report = run_procedure(
        bench, store, begin_session(bench, store), store.add_device("n1", "neuron"), procedure
    )
    measured = [record.feature for record in store.features(run_id=report.run_id)]
    responses = []
    procedure = configure(find_procedure(name), {**scale, **more})
    procedure.player = ModelPlayer(
        read_card("b1"), 77, interval_s=1e-6, start_s=-2e-4, loading=Loading(1e7, 1e-11)
    )
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop, procedure.emit = (lambda: False), (lambda topic, value: None)
    procedure.execute()
    drawn = [f for each in procedure.properties for f in PROPERTIES[each][0](responses)]
    simulated = {f.label: f for f in drawn}
    compared = 0
    for feature in measured:
        if feature.is_usable and feature.name.endswith(("latency", "interval", "ramp_threshold")):
            other = simulated[feature.label]
            error = (feature.stderr**2 + other.stderr**2 + (0.003 * other.value) ** 2) ** 0.5
            assert abs(feature.value - other.value) < 3.5 * error, (feature, other)
            compared += 1
    assert compared >= {"identification_steps": 5, "pump_probe": 3, "interval_by_index": 2}.get(
        name, 1
    )
