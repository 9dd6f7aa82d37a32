"""Log, page, notification, dry run, and the command line."""

import json
import sys

import pytest
from typer.testing import CliRunner

from labbench.bench import open_bench, read_bench
from labbench.cli import app
from labbench.errors import BenchError, LimitError, LinkError, PlanError, StoreError
from labbench.store import sweepbook
from labbench.wafer.dry_run import foresee_sweep
from labbench.wafer.plan import write_plan
from labbench.wafer.points import begin_sweep
from labbench.wafer.sweep import run_sweep
from labbench.wafer.unattended import conduct

runner = CliRunner()
PROBER_ROLE = '[instruments.prober]\ndriver = "velox"\naddress = "GPIB0::28::INSTR"\n'


def writer(path):
    code = f"import sys; open({str(path)!r}, 'w').write(sys.argv[1])"
    return [sys.executable, "-c", code]


def test_log_page_and_notification(open_wafer, store, make_plan, tmp_path):
    plan = make_plan(notify=writer(tmp_path / "said"))
    log, page = tmp_path / "sweep.log", tmp_path / "sweep.html"
    conduct(plan, open_wafer(), store, log=log, page=page, on_notice=pytest.fail)
    assert "sweep 'first' is done: 12 recorded" in (tmp_path / "said").read_text()
    lines = log.read_text().splitlines()
    assert len(lines) == 8
    assert not any(" : " in line for line in lines)
    html = page.read_text()
    assert html.count('<rect class="recorded" x') == 6
    assert "refresh" not in html


def test_a_failure_is_told_and_the_page_says_so(
    open_wafer, store, make_plan, tmp_path, monkeypatch
):
    bench, page = open_wafer(), tmp_path / "sweep.html"
    pages = []

    def lost(*place):
        pages.append(page.exists())
        raise LinkError("the prober does not answer")

    monkeypatch.setattr(bench.prober, "move_to_die", lost)
    plan = make_plan(notify=writer(tmp_path / "said"))
    with pytest.raises(LinkError):
        conduct(plan, bench, store, log=tmp_path / "l", page=page, on_notice=lambda s: None)
    assert "failed: the prober does not answer" in (tmp_path / "said").read_text()
    assert "wafer W1: failed" in page.read_text()
    assert pages[0]  # written before anything moved


def test_a_second_start_by_mistake_leaves_page_log_and_operator_alone(
    open_wafer, store, make_plan, tmp_path, monkeypatch
):
    plan = make_plan(notify=writer(tmp_path / "said"))
    sweep = begin_sweep(plan, store)
    me = sweepbook.this_process()
    other = type(me)(me.host, me.pid, me.token + "x")
    bench, log, page = open_wafer(), tmp_path / "sweep.log", tmp_path / "sweep.html"

    def start(**more):
        conduct(plan, bench, store, log=log, page=page, on_notice=pytest.fail, **more)

    with pytest.raises(PlanError, match="begun before"):
        start()
    with pytest.raises(PlanError, match="Nothing of device"):
        start(resume=True, repeat=["W1-c1r1s0"])
    with monkeypatch.context() as patch:
        patch.setattr(sweepbook, "this_process", lambda: other)
        store.claim_sweep(sweep.id)
        patch.undo()
        patch.setattr("labbench.store.sweeps.is_gone", lambda process: False)
        with pytest.raises(StoreError, match="is at work in process"):
            start(resume=True)
    assert not log.exists()
    assert not page.exists()
    assert not (tmp_path / "said").exists()


def test_a_resumed_sweep_that_fails_at_once_shows_what_was_measured(
    bench_file, open_wafer, store, make_plan, tmp_path, monkeypatch
):
    plan, page, seen = make_plan(), tmp_path / "sweep.html", []
    with open_bench(bench_file()) as bench:
        run_sweep(plan, bench, store, on_progress=seen.append, should_stop=lambda: len(seen) == 3)

    def lost(*given, **named):
        raise LinkError("nothing answers")

    monkeypatch.setattr("labbench.wafer.sweep.recover", lost)
    with pytest.raises(LinkError):
        conduct(
            plan, open_wafer(), store, log=tmp_path / "l", page=page, resume=True,
            on_notice=lambda sentence: None,
        )  # fmt: skip
    assert "wafer W1: failed" in page.read_text()
    assert page.read_text().count('<rect class="recorded" x') == 3


def test_what_cannot_be_written_does_not_stop_a_sweep(open_wafer, store, make_plan, tmp_path):
    said = []
    nowhere = tmp_path / "none"
    plan = make_plan(notify=["/nonexistent/command"])
    report = conduct(
        plan, open_wafer(), store, log=nowhere / "l", page=nowhere / "p.html", on_notice=said.append
    )
    assert report.progress.counts == {"recorded": 12}
    assert len(said) == 3
    assert "notification" in said[-1]


def test_the_dry_run_counts_every_repeat(bench_file, make_plan):
    uncertain = {"features": ["input_resistance"], "relative_stderr": 0.1, "repeats": 2}
    plan = make_plan(conditions={"uncertain": uncertain})
    forecast = foresee_sweep(plan, read_bench(bench_file()))
    assert (forecast.n_devices, forecast.n_points) == (6, 12)
    assert [times for _, times, _ in forecast.steps] == [2, 3]
    assert forecast.device.n_stimuli == 5
    assert forecast.wafer.n_stimuli == 30
    assert forecast.duration_s > 6 * 2 * 3.0
    assert forecast.exceeded == ()


def test_a_sweep_that_takes_too_long_is_not_begun(open_wafer, store, make_plan, tmp_path):
    plan = make_plan(limits={"duration_s": 1.0}, budget={"at_voltage_s": 1e-9})
    with pytest.raises(LimitError, match=r"time at voltage.*duration: found .* plan allows 1 s"):
        conduct(plan, open_wafer(), store, log=tmp_path / "l", page=tmp_path / "p", on_notice=print)
    assert store.sweeps() == []


def test_the_plan_is_told_to_raise_its_own_budget(bench_file, make_plan):
    forecast = foresee_sweep(make_plan(budget={"at_voltage_s": 1e-9}), read_bench(bench_file()))
    (found,) = forecast.exceeded
    assert "raise budget.at_voltage_s of the plan" in found.remedy
    assert "labbench dose" not in found.remedy


def test_the_dry_run_needs_a_prober_as_the_sweep_does(bench_file, make_plan):
    path = bench_file()
    text = path.read_text("utf-8").replace(PROBER_ROLE, "")
    path.write_text(text, "utf-8")
    with pytest.raises(BenchError, match="has no prober"):
        foresee_sweep(make_plan(), read_bench(path))


def test_the_command_line(bench_file, make_plan, tmp_path):
    bench_file()
    path = tmp_path / "plan.toml"
    write_plan(make_plan(), path)
    dry = runner.invoke(app, ["sweep", str(path), "--dry-run", "--json"])
    assert json.loads(dry.stdout)["points"] == 12
    assert list(tmp_path.glob("*.db")) == []
    db = str(tmp_path / "lab.db")
    done = runner.invoke(app, ["sweep", str(path), "--db", db, "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["points"] == {"recorded": 12}
    assert (tmp_path / "plan.log").exists()
    assert (tmp_path / "plan.html").exists()
    again = runner.invoke(app, ["sweep", str(path), "--db", db, "--resume"])
    assert "12 recorded" in again.stdout
    schema = json.loads(runner.invoke(app, ["sweep-schema"]).stdout)
    assert "keep_out" in schema["$defs"]["WaferMap"]["properties"]


def test_the_example_is_a_plan(tmp_path):
    run = runner.invoke(app, ["sweep", "examples/wafer/plan.toml", "--dry-run"])
    assert run.exit_code == 0, run.output
    assert "on 31 devices" in run.stdout or "devices, at worst" in run.stdout
