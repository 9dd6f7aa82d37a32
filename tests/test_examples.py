"""The examples run as they are, and show what they say."""

from __future__ import annotations

import importlib.util
import re
import sys
from math import isfinite
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.image import imread

EXAMPLES = Path(__file__).parents[1] / "examples"
PROPERTIES = (
    "leaky_integration",
    "threshold_firing",
    "refractory_period",
    "intrinsic_plasticity",
    "stochasticity",
    "cascaded_propagation",
)


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its own module up.
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    return module


def test_six_properties_are_drawn_and_printed(tmp_path, capsys):
    out = tmp_path / "six.png"
    example("six_properties").main(["--out", str(out), "--trials", "20"])
    image = imread(out)
    assert min(image.shape[:2]) > 1000
    # Ink, but not everywhere.
    assert 0.02 < (image[..., :3].min(axis=2) < 0.9).mean() < 0.5

    *lines, energy = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"energy per spike +input [\d.]+\spJ \(memristor [\d.]+\spJ, resistors [\d.]+\spJ, "
        r"stored .*\), supply [\d.]+\snJ, n = \d+",
        energy,
    )
    assert {line.split()[0] for line in lines} == set(PROPERTIES)
    for line in lines:
        found = re.search(r"([\d.]+)\s±\s([\d.]+).*n = (\d+)$", line)
        assert found is not None, line
        assert all(isfinite(float(number)) for number in found.groups())
        assert int(found[3]) >= 10


def test_six_properties_need_some_trials(capsys):
    with pytest.raises(SystemExit) as stopped:
        example("six_properties").main(["--trials", "3"])
    assert stopped.value.code == 2
    assert "at least 10 trials" in capsys.readouterr().err
