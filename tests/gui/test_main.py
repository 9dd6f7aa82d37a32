"""The command ``labbench-gui``."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from labbench.gui import main
from labbench.store import Store


def refused(capsys: pytest.CaptureFixture[str], path: object) -> str:
    assert main(["--db", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("labbench-gui: ")
    assert err.count("\n") == 1
    return err


def test_a_missing_database_is_one_line(capsys, tmp_path):
    assert "no database" in refused(capsys, tmp_path / "no.db")
    assert not (tmp_path / "no.db").exists()


def test_another_file_is_one_line(capsys, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all", "utf-8")
    assert "not an SQLite database" in refused(capsys, path)


def test_a_newer_database_is_one_line(capsys, store):
    store.close()
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert "newer" in refused(capsys, store.path)


def test_the_window_opens_and_closes(qapp, store, add_run):
    add_run()
    QTimer.singleShot(300, QApplication.closeAllWindows)
    assert main(["--db", str(store.path)]) == 0


SUPPLY = '[[simulated.instruments]]\naddress = "GPIB0::24::INSTR"\n'
# A window that plays a run as soon as its bench is open, and says what its bench ended with.
PLAYS = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
import labbench.gui.window as gui
from labbench.bench.bench import Bench
from labbench.store import Store

make_safe = Bench.make_safe
def say(bench):
    faults = make_safe(bench)
    print("safe", faults, flush=True)
    return faults
Bench.make_safe = say

application = QApplication([])
asked = []
def go():
    window = next(w for w in application.topLevelWidgets() if isinstance(w, gui.BenchWindow))
    lab = window.lab
    if lab.bench.state == "ready" and lab.bench.roles and not asked:
        asked.append(lab.queue.add("n1", "threshold_firing", {"repeats": 60.0, "start_v": 0.3}))
    if lab.queue.planned:
        lab.bench.start()
    if lab.bench.percent > 2:
        print("running", flush=True)
timer = QTimer(interval=50)
timer.timeout.connect(go)
timer.start()
with Store.open(sys.argv[1], create=True) as store:
    sys.exit(gui.show_window(store, sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_safe(tmp_path, bench_file, name):
    database = tmp_path / "played.db"
    command = [sys.executable, "-c", PLAYS, str(database), bench_file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout is not None
        assert any(line == "running\n" for line in window.stdout)
        window.send_signal(getattr(signal, name))
        rest = window.communicate(timeout=60)[0]
        assert window.returncode == 0
    assert "safe []" in rest
    with Store.open(database) as store:
        assert [run.state for run in store.runs()] == ["aborted"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_an_output_that_may_be_on_outlives_the_window(tmp_path, bench_file):
    path = Path(bench_file)
    head, supply = path.read_text("utf-8").split(SUPPLY)
    fault = 'faults = [{ kind = "drop", after = 60, times = 0 }]\n'
    path.write_text(head + SUPPLY + fault + supply, "utf-8")
    command = [sys.executable, "-c", PLAYS, str(tmp_path / "played.db"), bench_file]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as window:
        assert window.stdout is not None
        assert any("supply at" in line for line in window.stdout)
        window.send_signal(signal.SIGTERM)
        _, errors = window.communicate(timeout=60)
        assert window.returncode == 1
    assert "switch them off by hand: supply" in errors


def test_help_loads_no_qt():
    code = (
        "import sys, labbench.gui\n"
        "try: labbench.gui.main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'PySide6', 'pyqtgraph', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
