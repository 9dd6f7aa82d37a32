"""Fits and comparisons beside the window: of which device, and what became of them."""

from __future__ import annotations

import sys

import pytest

from labbench.gui.models import child
from labbench.gui.models.compare_model import CompareModel


@pytest.fixture
def compare(store, office, until, monkeypatch, tmp_path):
    """A model whose commands are short programmes that say what they were asked."""
    start = child.subprocess.Popen
    asked = []

    def popen(command, **options):
        asked.append(command[3:])
        wait_s = 30 if command[3] in slow else 0
        code = f"import time; time.sleep({wait_s})"
        return start([sys.executable, "-c", code], **options)

    slow = []
    monkeypatch.setattr(child.subprocess, "Popen", popen)
    for name in ("A", "B"):
        store.add_device(name, "neuron")
    model = CompareModel(store, office)
    model.asked, model.slow = asked, slow
    model.show_device("A")
    until(lambda: office.is_idle)
    yield model
    model.close()


def devices_of(model):
    return [command[command.index("--device") + 1] for command in model.asked]


def test_both_steps_are_of_the_device_that_was_chosen_then(compare, until):
    compare.fit()
    compare.show_device("B")
    until(lambda: not compare.is_busy)
    assert [command[0] for command in compare.asked] == ["fit", "compare"]
    assert devices_of(compare) == ["A", "A"]
    assert compare.task.startswith("fit of A done")


def test_another_device_without_data_is_another_device(compare):
    told = []
    compare.subscribe("found", lambda: told.append(compare.device))
    compare.show_device("B")
    assert told == ["B"]


@pytest.mark.parametrize(("step", "said"), [("fit", "nothing of it"), ("compare", "the fit is")])
def test_what_is_cancelled_says_what_is_stored(compare, until, step, said):
    compare.slow.append(step)
    compare.fit()
    until(lambda: compare.asked[-1][0] == step and compare.is_busy)
    compare.cancel()
    until(lambda: not compare.is_busy)
    assert "cancelled" in compare.task
    assert said in compare.task
