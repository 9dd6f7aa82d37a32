"""The command ``labbench-gui``."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from labbench.gui import main


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


def test_help_loads_no_qt():
    code = (
        "import sys, labbench.gui\n"
        "try: labbench.gui.main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "assert not {'PySide6', 'pyqtgraph', 'sqlalchemy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
