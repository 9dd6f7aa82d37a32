"""Two roads: what the bench sees through its matrix, and what the model says directly."""

import numpy as np

from labbench.bench import open_bench, run_procedure
from labbench.bench.run import begin_session
from labbench.connection import Connection
from labbench.features import gate_discharge
from labbench.features.statistics import log_mean
from labbench.model import read_card
from labbench.spikes import find_spikes
from labbench.stimulus import Pulse, PulseTrain
from procedures import configure, find_procedure
from procedures.players import ModelPlayer

B1 = read_card("b1")
FOLLOWER_F = 0.5e-12
# A bench file's ranges and the scope's gain leave this much of a level open.
GAIN_ERROR = 0.02
STEP = PulseTrain((Pulse(0.0, 1.5e-3, 0.9),), duration_s=1.7e-3, rest_s=0.1)
LONG = PulseTrain((Pulse(0.0, 8e-3, 0.9),), duration_s=8.2e-3, rest_s=0.1)
GROUNDED = Connection("grounded", current_range_a=1.5e-6)


def model(bench, seed=17):
    return ModelPlayer(B1, seed, 1e-6, -2e-4, bench.description.wiring.loading)


def switched(response):
    """Return when the current passes a third of its end, and that end."""
    time_s, current_a = response.trace.time_s, response.trace.values("memristor")
    inside = (time_s > 0) & (time_s < 1.49e-3)
    end_a = float(current_a[inside & (time_s > 1.2e-3)].mean())
    first = np.flatnonzero(current_a[inside] > 3e-7)
    return float(time_s[inside][first[0]]), end_a


def agree(one, other, floor=0.0):
    """Assert that two (value, error) differ by no more than chance and a stated floor allow."""
    (a, error_a), (b, error_b) = one, other
    assert abs(a - b) < 3.5 * np.hypot(error_a, error_b) + floor * abs(b), (one, other)


def test_a_grounded_gate_switches_as_the_model_says(bench):
    bench.start()
    seen = np.array([switched(bench.play(STEP, GROUNDED)) for _ in range(20)])
    said = np.array([switched(model(bench, seed=s).play(STEP, GROUNDED)) for s in range(150)])
    agree(log_mean(seen[:, 0]), log_mean(said[:, 0]))
    agree(log_mean(seen[:, 1]), log_mean(said[:, 1]), floor=GAIN_ERROR)
    assert said[:, 1].mean() > 5e-7, "the filament is closed"


def test_the_follower_shows_the_gate_of_a_spiking_neuron(bench):
    bench.start()
    watched = Connection("follower")
    seen = [bench.play(LONG, watched) for _ in range(12)]
    known = seen[0].connection
    assert known.added_capacitance_f == FOLLOWER_F
    player = model(bench)
    said = [player.play(LONG, known) for _ in range(60)]
    for r in (*seen, *said):
        # The gate is high where the output is low: they are two views of the same spikes.
        spikes, gate_v = find_spikes(r.trace).time_s, r.trace.values("gate")
        assert len(spikes) > 3
        assert np.interp(spikes, r.trace.time_s, gate_v).min() > 0.1
        assert gate_v.max() < 0.9 * (1 + GAIN_ERROR) + 0.02
    peaks = [[float(np.percentile(r.trace.values("gate"), 99)) for r in rs] for rs in (seen, said)]
    agree(*(log_mean(each) for each in peaks), floor=GAIN_ERROR)
    # Spikes at the output: as fast as with the stated capacitance, and no faster or slower.
    intervals_s = [[np.diff(find_spikes(r.trace).time_s).mean() for r in rs] for rs in (seen, said)]
    agree(*(log_mean(each) for each in intervals_s))


def test_discharge_comes_out_alike_on_both_roads(bench, store):
    procedure = configure(find_procedure("gate_discharge"), {"start_v": 0.55})
    device_id = store.add_device("n1", "neuron")
    report = run_procedure(bench, store, begin_session(bench, store), device_id, procedure)
    measured = {record.feature.label: record.feature for record in store.features("n1")}
    assert all(f.is_usable for f in measured.values()), measured
    ats = [f for f in measured.values() if f.name == "interval"]
    assert [f.at["control_resistance_ohm"] for f in ats] == [25e6, 50e6, 75e6]
    stimuli = [r.stimulus for r in store.responses(report.run_id)]
    step = next(s for s in stimuli if s.pulses[0].width_s == procedure.step_s)
    player = model(bench)
    said = [player.play(step, Connection(**f.at)) for f in ats for _ in range(25)]
    simulated = {f.label: f for f in gate_discharge(said)}
    for name in [*(f.label for f in ats), "interval_slope"]:
        one, other = measured[name], simulated[name]
        assert other.n > one.n
        agree((one.value, one.stderr), (other.value, other.stderr))
    assert measured["interval_slope"].value > 5 * measured["interval_slope"].stderr
    decay = measured["gate_decay"]
    tau_s = B1["control_resistance_ohm"] * (B1["gate_capacitance_f"] + FOLLOWER_F)
    assert abs(decay.value - tau_s) < max(5 * decay.stderr, 0.005 * tau_s)


def test_a_bench_that_reaches_nothing_applies_nothing(bench_file, store):
    text = bench_file.read_text("utf-8")
    start, end = text.index("[instruments.switch]"), text.index("[wiring]")
    first, last = text.index("# From gate to ground"), text.index("[limits]")
    bench_file.write_text(text[:start] + text[end:first] + text[last:], "utf-8")
    with open_bench(bench_file) as bench:
        device_id = store.add_device("n1", "neuron")
        made = configure(find_procedure("gate_discharge"), {})
        report = run_procedure(bench, store, begin_session(bench, store), device_id, made)
    assert report.responses == 0
    outcomes = {f.outcome for f in gate_discharge([])}
    assert outcomes == {"out of reach of the wiring"}
