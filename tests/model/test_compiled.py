"""Compiled functions are kept by the contents of all files of the room, not by time stamps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labbench.model import compiled


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "kernel.py").write_text("a = 1\n")
    (tmp_path / "models" / "one.py").write_text("b = 1\n")
    monkeypatch.setattr(compiled, "_ROOM", tmp_path)
    monkeypatch.setattr(compiled._config, "CACHE_DIR", "")
    return tmp_path


def test_a_change_anywhere_is_another_folder(room: Path):
    before = compiled._cache_folder()
    assert compiled._cache_folder() == before
    (room / "models" / "one.py").write_text("b = 2\n")
    assert compiled._cache_folder() != before


def test_folders_of_other_versions_are_removed(room: Path):
    stale = room / "__pycache__" / "compiled-0123"
    stale.mkdir(parents=True)
    (stale / "old.nbi").write_text("")
    here = compiled._cache_folder()
    here.mkdir()
    compiled._cache_folder()
    assert [one.name for one in stale.parent.iterdir()] == [here.name]


def test_where_the_user_says(room: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(compiled._config, "CACHE_DIR", str(tmp_path / "mine"))
    assert compiled._cache_folder().parent == tmp_path / "mine"


def test_a_second_start_compiles_nothing(tmp_path: Path):
    code = "from labbench.model.random import uniform; uniform(1, 2); print(uniform.stats)"
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start() -> str:
        return subprocess.run(
            [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
        ).stdout

    assert "cache_hits=Counter()" in start()
    assert "cache_misses=Counter()" in start()
