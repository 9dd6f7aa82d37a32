"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from labbench.errors import OutputError


def write_whole(path: Path, text: str) -> None:
    """Write a text file so that no reader, and no full disk, ever leaves half of it.

    Raises
    ------
    OutputError
        If the folder is missing or the file cannot be written.
    """
    if not path.parent.is_dir():
        raise OutputError(
            f"Cannot write {path.name}: there is no folder {path.parent}. Create it first."
        )
    # In the same folder, because a file moves as a whole only within one file system.
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise OutputError(
            f"Cannot write {path}: {error.strerror or error}. Free it or choose another place."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
