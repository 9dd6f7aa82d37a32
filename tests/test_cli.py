"""The command line: one clear line and the right exit code for whatever is wrong."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from importlib.resources import files

import numpy as np
import pytest

from labbench.cli import main
from labbench.errors import StoreError
from labbench.model import read_card
from labbench.store import Store

HALF_WRITTEN = "trace,time_s,voltage_V,current_A\n0,0.0,0.1,1e-9\n0,1e-6,0.1"


@pytest.fixture
def cli(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["labbench", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def bench_file(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(files("labbench.bench").joinpath("demo.toml").read_text("utf-8"), "utf-8")
    return path


def one_line(err):
    assert err.startswith("labbench: ")
    assert err.count("\n") == 1, err
    return err


def test_version_and_lists(cli):
    assert cli("--version")[1] == "0.1.0\n"
    out = cli("procedures")[1]
    assert "threshold_firing (version 2)" in out
    assert "width_s" in out
    assert "keithley2400" in cli("instruments")[1]
    assert "b1" in cli("card", "list")[1]
    assert "mu_per_v_s" in cli("card", "show", "b1")[1]


def test_wrong_usage_is_2(cli):
    assert cli("demo")[0] == 2
    assert cli("nonsense")[0] == 2


def test_run_records_and_bench_check_shows(cli, bench_file, tmp_path):
    db = tmp_path / "lab.db"
    code, out, err = cli("bench", "check", "--bench", bench_file)
    assert (code, err) == (0, "")
    assert "33512B" in out
    code, out, err = cli(
        "run", "threshold_firing", "--bench", bench_file, "--db", db, "--device", "n1",
        "--set", "repeats=1", "--set", "start_v=0.5",
    )  # fmt: skip
    assert code == 0, err
    assert "run 1 finished" in out
    assert cli("db", "check", db)[1].endswith("is sound\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--set", "repeat=1"), "no setting repeat; it has width_s"),
        (("--set", "width_s=2 parsecs"), "width_s must be a number in s"),
        (("--set", "repeats"), "--set takes name=value"),
        (("--set", "start_v=4.5", "--set", "stop_v=5"), "the bench allows 4 V"),
        (("--set", "start_v=2"), "start_v = 2 V is above stop_v = 1.6 V"),
        (("--set", "repeats=1", "--set", "repeats=2"), "gives repeats twice"),
    ],
)
def test_bad_settings_and_limits(cli, bench_file, tmp_path, arguments, said):
    code, _, err = cli(
        "run", "threshold_firing", "--bench", bench_file, "--db", tmp_path / "lab.db",
        "--device", "n1", *arguments,
    )  # fmt: skip
    assert code == 1
    assert said in one_line(err)


def test_an_unknown_procedure(cli, bench_file, tmp_path):
    code, _, err = cli(
        "run", "hresholds", "--bench", bench_file, "--db", tmp_path / "lab.db", "--device", "n1"
    )
    assert code == 1
    assert "known are threshold_firing" in one_line(err)
    assert not (tmp_path / "lab.db").exists()


def test_a_missing_output_folder(cli, tmp_path):
    code, _, err = cli("demo", "--out", tmp_path / "none" / "demo")
    assert code == 1
    assert "cannot write to" in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_a_half_written_import_leaves_nothing(cli, tmp_path):
    good, bad, db = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "lab.db"
    good.write_text("voltage_V,current_A\n0.1,1e-9\n0.2,2e-9\n0.1,1e-9\n")
    bad.write_text(HALF_WRITTEN)
    code, _, err = cli("import", good, bad, "--db", db, "--device", "m1")
    assert code == 1
    assert "bad.csv" in one_line(err)
    assert not db.exists()


@pytest.mark.parametrize("text", ["", "\x00\x01\x02", "voltage,current\n1,2\n"])
def test_unreadable_imports(cli, tmp_path, text):
    path = tmp_path / "file.csv"
    path.write_text(text)
    code, _, err = cli("import", path, "--db", tmp_path / "lab.db", "--device", "m1")
    assert code == 1
    assert "file.csv" in one_line(err)


def test_import_once_then_fit_and_report(cli, tmp_path):
    path, db = tmp_path / "pulse.csv", tmp_path / "lab.db"
    time_s = np.arange(0, 8e-3, 1e-5)
    rows = ["trace,time_s,voltage_V,current_A"]
    for trace, delay_s in enumerate((5e-4, 8e-4, 6e-4)):
        on = (time_s > 1e-3 + delay_s) & (time_s < 4e-3)
        volts = np.where((time_s >= 1e-3) & (time_s < 4e-3), 1.0, 0.1)
        amps = np.where(on, volts / 5e4, 1e-9 * volts) + 1e-12 * np.arange(time_s.size)
        after = (time_s >= 4e-3) & (time_s < 5e-3)
        amps = np.where(after, volts / 5e4 * np.exp(-(time_s - 4e-3) / 3e-4), amps)
        samples = zip(time_s, volts, amps, strict=True)
        rows += [f"{trace},{t:.6g},{v:.6g},{i:.6g}" for t, v, i in samples]
    path.write_text("\n".join(rows) + "\n")
    code, out, err = cli("import", path, "--db", db, "--device", "m1")
    assert code == 0, err
    assert "3 responses" in out
    assert "switching_delay" in out
    code, _, err = cli("import", path, "--db", db, "--device", "m1")
    assert code == 1
    assert "is there already" in one_line(err)
    code, out, err = cli("fit", "--db", db, "--device", "m1", "--json")
    assert code == 0, err
    assert {p["name"] for p in json.loads(out)["parameters"]} >= {"mu_per_v_s", "r_on_ohm"}
    report = tmp_path / "report.html"
    code, out, err = cli("compare", "--db", db, "--device", "m1", "--out", report, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert not any("truth" in p for p in found["parameters"])
    assert {row["property"] for row in found["properties"]} == {"pulse_switching", "relaxation"}
    assert report.stat().st_size > 10_000


def test_one_recording_is_imported_once_whatever_its_line_ends(cli, tmp_path):
    path, db = tmp_path / "sweep.csv", tmp_path / "lab.db"
    path.write_bytes(b"\xef\xbb\xbfvoltage_V,current_A\r\n0.1,1e-9\r\n0.2,2e-9\r\n0.1,1e-9\r\n")
    code, _, err = cli("import", path, path, "--db", db, "--device", "m1")
    assert (code, "twice in this call" in one_line(err)) == (1, True)
    assert cli("import", path, "--db", db, "--device", "m1")[0] == 0
    code, _, err = cli("import", path, "--db", db, "--device", "m1")
    assert (code, "is there already" in one_line(err)) == (1, True)
    with Store.open(db) as store:
        (run,) = store.runs()
        assert store.source(run.id).encode() == path.read_bytes()


def test_a_recording_without_a_pulse_leaves_nothing(cli, tmp_path):
    path, db = tmp_path / "zero.csv", tmp_path / "lab.db"
    path.write_text("time_s,voltage_V,current_A\n0,0,0\n1,0,0\n")
    code, _, err = cli("import", path, "--db", db, "--device", "m1")
    assert (code, "no pulse" in one_line(err)) == (1, True)
    assert not db.exists()


def test_databases_that_cannot_be_used(cli, tmp_path):
    text, newer = tmp_path / "notes.txt", tmp_path / "newer.db"
    text.write_text("not a database, but long enough to look at it twice" * 10)
    code, _, err = cli("db", "check", text)
    assert code == 1
    assert "not" in one_line(err)
    Store.open(newer, create=True).close()
    with sqlite3.connect(newer) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    connection.close()
    code, _, err = cli("fit", "--db", newer, "--device", "n1")
    assert code == 1
    assert "9999_from_the_future" in one_line(err)
    code, _, err = cli("fit", "--db", tmp_path / "none.db", "--device", "n1")
    assert code == 1
    one_line(err)


def test_a_database_on_a_server_by_its_url(cli, postgres, bench_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    empty, url = postgres.new_database(), postgres.new_database("empty")
    sweep = tmp_path / "sweep.csv"
    sweep.write_text("voltage_V,current_A\n0.1,1e-9\n0.2,2e-9\n0.1,1e-9\n")
    before = sorted(tmp_path.iterdir())
    said = []

    def succeeds(*arguments):
        code, out, err = cli(*arguments)
        assert code == 0, err
        said.append(out + err)
        return out

    succeeds("import", sweep, "--db", empty, "--device", "m1")
    assert json.loads(succeeds("dose", "--db", empty, "--device", "m1", "--json"))["n_stimuli"] == 1
    assert "is sound" in succeeds("db", "check", empty)
    assert "is up to date" in succeeds("db", "upgrade", empty)
    assert "b1" in succeeds("card", "list", "--db", url)
    run = ("run", "threshold_firing", "--bench", bench_file, "--db", url, "--device", "n1")
    quick = ("--set", "repeats=1", "--set", "start_v=0.5")
    succeeds(*run, *quick, "--dry-run")
    assert " responses in postgresql://lab@127.0.0.1" in succeeds(*run, *quick)
    code, _, err = cli("import", sweep, "--db", empty, "--device", "m1")
    assert (code, "is there already" in one_line(err)) == (1, True)
    assert not any(postgres.password in each for each in [*said, err])
    assert sorted(tmp_path.iterdir()) == before


def test_simulate_writes_samples_and_events(cli, tmp_path):
    stimulus, out = tmp_path / "stim.csv", tmp_path / "out.csv"
    stimulus.write_text("time_s,voltage_v\n0,0\n1e-6,0.8\n5e-3,0.8\n")
    code, printed, err = cli(
        "simulate", "--card", "b1", "--stimulus", stimulus, "--out", out, "--no-noise"
    )
    assert code == 0, err
    assert printed.startswith("ok")
    assert out.read_text().startswith("time_s,input_v,node_v,f,r,memristor_a,output_a\n")
    events = (tmp_path / "out.events.csv").read_text()
    assert events.startswith("time_s,event\n")
    assert ",spike\n" in events
    code, _, err = cli("simulate", "--card", "b2", "--stimulus", stimulus, "--out", out)
    assert code == 1
    assert "name a TOML file or one of 3nm, 65nm, b1" in one_line(err)


def test_card_list_and_show_say_where_values_come_from(cli):
    lines = {line.split()[0]: line.split() for line in cli("card", "list")[1].splitlines()}
    assert lines["ref"][1:3] == ["ref-2026", "memristor"]
    assert lines["lif"][1:3] == ["tcasai-2024", "memristor"]
    out = cli("card", "show", "b1")[1]
    assert "model bench, version 1" in out
    assert "circuit neuron, driven by a voltage, polarity positive" in out
    rows = {line.split()[0]: line for line in out.splitlines() if line.startswith("  ")}
    assert rows["mu_per_v_s"].endswith("growth rate  (ours)")
    assert "ours" not in rows["r_on_ohm"]


def test_card_show_finds_fitted_cards_with_errors(cli, tmp_path):
    db = tmp_path / "lab.db"
    card = read_card("b1").with_values({}, name="fitted", stderr={"alpha": 1e-3})
    with Store.open(db, create=True) as store:
        store.save_card(card)
    assert "fitted" in cli("card", "list", "--db", db)[1]
    assert re.search(r"alpha +0.05 +\+- 0.001 +1 ", cli("card", "show", "fitted", "--db", db)[1])
    code, _, err = cli("card", "export", "fitted", "--format", "json", "--out", tmp_path / "x.json")
    assert code == 1
    assert "No card 'fitted'" in one_line(err)


@pytest.mark.parametrize(
    ("format_name", "said"), [("spice", ".subckt neuron_b1"), ("veriloga", "module neuron_b1")]
)
def test_card_export_writes_a_netlist(cli, tmp_path, format_name, said):
    out = tmp_path / "b1.txt"
    code, _, err = cli("card", "export", "b1", "--format", format_name, "--out", out)
    assert code == 0, err
    assert said in out.read_text()


def test_card_export_as_json_is_a_card_file(cli, tmp_path):
    out = tmp_path / "mine.json"
    assert cli("card", "export", "ref", "--format", "json", "--out", out)[0] == 0
    assert read_card(out) == read_card("ref")
    assert "model ref-2026" in cli("card", "show", out)[1]


@pytest.mark.parametrize(
    ("name", "format_name", "folder", "said"),
    [
        ("b1", "hspice", ".", "spice, veriloga, json, not as 'hspice'"),
        ("b2", "spice", ".", "No card 'b2'"),
        ("b1", "spice", "none", "there is no folder"),
    ],
)
def test_card_export_refuses_in_one_line(cli, tmp_path, name, format_name, folder, said):
    out = tmp_path / folder / "card.cir"
    code, _, err = cli("card", "export", name, "--format", format_name, "--out", out)
    assert code == 1
    assert said in one_line(err)
    assert not out.exists()


def test_card_scaling_names_every_assumption_and_who_says_so(cli):
    rows = json.loads(cli("card", "scaling", "--json")[1])
    assert [row["card"] for row in rows] == ["t1", "65nm", "3nm"]
    out = cli("card", "scaling")[1]
    for row in rows:
        assert {a["origin"] for a in row["assumptions"]} == {"second-hand", "ours"}
        assert f"{row['published_j']:.4g} J: {row['published']}" in out
        assert row["comparison"] in out
        assert all(f"[{a['origin']}] {a['sentence']}" in out for a in row["assumptions"])
        assert all(name.removesuffix("_j") in out for name in row["energy"])


def wait_for_pulses(db, n):
    """Read beside the writer until n pulses are in the store."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            with Store.open(db) as store:
                if store.runs() and len(store.pulses(1)) >= n:
                    return
        except StoreError:
            continue  # not made yet
    raise AssertionError(f"no {n} pulses within a minute")


def test_sigterm_in_a_run_exits_3_and_keeps_the_run(bench_file, tmp_path):
    db = tmp_path / "lab.db"
    command = [
        sys.executable, "-m", "labbench", "run", "threshold_firing", "--bench", str(bench_file),
        "--db", str(db), "--device", "n1", "--set", "repeats=5000",
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for_pulses(db, 5)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 3, err
    assert "outputs are at zero and off" in one_line(err)
    with Store.open(db) as store:
        assert store.runs()[0].state == "aborted"
        assert len(store.responses(1)) >= 5


def test_a_dry_run_says_the_worst_case_and_opens_nothing(cli, bench_file, tmp_path, monkeypatch):
    def refuse(*given):
        raise AssertionError("an instrument was opened")

    monkeypatch.setattr("labbench.bench.open_bench", refuse)
    db = tmp_path / "lab.db"
    asked = ("threshold_firing", "--bench", bench_file, "--db", db, "--device", "n1", "--dry-run")
    code, out, err = cli("run", *asked)
    assert (code, err) == (0, "")
    assert re.search(r"pulses: found \d{3}, the bench allows any", out)
    assert not db.exists()
    code, out, err = cli("run", *asked, "--json", "--set", "stop_v=9", "--set", "start_v=8")
    document = json.loads(out)
    assert code == 1
    assert document["is_allowed"] is False
    assert document["worst_case"]["peak_v"] > 4
    assert "the bench allows 4 V" in one_line(err)


def test_the_dose_of_a_device_and_its_budget(cli, bench_file, tmp_path):
    db = tmp_path / "lab.db"
    run = ("run", "threshold_firing", "--bench", bench_file, "--db", db, "--device", "n1")
    few = ("--set", "repeats=1", "--set", "start_v=0.6")
    code, out, _ = cli(*run, *few, "--json")
    report = json.loads(out)
    assert (code, report["state"], report["note"]) == (0, "finished", "")
    code, out, _ = cli("dose", "--db", db, "--device", "n1", "--set", "n_pulses=20", "--json")
    dose = json.loads(out)
    assert (code, dose["n_pulses"], dose["budget"]) == (0, report["responses"], {"n_pulses": 20})
    assert "of 20" in cli("dose", "--db", db, "--device", "n1")[1]
    code, _, err = cli(*run, *few)
    assert code == 1
    assert "the device allows 0 more" in one_line(err)
    assert cli("dose", "--db", db, "--device", "n1", "--set", "n_pulses=none")[0] == 0
    assert cli(*run, *few)[0] == 0
    for wrong in ("n_pulses=few", "volts=3", "n_pulses"):
        code, _, err = cli("dose", "--db", db, "--device", "n1", "--set", wrong)
        assert code == 1
        one_line(err)
    code, _, err = cli(*run, *few, "--on-compliance", "ignore")
    assert code == 1
    assert "record, stop, ramp_down, not 'ignore'" in one_line(err)
