"""The bench and its queue, driven as a window does, without one."""

from __future__ import annotations

import pytest

from labbench.gui.models.queue_model import QueueModel, problem_of, read_values

FEW = {"repeats": 1, "start_v": 0.6}
MANY = {"repeats": 30, "start_v": 0.3}


def states(models):
    return [run.state for run in models.store.runs()]


def add(models, *settings, procedure="threshold_firing"):
    for each in settings:
        models.queue.add("n1", procedure, each)
    models.until(lambda: len(models.queue.planned) == len(settings))


def test_connecting_says_who_answers(models):
    assert models.bench.origin == "NO BENCH"
    models.connect()
    assert models.bench.origin == "SIMULATED"
    outputs = {role.role: role.is_output_on for role in models.bench.roles}
    assert outputs["supply"] is False
    assert "digitizer" in outputs
    assert any(line.startswith("limits") for line in models.bench.lines)


def test_a_bench_that_is_not_there_is_said_so(models):
    said = []
    models.office.on_error = said.append
    models.bench.connect("nowhere.toml")
    models.until(lambda: said)
    assert "nowhere.toml" in said[0]
    assert models.bench.state == "absent"


def test_nothing_is_queued_without_a_bench(models):
    said = []
    models.office.on_error = said.append
    models.queue.add("n1", "threshold_firing", FEW)
    assert "connect" in said[0]


def test_abort_ends_one_run_and_the_queue_goes_on_also_after_a_failure(models):
    models.connect()
    budget = {"n_pulses": 1e9}
    device = models.store.add_device("n1", "neuron")
    assert device
    models.store.set_budget("n1", budget)
    add(models, MANY, {"stop_v": 3.9, "start_v": 3.5, "width_s": 0.06}, FEW)
    models.bench.start()
    models.until(lambda: models.bench.running is not None and models.bench.percent > 0)
    models.bench.abort()
    models.until(lambda: len(models.bench.ended) == 3)
    assert states(models) == ["aborted", "failed", "finished"]
    assert [end.state for end in models.bench.ended] == states(models)
    models.until(lambda: models.bench.state == "ready" and not models.queue.planned)
    assert not any(role.is_output_on for role in models.bench.roles)


def test_all_off_in_a_run_ends_it_and_holds_the_queue(models):
    models.connect()
    add(models, MANY, FEW)
    models.bench.start()
    models.until(lambda: models.bench.running is not None and models.bench.percent > 0)
    models.bench.all_off()
    models.until(lambda: any("verified" in notice for notice in models.bench.notices))
    models.until(lambda: models.bench.state == "ready")
    assert states(models) == ["aborted", "planned"]
    assert not any(role.is_output_on for role in models.bench.roles)
    assert models.bench.unsafe == ()
    models.bench.start()
    models.until(lambda: len(models.bench.ended) == 2)
    assert states(models) == ["aborted", "finished"]


def test_a_link_lost_for_good_is_said_at_once_and_the_queue_waits(models):
    said = []
    models.office.on_error = said.append
    models.break_link(after=60)
    models.connect()
    add(models, MANY, FEW)
    models.bench.start()
    models.until(lambda: "waits" in models.bench.resting and models.bench.state == "ready")
    assert states(models) == ["failed", "planned"]
    assert "supply" in models.bench.unsafe[0]
    assert any("by hand" in text and "supply" in text for text in said)
    answers = {role.role: (role.is_output_on, role.fault) for role in models.bench.roles}
    assert "24" in answers["supply"][1]
    assert answers["pulse_source"] == (False, "")
    models.bench.disconnect()
    models.until(lambda: models.bench.state == "absent")
    assert "supply" in models.bench.unsafe[0]
    models.bench.all_off()
    models.until(lambda: "No bench is connected" in models.bench.notices[-1])
    assert models.bench.unsafe


def test_a_second_press_on_start_does_not_go_past_a_lost_link(models):
    models.break_link(after=60, times=1)
    models.connect()
    add(models, MANY, FEW, FEW)
    models.bench.start()
    models.bench.start()
    models.bench.check()
    models.until(lambda: "waits" in models.bench.resting and models.bench.state == "ready")
    assert states(models) == ["failed", "planned", "planned"]
    assert models.bench.unsafe == ()
    models.bench.start()
    models.until(lambda: len(models.bench.ended) == 3)
    assert states(models) == ["failed", "finished", "finished"]


def test_a_run_that_another_window_plays_is_no_failure(models, monkeypatch):
    models.connect()
    add(models, FEW, FEW)
    queue, store = models.bench.thread.queue, models.store
    next_for, elsewhere = queue.next_for, store.begin_session({"roles": {}}, True, "another")

    def after_somebody_else(bench):
        run = next_for(bench)
        if run is not None and run.id == 1:
            store.start_run(run.id, elsewhere)
        return run

    monkeypatch.setattr(queue, "next_for", after_somebody_else)
    models.bench.start()
    models.until(lambda: len(models.bench.ended) == 2)
    assert [end.state for end in models.bench.ended] == ["taken", "finished"]
    assert states(models) == ["running", "finished"]


def test_interlocks_are_told(models):
    models.connect()
    known = {role.role: role.is_interlock_open for role in models.bench.roles}
    assert known["meter"] is False
    assert known["supply"] is None


def test_what_goes_on_is_seen_and_drawn(models):
    models.connect()
    add(models, FEW)
    models.bench.start()
    frames = []

    def seen():
        frame = models.live.take()
        if frame is not None:
            frames.append(frame)
        return frames and frames[-1].features and models.bench.state == "ready"

    models.until(seen)
    last = frames[-1]
    assert {curve.name for curve in last.curves} == {"input", "output"}
    assert all(curve.values.size <= 8000 for curve in last.curves)
    pulses = models.store.pulses(last.run.id)
    assert [p.fired for p in last.strip] == pulses["fired"].tolist()
    drawn = {feature.label for _, feature in last.features}
    assert drawn == {f.feature.label for f in models.store.features(run_id=last.run.id)}


def test_an_estimate_is_of_what_was_asked_last(models):
    models.connect()
    for amplitude_v in (0.5, 0.6, 0.7):
        settings = {"start_v": amplitude_v, "repeats": 1}
        models.queue.foresee("n1", "threshold_firing", settings)
    models.until(lambda: models.queue.estimate is not None)
    assert models.queue.estimate.is_allowed
    models.queue.foresee("n1", "threshold_firing", {"width_s": 0.09, "start_v": 0.7})
    models.until(lambda: not models.queue.estimate.is_allowed)
    assert models.queue.estimate.text


@pytest.mark.parametrize(
    ("text", "wrong"), [("0.5", False), ("99", True), ("five", True), ("", True)]
)
def test_settings_are_looked_at_as_they_are_typed(text, wrong):
    assert bool(problem_of("threshold_firing", "start_v", text)) is wrong


def test_values_of_a_sweep():
    assert read_values("1, 2,5") == [1.0, 2.0, 5.0]
    assert read_values("0:1:5") == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a number is needed"),
        ("a", "a number is needed"),
        ("1:2:1", "two values"),
        ("1:2", "from:to:n"),
        ("0.3:0.6:1001", "at most 1000"),
        ("0.3:0.6:" + "9" * 5000, "at most 1000"),
        ("1," * 1000 + "1", "at most 1000"),
    ],
)
def test_what_is_no_sweep_is_said_at_once(text, said):
    with pytest.raises(ValueError, match=said):
        read_values(text)


def test_all_runs_of_a_sweep_are_foreseen(models):
    models.connect()
    queue = models.queue

    def estimate(*asked):
        queue.estimate = None
        queue.foresee("n1", "threshold_firing", *asked)
        models.until(lambda: queue.estimate is not None)
        return queue.estimate

    one = estimate({"start_v": 0.5, "repeats": 1})
    many = estimate({"start_v": 0.5, "repeats": 1}, {"stop_v": [1.2, 1.6]}, 3)
    assert one.is_allowed
    assert many.is_allowed
    assert many.text.startswith("6 runs, together at worst")
    bad = estimate({"start_v": 0.5, "repeats": 1}, {"stop_v": [1.2, 9.0]})
    assert not bad.is_allowed
    assert "TOO MUCH with stop_v = 9" in bad.text
    assert "at most 1000" in estimate({"start_v": 0.5}, {"stop_v": [1.0] * 200}, 10).text


def test_what_was_interrupted_is_decided_once(models):
    models.connect()
    device_id = models.store.add_device("n1", "neuron")
    for _ in range(2):
        run = models.store.begin_run(
            models.bench.session_id, device_id, "threshold_firing", "1", FEW, 7
        )
        models.store.end_run(run, "interrupted", "killed")
    said = []
    models.office.on_error = said.append
    queue = models.queue
    queue.refresh()
    models.until(lambda: len(queue.interrupted) == 2)
    assert "2 runs ended with the programme" in said[0]
    queue.settle(queue.interrupted[:1], again=True)
    models.until(lambda: len(queue.planned) == 1 and len(queue.interrupted) == 1)
    queue.settle(queue.interrupted, again=False)
    models.until(lambda: not queue.interrupted)
    again = QueueModel(models.store, models.office, models.bench)
    again.refresh()
    models.until(lambda: len(again.planned) == 1 and models.office.is_idle)
    assert not again.interrupted
    assert len(said) == 1
