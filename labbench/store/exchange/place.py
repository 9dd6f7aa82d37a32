"""A place to write to that is there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labbench.errors import OutputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give another name beside a path, and rename what was made there when all of it is.

    Raises
    ------
    OutputError
        If something is at the path already, there is no folder for it, or it cannot be written.
    """
    _require_free(path)
    if not path.parent.is_dir():
        raise OutputError(
            f"Cannot write {path.name}: there is no folder {path.parent}. Create it first."
        )
    # Beside it, because a file or folder moves as a whole only within one file system.
    partial = _partial(path, os.getpid())
    _remove(partial)
    try:
        yield partial
        _require_free(path)
        partial.rename(path)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror or error}. Free it or choose another place."
        ) from error
    finally:
        _remove(partial)


def clear(path: Path, pid: int) -> Path | None:
    """Remove what a process that was killed has begun to write to a path.

    Parameters
    ----------
    path : Path
        As it was given to `whole`; what is there itself is left alone.
    pid : int
        Of the process, which has ended.

    Returns
    -------
    Path or None
        What could not be removed.
    """
    if not path.name:
        return None
    partial = _partial(path, pid)
    _remove(partial)
    return partial if partial.exists() else None


def _partial(path: Path, pid: int) -> Path:
    return path.with_name(f".{path.name}.{pid}.partial")


def _require_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path} is there already, and nothing is overwritten: name another.")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
