"""A small simulated wafer under a simulated prober."""

from importlib.resources import files

import pytest

from labbench.bench import open_bench
from labbench.store import Store
from labbench.wafer.plan import plan_from

DEMO = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")
ROLE = '[instruments.prober]\ndriver = "velox"\naddress = "GPIB0::28::INSTR"\n\n[wiring]\n'
PROBER = """
[[simulated.instruments]]
address = "GPIB0::28::INSTR"
model = "Velox"

[simulated.wafer]
columns = 3
rows = 2
"""


@pytest.fixture
def bench_file(tmp_path):
    def write(wafer="", more=""):
        path = tmp_path / "bench.toml"
        text = DEMO.replace("[wiring]\n", ROLE, 1).replace("spread = 0.3", "spread = 0.0")
        path.write_text(text + more + PROBER + wafer, "utf-8")
        return path

    return write


@pytest.fixture
def make_plan():
    def make(**changed):
        document = {
            "name": "first",
            "bench": "bench.toml",
            "wafer": {"label": "W1", "columns": 3, "rows": 2},
            "contact": {"settings": {"terminals": 1}},
            "steps": [{"procedure": "contact_check", "settings": {"terminals": 1, "read_v": 0.02}}],
        }
        return plan_from({**document, **changed})

    return make


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "lab.db", create=True, durable=False) as opened:
        yield opened


@pytest.fixture
def open_wafer(bench_file):
    """Open the bench on a wafer, and close it at the end."""
    opened = []

    def start(wafer="", more=""):
        bench = open_bench(bench_file(wafer, more))
        opened.append(bench)
        return bench

    yield start
    for bench in opened:
        bench.__exit__(None, None, None)
