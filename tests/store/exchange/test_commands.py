from __future__ import annotations

import sys

import pytest

from labbench.cli import main
from labbench.store import Store


@pytest.fixture
def cli(monkeypatch, capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
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
def source(new_database, fill, add_results):
    path = new_database("source.db")
    with Store.open(path, durable=False) as store:
        add_results(store, [fill(store)])
    return path


def test_out_and_back_in(cli, source, tmp_path):
    out, target = tmp_path / "x.h5", tmp_path / "new.db"
    asked = ("db", "export", source, "--run", 1, "--format", "hdf5", "--out", out)
    assert cli(*asked) == (0, f"{out}: 1 runs with 6 waveforms as hdf5\n", "")
    code, _, err = cli(*asked)
    assert (code, err.count("\n")) == (1, 1)
    assert "is there already" in err
    assert "run 1: restored, run 1 of the export" in cli("db", "import", out, "--db", target)[1]
    assert "run 1 is here already" in cli("db", "import", out, "--db", target)[1]
    assert cli("db", "check", target)[0] == 0


def test_what_is_no_export_leaves_no_database(cli, source, tmp_path):
    for wrong in (source, tmp_path, tmp_path / "none"):
        code, out, err = cli("db", "import", wrong, "--db", tmp_path / "new.db")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "labbench: " in err
    assert not (tmp_path / "new.db").exists()


def test_runs_or_a_device_but_not_both(cli, source, tmp_path):
    asked = ("db", "export", source, "--format", "csv", "--out", tmp_path / "x")
    assert cli(*asked)[0] == 2
    assert cli(*asked, "--run", 1, "--device", "D1/ä")[0] == 2
    assert cli(*asked, "--device", "D1/ä")[0] == 0


def test_archive_and_out_again(cli, source, tmp_path):
    assert "sound and archived" in cli("db", "archive", source)[1]
    assert "archived already" in cli("db", "archive", source)[1]
    out = tmp_path / "x"
    assert cli("db", "export", source, "--run", 1, "--format", "csv", "--out", out)[0] == 0
    code, _, err = cli("db", "import", out, "--db", source)
    assert (code, err.count("\n")) == (1, 1)
    assert "can only be read, because it is archived" in err
    assert "can be written again" in cli("db", "archive", "--undo", source)[1]
    assert "run 1 is here already" in cli("db", "import", out, "--db", source)[1]
