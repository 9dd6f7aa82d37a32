"""Looking a database over: real damage is a line each, or one clear error; never a traceback."""

from __future__ import annotations

import json
import random
import sqlite3
import sys
from contextlib import closing

import numpy as np
import pytest

from labbench.cli import main
from labbench.errors import StoreError
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import PulseRow, Store, check, examine, worst_dose
from labbench.trace import Channel, Trace

PAGE = 16384


@pytest.fixture(scope="module")
def whole(empty_database, tmp_path_factory):
    """A database of three finished runs, two trains each, with samples that do not compress."""
    path = tmp_path_factory.mktemp("whole") / "lab.db"
    path.write_bytes(empty_database.read_bytes())
    pulses = tuple(Pulse(k * 1e-3, 5e-4, 0.8) for k in range(100))
    train, noise = PulseTrain(pulses, duration_s=0.2), np.random.default_rng(0)
    rows = [PulseRow(k, k * 1e-3, 5e-4, 0.8) for k in range(100)]
    with Store.open(path, durable=False) as store:
        session = store.begin_session({}, simulated=True, operator="tester")
        device = store.add_device("D1", "neuron")
        for _ in range(3):
            run_id = store.begin_run(session, device, "p", "1", {"width_s": 1e-3}, 7)
            for ordinal in range(2):
                counts = noise.integers(-2048, 2048, 40_000, dtype=np.int16)
                trace = Trace({"output": Channel(counts, "voltage", "V")}, interval_s=5e-6)
                store.apply_dose(run_id, ordinal, worst_dose(train, 1e3))
                store.save_response(run_id, ordinal, Response(train, trace), rows)
            store.end_run(run_id, "finished")
    return path


@pytest.fixture
def path(whole, tmp_path):
    path = tmp_path / "lab.db"
    path.write_bytes(whole.read_bytes())
    return path


@pytest.fixture
def cli(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["labbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return run


def overwrite(path, offset, data):
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def change(path, *statements):
    """Change a file as damage does, past what refuses changes."""
    with closing(sqlite3.connect(path)) as connection:
        asked = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        guards = [f"DROP TRIGGER {name}" for (name,) in connection.execute(asked).fetchall()]
        for statement in (*guards, *statements):
            connection.execute(statement)
        connection.commit()


def waveform_bytes(path, waveform_id):
    with closing(sqlite3.connect(path)) as connection:
        asked = "SELECT data FROM waveform_data WHERE waveform_id = ?"
        (data,) = connection.execute(asked, (waveform_id,)).fetchone()
    return data


def place_of(path, waveform_id):
    """Return where in the file the middle of a waveform lies."""
    data = waveform_bytes(path, waveform_id)
    middle = len(data) // 2
    return path.read_bytes().index(data[middle : middle + 200])


def test_a_sound_database_says_what_it_is(path, cli):
    findings = examine(path)
    assert (findings.problems, findings.notes) == ([], [])
    facts = findings.facts
    assert facts["page_size"] == PAGE
    assert facts["journal_mode"] == "wal"
    assert facts["user_version"] == int(facts["schema_revision"])
    assert (facts["run_count"], facts["stimulus_count"], facts["waveform_count"]) == (3, 6, 6)
    code, out, _ = cli("db", "check", path, "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
    assert cli("db", "check", path)[1].endswith("is sound\n")


def test_a_flipped_byte_of_a_waveform(path, cli):
    offset = place_of(path, 4)
    flipped = path.read_bytes()[offset] ^ 0x10
    overwrite(path, offset, bytes([flipped]))
    code, out, err = cli("db", "check", path, "--json")
    (problem,) = json.loads(out)["problems"]
    assert (code, err) == (1, "")
    assert "Waveform 4 (channel 'output' of response 1 of run 2) does not fit" in problem
    assert "restore it from a backup" in problem


def test_garbage_in_the_middle(path, cli):
    overwrite(path, path.stat().st_size // 2 // PAGE * PAGE, random.Random(0).randbytes(4096))
    code, out, err = cli("db", "check", path)
    assert (code, err) == (1, "")
    assert "damaged" in out or "SQLite finds" in out
    assert "is sound" not in out


@pytest.mark.parametrize("size", [60, 3000, PAGE * 2 + 5, PAGE * 20])
def test_a_truncated_file(path, cli, size):
    path.write_bytes(path.read_bytes()[:size])
    code, out, err = cli("db", "check", path)
    assert code == 1
    assert "backup" in out + err
    code, out, err = cli("db", "check", path, "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["problems"]


@pytest.mark.parametrize("offset", [0, 16, 44, 68, 100])
def test_a_garbage_header(path, cli, offset):
    overwrite(path, offset, b"\xa5" * 12)
    code, out, err = cli("db", "check", path)
    assert code == 1
    assert (out + err).count("\n") >= 1
    assert "Traceback" not in out + err


def test_zeroed_pages_leave_the_waveforms_readable(path):
    with closing(sqlite3.connect(path)) as connection:
        asked = "SELECT rootpage FROM sqlite_master WHERE name = 'pulse'"
        (page,) = connection.execute(asked).fetchone()
    overwrite(path, (page - 1) * PAGE, bytes(PAGE))
    problems = examine(path).problems
    assert any("The trains could not be looked at to their end" in line for line in problems)
    assert not any("aveform" in line for line in problems)
    with Store.open(path) as store:
        assert len(store.responses(2)) == 2
        with pytest.raises(StoreError, match=r"is damaged.*restore it from a backup"):
            store.pulses(2)


SPOILED = {
    "a train without waveforms": (
        [
            "DELETE FROM preview WHERE waveform_id = 1",
            "DELETE FROM waveform_data WHERE waveform_id = 1",
            "DELETE FROM waveform WHERE id = 1",
        ],
        "Response 0 of run 1 has no waveforms",
    ),
    "a train in part": (
        ["DELETE FROM pulse WHERE stimulus_id = 2 AND idx > 40"],
        "Response 1 of run 1 has 41 of its 100 pulses",
    ),
    "too few samples": (
        ["UPDATE waveform SET n = 40001 WHERE id = 3"],
        "40001 samples of int16 were announced",
    ),
    "a stimulus that is none": (
        ["UPDATE stimulus SET spec = replace(spec, 'pulse_train', 'pulse_pain') WHERE id = 5"],
        "Response 0 of run 3 has a damaged stimulus",
    ),
    "no JSON": (["UPDATE stimulus SET spec = 'x' || spec WHERE id = 5"], "is no JSON"),
    "a lost response": (
        [
            "DELETE FROM preview WHERE waveform_id = 6",
            "DELETE FROM waveform_data WHERE waveform_id = 6",
            "DELETE FROM waveform WHERE id = 6",
            "DELETE FROM pulse WHERE stimulus_id = 6",
            "DELETE FROM stimulus WHERE id = 6",
        ],
        "Response 1 of run 3 is lost; the ledger of doses says that it was recorded",
    ),
    "a response that is not in the ledger": (
        ["DELETE FROM dose WHERE run_id = 2 AND ordinal = 0"],
        "Response 0 of run 2 is not in the ledger of doses",
    ),
    "another programme's mark": (["PRAGMA user_version = 77"], "user_version is 77"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_what_does_not_agree_is_one_line(path, case):
    statements, said = SPOILED[case]
    change(path, *statements)
    (problem,) = examine(path).problems
    assert said in problem
    assert "backup" in problem


def test_a_moment_that_is_none_is_a_clear_error(path):
    change(path, "UPDATE run SET started_at = 'yesterday' WHERE id = 2")
    with Store.open(path) as store, pytest.raises(StoreError, match="'yesterday'"):
        store.runs()


def test_what_was_left_unfinished_is_said_and_is_no_damage(path, cli):
    change(
        path,
        "UPDATE run SET state = 'running', ended_at = NULL WHERE id = 3",
        "UPDATE run_owner SET token = 'another boot/x/1'",
        "UPDATE dose SET recorded = 0 WHERE run_id = 3 AND ordinal = 1",
        "DELETE FROM preview WHERE waveform_id = 6",
        "DELETE FROM waveform_data WHERE waveform_id = 6",
        "DELETE FROM waveform WHERE id = 6",
        "DELETE FROM pulse WHERE stimulus_id = 6",
        "DELETE FROM stimulus WHERE id = 6",
    )
    findings = examine(path)
    assert findings.problems == []
    run, dose = findings.notes
    assert run.startswith("Run 3 (p on device 'D1') was interrupted")
    assert dose.startswith("Of run 3, 1 stimuli were applied")
    code, out, _ = cli("db", "check", path)
    assert code == 0
    assert out.count("note: ") == 2


def test_a_run_at_work_is_not_unfinished(database, store, run_id, response):
    store.apply_dose(run_id, 0, worst_dose(response.stimulus, 1e3))
    findings = examine(database)
    assert (findings.problems, findings.notes) == ([], [])


def damaged(content, number):
    """Return a file with damage drawn at random."""
    draw, spoiled = random.Random(number), bytearray(content)
    kind = draw.choice(["flip", "garbage", "truncate", "zero", "header"])
    if kind == "flip":
        for _ in range(draw.choice([1, 5, 50])):
            spoiled[draw.randrange(100, len(spoiled))] ^= 1 << draw.randrange(8)
    elif kind == "garbage":
        offset = draw.randrange(len(spoiled) - 4096)
        spoiled[offset : offset + 4096] = draw.randbytes(4096)
    elif kind == "truncate":
        del spoiled[draw.randrange(1, len(spoiled)) :]
    elif kind == "zero":
        offset = draw.randrange(1, len(spoiled) // PAGE) * PAGE
        spoiled[offset : offset + PAGE] = bytes(PAGE)
    else:
        offset = draw.randrange(100)
        spoiled[offset : offset + 8] = draw.randbytes(8)
    return kind, bytes(spoiled)


@pytest.mark.parametrize("number", range(25))
def test_any_damage_is_a_list_or_one_clear_error(whole, tmp_path, number):
    kind, content = damaged(whole.read_bytes(), number)
    path = tmp_path / "lab.db"
    path.write_bytes(content)
    try:
        problems = examine(path).problems
    except StoreError as error:
        problems = [str(error)]
    assert all("\n" not in line for line in problems), problems
    assert problems or kind not in ("truncate", "zero")


def test_every_look_goes_on_after_the_one_that_failed(path):
    overwrite(path, place_of(path, 1), b"\0" * 8)
    change(path, "DELETE FROM dose WHERE run_id = 2", "PRAGMA user_version = 77")
    with Store.open(path) as store:
        problems = check(store)
    assert len(problems) == 4
