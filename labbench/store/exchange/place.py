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
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
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


def _require_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path} is there already, and nothing is overwritten: name another.")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
