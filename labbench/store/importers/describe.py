"""What is recognised of a file, in lines for a person, before anything is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labbench.store.importers.block import GROUP, ORDER, Block
from labbench.store.importers.columns import assign_roles
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.recording import Recording, find_blocks, read_recording
from labbench.store.importers.text import SourceText


def describe_file(path: Path, **given: Any) -> Iterator[str]:
    """Yield what is recognised of a file, line by line: its kind, columns, responses and flags.

    Parameters
    ----------
    path : Path
    **given
        The fields of `ReadOptions`.

    Raises
    ------
    ImportFileError
        Where an import would; all that was recognised until then has been yielded.
    """
    options = ReadOptions(**given)
    source, dialect, blocks = find_blocks(path, options)
    yield f"{path.name}: {dialect.name} ({dialect.what}), {source.encoding}"
    for block in blocks:
        yield f"  lines {block.line_numbers[0]} to {block.line_numbers[-1]}: {_size(block)}"
        yield from _columns(source, block, options)
    yield from _responses(read_recording(path, **given))


def _size(block: Block) -> str:
    return f"{block.line_numbers.size} rows, {len(block.columns)} columns"


def _columns(source: SourceText, block: Block, options: ReadOptions) -> Iterator[str]:
    for column in assign_roles(source, block, options):
        unit = options.units.get(column.role or "", options.units.get(column.name, column.unit))
        said = unit or ("" if column.role in (None, GROUP, ORDER) else "unit not in the file")
        yield f"    {column.name}: {column.role or 'as it is'} {said}".rstrip()


def _responses(recording: Recording) -> Iterator[str]:
    sizes = [len(response.trace) for response in recording.responses]
    span = f"{min(sizes)}" if min(sizes) == max(sizes) else f"{min(sizes)} to {max(sizes)}"
    yield f"  {recording.procedure}: {len(sizes)} responses of {span} samples"
    for name, channel in recording.responses[0].trace.channels.items():
        limits = {"low": channel.rail_low, "high": channel.rail_high, "floor": channel.floor}
        known = [f"{key} {value:g}" for key, value in limits.items() if value is not None]
        flags = f", limits {', '.join(known)}" if known else ""
        yield f"    channel {name}: {channel.quantity} in {channel.unit}{flags}"
    for note in recording.notes:
        yield f"  note: {note}"
