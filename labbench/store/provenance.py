"""Which programme is running, where, and by whom: what a session remembers of itself."""

from __future__ import annotations

import getpass
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import labbench

# The packages that can change a number.
_PACKAGES = ("numpy", "scipy", "numba", "lmfit", "pymeasure", "pyvisa", "pyvisa-py", "sqlalchemy")

_DIRTY = "-dirty"


def programme() -> dict[str, object]:
    """Return the columns of a session that describe the programme and the computer."""
    commit = _git_commit()
    return {
        "host": platform.node(),
        "labbench_version": labbench.__version__,
        "python_version": platform.python_version(),
        "package_versions": {name: _version(name) for name in _PACKAGES},
        "git_commit": None if commit is None else commit.removesuffix(_DIRTY),
        "git_dirty": None if commit is None else commit.endswith(_DIRTY),
    }


def version_and_commit() -> dict[str, object]:
    """Return the columns of a fit that describe the programme."""
    return {"labbench_version": labbench.__version__, "git_commit": _git_commit()}


def user() -> str:
    """Return the name of whoever is logged in."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit() -> str | None:
    """Return the commit, ending in "-dirty" if something was changed since; None without one."""
    # An installed labbench may lie inside of somebody else's repository: look no further up.
    folder = Path(labbench.__file__).parents[1]
    if not (folder / ".git").exists():
        return None
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            describe, cwd=folder, capture_output=True, text=True, timeout=2, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
