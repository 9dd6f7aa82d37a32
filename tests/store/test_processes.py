"""Several processes on one file, and one that is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import labbench
from labbench.store import Store, check
from labbench.store.engine import writing

WRITER = """
import sys
import numpy as np
from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import PulseRow, Store
from labbench.trace import Channel, Trace

train = PulseTrain(tuple(Pulse(k * 1e-3, 5e-4, 0.8) for k in range(20)), duration_s=1.0)
trace = Trace({"output": Channel(np.arange(5000, dtype=np.int16), "voltage", "V")}, interval_s=1e-4)
rows = [PulseRow(k, k * 1e-3, 5e-4, 0.8) for k in range(20)]
with Store.open(sys.argv[1]) as store:
    session = store.begin_session({}, simulated=True)
    run = store.begin_run(session, store.add_device("D1", "neuron"), "p", "1", {}, None)
    for ordinal in range(10_000):
        store.save_response(run, ordinal, Response(train, trace), rows)
        print(ordinal, flush=True)
"""

READER = """
import sys
from labbench.store import Store

with Store.open(sys.argv[1]) as store:
    print(len(store.responses(1)), len(store.pulses(1)))
"""


def start(script: str, path: Path | str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(labbench.__file__).parents[1],
    )


def test_a_killed_writer_loses_no_acknowledged_train(database):
    for attempt in range(2):
        with start(WRITER, database) as writer:
            acknowledged = [int(writer.stdout.readline()) for _ in range(5 + 20 * attempt)]
            writer.kill()
            acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        with Store.open(database) as store:
            with writing(store.engine):
                pass  # a server may still be at the last commit of the dead
            run = store.runs()[-1]
            saved = len(store.responses(run.id))
            assert saved in (len(acknowledged), len(acknowledged) + 1)
            assert len(store.pulses(run.id)) == 20 * saved
            assert run.state == "running"
            assert check(store) == []


def test_a_second_process_reads_while_one_writes(store, database, run_id, response):
    with start(READER, database) as reader:
        for ordinal in range(100):
            store.save_response(run_id, ordinal, response)
            if reader.poll() is not None:
                break
        trains, pulses = map(int, reader.stdout.read().split())
    assert reader.returncode == 0
    assert pulses == 0
    assert 0 <= trains <= 100


@pytest.fixture
def nothing(backend, request, tmp_path):
    """Where there is no lab database yet."""
    if backend == "sqlite":
        return tmp_path / "lab.db"
    return request.getfixturevalue("postgres").new_database()


def test_two_processes_create_the_same_database(nothing):
    script = "import sys; from labbench.store import Store; Store.open(sys.argv[1], create=True)"
    makers = [start(script, nothing) for _ in range(2)]
    for maker in makers:
        maker.communicate()
    assert [maker.returncode for maker in makers] == [0, 0]
    with Store.open(nothing) as store:
        assert check(store) == []
