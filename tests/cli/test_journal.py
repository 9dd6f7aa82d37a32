"""The journal at the command line."""

from __future__ import annotations

import json
import sys

import pytest

from labbench.cli import main
from labbench.store import Store


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
def db(tmp_path):
    path = tmp_path / "lab.db"
    with Store.open(path, create=True, durable=False) as store:
        session = store.begin_session({}, simulated=True, operator="tester")
        store.begin_run(session, store.add_device("D1", "neuron"), "p", "1", {}, None)
        store.add_wafer("W1")
    return path


def test_what_is_said_is_shown(cli, db):
    add = ("journal", "add", "--db", db)
    assert cli(*add, "--run", 1, "--exclude", "needle slipped") == (
        0,
        "run 1: exclude needle slipped\n",
        "",
    )
    for said in (
        ("--device", "D1", "--tag", "golden"),
        ("--device", "D1", "--untag", "golden"),
        ("--wafer", "W1", "--note", "etched"),
        ("--run", 1, "--include", "it had not"),
    ):
        assert cli(*add, *said)[0] == 0
    code, out, err = cli("journal", "show", "--db", db)
    lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", 5)
    assert "  run 1  exclude: needle slipped  (" in lines[0]
    assert "  device D1  tag: golden  (" in lines[1]
    assert "  wafer W1  note: etched  (" in lines[3]
    document = json.loads(cli("journal", "show", "--db", db, "--run", 1, "--json")[1])
    assert [entry["kind"] for entry in document] == ["exclude", "include"]
    assert document[0]["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("--note", "x"), "none was given"),
        (("--run", 1, "--device", "D1", "--note", "x"), "--run, --device was given"),
        (("--run", 1), "none was given"),
        (("--run", 1, "--note", "x", "--tag", "y"), "--note, --tag was given"),
        (("--device", "D1", "--exclude", "x"), "--exclude is for runs"),
    ],
)
def test_wrong_usage_says_nothing(cli, db, said, message):
    code, _, err = cli("journal", "add", "--db", db, *said)
    assert code == 2
    assert message in " ".join(err.replace("│", " ").split())
    with Store.open(db) as store:
        assert store.journal() == []


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("--run", 7, "--note", "x"), "no run 7"),
        (("--run", 1, "--exclude", " "), "needs a reason"),
        (("--device", "D1", "--untag", "x"), "has no tag 'x'"),
    ],
)
def test_what_cannot_be_said_is_one_clear_line(cli, db, said, message):
    code, _, err = cli("journal", "add", "--db", db, *said)
    assert code == 1
    assert err.startswith("labbench: ")
    assert err.count("\n") == 1
    assert message in err
