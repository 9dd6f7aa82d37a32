"""Seals: the sha256 of every byte of an export, written last and looked at first.

A folder is sealed by ``SHA256SUMS``, which ``sha256sum -c`` reads too; an HDF5 file by a line
before its HDF5 part, in the block that HDF5 leaves to its users.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import BinaryIO

from labbench.errors import ImportFileError

SUMS = "SHA256SUMS"
BLOCK = 512
_MAGIC = b"labbench export, HDF5 after this block of 512 bytes, whose sha256 is "
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def seal_folder(folder: Path) -> None:
    """Write the sums of all files in a folder."""
    lines = [f"{_sum_of(file)}  {file.relative_to(folder).as_posix()}\n" for file in _files(folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


def require_sealed_folder(folder: Path) -> None:
    """Check that the files of a folder are those that were sealed.

    Raises
    ------
    ImportFileError
        If a file is damaged, missing, or was not there.
    """
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ImportFileError(
            f"{folder} is not a whole export of labbench: {SUMS} cannot be read: {error}."
        ) from error
    found = [_LINE.fullmatch(line) for line in lines]
    if not all(found):
        raise _damaged(folder, SUMS)
    sums = {match[2]: match[1] for match in found if match}
    here = {file.relative_to(folder).as_posix(): file for file in _files(folder)}
    for name in sorted(sums.keys() ^ here.keys()):
        problem = "is missing" if name in sums else "does not belong to it"
        raise ImportFileError(f"The export {folder} is not whole: {name} {problem}.")
    for name, file in here.items():
        if _sum_of(file) != sums[name]:
            raise _damaged(folder, name)


def seal_file(path: Path) -> None:
    """Write the sum of what follows the first block into the block."""
    with path.open("r+b") as file:
        line = _MAGIC + _rest(file).encode() + b"\n"
        file.seek(0)
        file.write(line.ljust(BLOCK, b"\0"))


def require_sealed_file(path: Path) -> None:
    """Check that a file is what was sealed.

    Raises
    ------
    ImportFileError
        If it is damaged, or no export.
    """
    try:
        with path.open("rb") as file:
            block = file.read(BLOCK)
            if block[: len(_MAGIC)] != _MAGIC:
                raise ImportFileError(
                    f"{path} is not an HDF5 export of labbench, or its beginning is damaged: "
                    "correct the path or get a new copy."
                )
            if block != (_MAGIC + _rest(file).encode() + b"\n").ljust(BLOCK, b"\0"):
                raise _damaged(path.parent, path.name)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be read: {error}.") from error


def _rest(file: BinaryIO) -> str:
    file.seek(BLOCK)
    total = hashlib.sha256()
    while part := file.read(1 << 20):
        total.update(part)
    return total.hexdigest()


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file() and f != folder / SUMS)


def _damaged(folder: Path, name: str) -> ImportFileError:
    return ImportFileError(
        f"{name} of the export in {folder} is damaged: its sha256 is not the one it was written "
        "with. Nothing was imported; get a new copy."
    )
