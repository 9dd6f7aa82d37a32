from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from labbench.features import Response
from labbench.stimulus import Pulse, PulseTrain
from labbench.store import Store
from labbench.trace import Channel, Trace


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    Store.open(path, create=True).close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """What keeps the database; a test of files alone asks for "sqlite" only."""
    return str(request.param)


@pytest.fixture
def new_database(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Path | str]:
    """Make an empty lab database, each time another."""
    if backend == "postgresql":
        server = request.getfixturevalue("postgres")
        return lambda: str(server.new_database(template="empty"))
    empty = request.getfixturevalue("empty_database")
    return lambda: Path(shutil.copy(empty, tmp_path_factory.mktemp("lab") / "lab.db"))


@pytest.fixture
def database(backend: str, request: pytest.FixtureRequest) -> Path | str:
    """An empty lab database; one that is about to get other tables comes from `new_database`."""
    if backend == "postgresql":
        return str(request.getfixturevalue("postgres").shared_database())
    return Path(request.getfixturevalue("new_database")())


@pytest.fixture
def store(database: Path | str) -> Iterator[Store]:
    with Store.open(database, durable=False) as store:
        yield store


@pytest.fixture
def begin_run(store: Store) -> Callable[..., int]:
    def begin(device: str = "D1", procedure: str = "pulse_response", **settings: object) -> int:
        session = store.begin_session({"roles": {}}, simulated=True, operator="tester")
        device_id = store.add_device(device, "neuron")
        return store.begin_run(session, device_id, procedure, "1", settings, seed=7)

    return begin


@pytest.fixture
def run_id(begin_run: Callable[..., int]) -> int:
    return begin_run()


@pytest.fixture
def response() -> Response:
    train = PulseTrain((Pulse(0.0, 1e-3, 0.8), Pulse(2e-3, 1e-3, 0.8)), duration_s=4e-3)
    counts = np.arange(-20, 20, dtype=np.int16)
    channels = {
        "input": Channel(counts, "voltage", "V", scale=0.02, rail_high=0.38),
        "output": Channel(counts / 7, "current", "A"),
    }
    return Response(train, Trace(channels, interval_s=1e-4))
