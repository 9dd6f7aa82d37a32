"""A small simulated bench: card B1 itself, no spread."""

from importlib.resources import files

import pytest

from labbench.bench import open_bench
from labbench.store import Store

TEMPLATE = files("labbench.bench").joinpath("demo.toml").read_text("utf-8")


@pytest.fixture
def bench_file(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text(TEMPLATE.replace("spread = 0.3", "spread = 0.0"), "utf-8")
    return path


@pytest.fixture
def bench(bench_file):
    with open_bench(bench_file) as opened:
        yield opened


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "lab.db", create=True, durable=False) as opened:
        yield opened
