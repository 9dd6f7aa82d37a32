"""The devices at the command line."""

from __future__ import annotations

import json
import sys

import pytest

from labbench.cli import main


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


def test_a_device_gets_its_place_once(cli, tmp_path):
    db = ("--db", tmp_path / "lab.db")
    assert cli("device", "add", "n1", *db)[:2] == (0, "device n1: neuron, number 1\n")
    assert cli("device", "list", *db)[1] == "n1  neuron\n"
    where = ("--wafer", "W7", "--die", 3, -2)
    assert cli("device", "add", "n1", *db, *where, "--geometry", "width_m=2e-6")[0] == 0
    assert cli("device", "list", *db)[1] == "n1  neuron  W7 (3, -2)\n"
    (found,) = json.loads(cli("device", "list", *db, "--json")[1])
    assert (found["wafer"], found["x"], found["y"]) == ("W7", 3, -2)
    assert found["geometry"] == {"width_m": 2e-6}
    code, _, err = cli("device", "add", "n1", *db, "--wafer", "W7", "--die", 4, 4)
    assert code == 1
    assert "'n1' is stored with" in err


@pytest.mark.parametrize(
    "wrong", [("--wafer", "W"), ("--die", 1, 2), ("--geometry", "wide"), ("--geometry", "w=x")]
)
def test_half_a_place_and_no_number_are_wrong_usage(cli, tmp_path, wrong):
    db = tmp_path / "lab.db"
    assert cli("device", "add", "n1", "--db", db, *wrong)[0] == 2
    assert not db.exists()
