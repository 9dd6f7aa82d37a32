"""The text of a file: how its bytes were encoded, its lines, and the way back to the bytes."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labbench.errors import ImportFileError

_MARK = "\ufeff"
_MARKED = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Of every second byte of a text in UTF-16, at least this part is zero.
_ZEROS = 0.4
_CONTROLS = frozenset(map(chr, range(32))) - set("\t\n\r\f\x1a")


@dataclass(frozen=True)
class SourceText:
    """A file as text.

    Attributes
    ----------
    file_name : str
    text : str
        As it stands, byte order mark and line ends included: ``text.encode(encoding)`` is the
        file, byte for byte.
    encoding : str
    lines : tuple of str
        Without byte order mark, line ends, and blank lines at the end.
    is_ended : bool
        Whether the last line has a line end.
    notes : tuple of str
    """

    file_name: str
    text: str
    encoding: str
    lines: tuple[str, ...]
    is_ended: bool
    notes: tuple[str, ...] = ()

    def error(self, line: int, found: str) -> ImportFileError:
        """Return an error that names a line (from 1, as an editor shows it)."""
        return ImportFileError(f"{self.file_name}, line {line}: {found}")


def read_text(path: Path, encoding: str | None = None) -> SourceText:
    """Read a file as text: marked UTF-8 or UTF-16, else UTF-8, else Latin-1 with a note.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        What it is encoded in, where that cannot be told.

    Raises
    ------
    ImportFileError
        If it cannot be read, is empty, is not text, or not in the given encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ImportFileError(
            f"{path.name}: cannot be read ({error.strerror}); check the path."
        ) from error
    if not content.strip():
        raise ImportFileError(f"{path.name}: the file is empty; export it again.")
    found = _find_encoding(content) if encoding is None else encoding
    try:
        text = content.decode(found)
        is_exact = text.encode(found) == content
    except (UnicodeError, LookupError) as error:
        raise ImportFileError(
            f"{path.name}: is not text in {found} ({error}); give another --encoding."
        ) from None
    if not is_exact or not _CONTROLS.isdisjoint(text):
        raise ImportFileError(f"{path.name}: is not text; export it as CSV, not as a binary file.")
    notes = []
    if encoding is None and found == "latin-1":
        notes.append("the file is not UTF-8: read as Latin-1 (--encoding says otherwise)")
    elif found != "utf-8":
        notes.append(f"the file is encoded in {found}")
    plain = text.removeprefix(_MARK).replace("\r\n", "\n").replace("\r", "\n")
    lines = plain.split("\n")
    is_ended = not lines[-1]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ImportFileError(f"{path.name}: the file is empty; export it again.")
    return SourceText(path.name, text, found, tuple(lines), is_ended, tuple(notes))


def file_bytes(source: str, settings: Mapping[str, object]) -> bytes:
    """Return the bytes of an imported file, from what the store keeps of its run.

    Parameters
    ----------
    source : str
        `Store.source` of the run.
    settings : mapping
        Settings of the run.
    """
    return source.encode(str(settings.get("encoding", "utf-8")))


def _find_encoding(content: bytes) -> str:
    for mark, encoding in _MARKED:
        if content.startswith(mark):
            return encoding
    half = len(content) // 2
    if half and content[1::2].count(0) >= _ZEROS * half:
        return "utf-16-le"
    if half and content[0::2].count(0) >= _ZEROS * half:
        return "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
