"""Models on a simulated bench, and a loop in place of the window's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pytest

from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.live_model import LiveModel
from labbench.gui.models.office import Office
from labbench.gui.models.queue_model import QueueModel
from labbench.store import Store

TEMPLATE = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")
SUPPLY = '[[simulated.instruments]]\naddress = "GPIB0::24::INSTR"\n'
LONG_S = 60.0


@dataclass
class Models:
    store: Store
    office: Office
    live: LiveModel
    bench: BenchModel
    queue: QueueModel
    bench_file: str

    def until(self, holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + LONG_S
        while not holds():
            assert time.monotonic() < deadline, (self.bench.state, self.bench.notices)
            self.office.deliver()
            time.sleep(0.005)

    def break_link(self, after: int, times: int = 0) -> None:
        """Have the supply drop its link after some messages; for good, unless `times` is given."""
        path = Path(self.bench_file)
        head, supply = path.read_text("utf-8").split(SUPPLY)
        fault = f'faults = [{{ kind = "drop", after = {after}, times = {times} }}]\n'
        path.write_text(head + SUPPLY + fault + supply, "utf-8")

    def connect(self) -> None:
        self.bench.connect(self.bench_file)
        self.until(lambda: self.bench.state == "ready" and self.bench.roles)


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Models]:
    bench_file = tmp_path / "bench.toml"
    bench_file.write_text(TEMPLATE.replace("spread = 0.3", "spread = 0.0"), "utf-8")
    with Store.open(tmp_path / "lab.db", create=True, durable=False) as store:
        office, live = Office(), LiveModel()
        bench = BenchModel(store, office, live)
        made = Models(store, office, live, bench, QueueModel(store, office, bench), str(bench_file))
        yield made
        assert bench.thread.close(LONG_S)
        live.close()
        office.close()


@pytest.fixture
def office() -> Iterator[Office]:
    """A clerk alone, for models that need no bench; what he complains about is in `errors`."""
    made = Office()
    made.errors = []
    made.on_error = made.errors.append
    yield made
    made.close()


@pytest.fixture
def until(office: Office) -> Callable[[Callable[[], object]], None]:
    """Wait until something holds, and hand answers over meanwhile."""

    def wait(holds: Callable[[], object]) -> None:
        deadline = time.monotonic() + LONG_S
        while not holds():
            assert time.monotonic() < deadline, office.errors
            office.deliver()
            time.sleep(0.005)

    return wait
