"""One file of another tool as responses: what was applied, what came back, what to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from labbench.features.feature import Response
from labbench.store.importers.block import Block, Dialect
from labbench.store.importers.dialects import recognise
from labbench.store.importers.loops import cut_loops
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.part import Part, understand
from labbench.store.importers.responses import make_response
from labbench.store.importers.text import SourceText, read_text


@dataclass(frozen=True, eq=False)
class Recording:
    """A file of another tool, read.

    Attributes
    ----------
    procedure : str
        "imported_sweep" (an order of voltages, from zero to one peak and back), "imported_pulse"
        (a voltage against time), or "imported_record" (anything else, kept without features).
    responses : tuple of Response
        Channels "input" (V) and "memristor" (A), where the file tells what these are, and others
        by their names; raw as in the file, with the scale to SI units.
    settings : dict
        JSON-ready: file name, dialect, encoding, sha256 of the bytes, the lines of each response,
        and what the caller added.
    source : str
        The whole file as it stands: the same file is the same recording.
    notes : tuple of str
        What a reader must know; also on every trace.
    """

    procedure: str
    responses: tuple[Response, ...]
    settings: dict[str, Any]
    source: str
    notes: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8, as the store has it; of the bytes, if the file is UTF-8."""
        return sha256(self.source.encode("utf-8")).hexdigest()


def find_blocks(path: Path, options: ReadOptions) -> tuple[SourceText, Dialect, list[Block]]:
    """Recognise a file and read its columns, before anything is asked about them.

    Raises
    ------
    ImportFileError
        If it is of no known kind, or any part of it cannot be read.
    """
    options.check(path.name)
    source = read_text(path, options.encoding)
    dialect = recognise(source)
    return source, dialect, dialect.read(source, options)


def read_recording(path: Path, **given: Any) -> Recording:
    """Read a recording of another tool, recognised by its content.

    Parameters
    ----------
    path : Path
        Of one of the kinds in `labbench.store.importers.dialects`.
    **given
        What the file does not tell: the fields of `ReadOptions`, such as ``dwell_s=0.1`` or
        ``units={"voltage": "V"}``.

    Raises
    ------
    ImportFileError
        If any part of the file cannot be read; nothing is left out silently.
    """
    options = ReadOptions(**given)
    source, dialect, blocks = find_blocks(path, options)
    parts = [understand(source, block, options) for block in blocks]
    procedure = _procedure(parts)
    notes = [*source.notes, *dict.fromkeys(note for part in parts for note in part.notes)]
    responses, lines = [], []
    for part in parts:
        groups = part.groups
        if procedure == "imported_sweep":
            groups = _cut(part, notes)
        for group in groups:
            numbers = part.signals.line_numbers[group]
            lines.append([int(numbers[0]), int(numbers[-1])])
            responses.append(make_response(part, group, options.dwell_s))
    responses = [replace(r, trace=replace(r.trace, notes=tuple(notes))) for r in responses]
    settings = {
        **asdict(options),
        "missing": list(options.missing),
        "file_name": path.name,
        "dialect": dialect.name,
        "encoding": source.encoding,
        "file_sha256": sha256(source.text.encode(source.encoding)).hexdigest(),
        "n_responses": len(responses),
        "lines": lines,
    }
    return Recording(procedure, tuple(responses), settings, source.text, tuple(notes))


def _procedure(parts: Sequence[Part]) -> str:
    """Return the name of what all parts are; features come of like parts only."""
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        return "imported_record"
    (shape,) = shapes
    if shape != "sweep":
        return f"imported_{shape}"
    for part in parts:
        assert part.signals.voltage is not None
        voltage_v = part.signals.voltage.values
        if any(cut_loops(voltage_v[group]) is None for group in part.groups):
            part.notes.append(
                "does not go from zero to one peak and back: kept without features of switching"
            )
            return "imported_record"
    return "imported_sweep"


def _cut(part: Part, notes: list[str]) -> list[slice]:
    """Return the single loops of a part, and note it where there are more than the file says."""
    assert part.signals.voltage is not None
    voltage_v = part.signals.voltage.values
    loops = []
    for group in part.groups:
        for loop in cut_loops(voltage_v[group]) or [slice(0, group.stop - group.start)]:
            loops.append(slice(group.start + loop.start, group.start + loop.stop))
    if len(loops) > len(part.groups):
        notes.append(f"cut into {len(loops)} loops, where the voltage comes back to zero")
    return loops
