"""Keysight EasyEXPERT CSV: settings line by line, then ``DataName`` and ``DataValue`` lines.

One file may hold several measurements. A stepped second sweep (VAR2) is not among the values and
is rebuilt from its settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labbench.store.importers.block import Block, Column, Dialect
from labbench.store.importers.grid import parse_number, read_grid
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText

_TITLE, _NAMES, _VALUE = "SetupTitle", "DataName", "DataValue"
_KINDS = {
    _TITLE, _NAMES, _VALUE, "PrimitiveTest", "TestParameter", "MetaData", "AnalysisSetup",
    "Dimension1", "Dimension2",
}  # fmt: skip
_GRAPH = "Analysis.Setup.Vector.Graph."


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the first line that is not blank gives the title of a setup."""
    first = next(line for line in lines if line.strip())
    return _fields(first)[0] == _TITLE


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read every measurement of the file."""
    starts = [k for k, line in enumerate(source.lines) if _fields(line)[0] == _TITLE]
    stops = [*starts[1:], len(source.lines)]
    return [
        _read_measurement(source, options, range(start, stop))
        for start, stop in zip(starts, stops, strict=True)
    ]


@dataclass(frozen=True)
class _Setup:
    settings: dict[str, list[str]]
    names_at: int
    values: range

    def get(self, key: str) -> list[str]:
        return self.settings.get(key, [])

    def number(self, key: str) -> float | None:
        found = self.get(key)
        return parse_number(found[0]) if found else None


def _read_measurement(source: SourceText, options: ReadOptions, lines: range) -> Block:
    setup = _read_setup(source, lines)
    names = _fields(source.lines[setup.names_at])[1:]
    # The word in front of each row is a column of its own that holds no number.
    bare = [
        source.lines[k].partition(",")[2] if k in setup.values else line
        for k, line in enumerate(source.lines)
    ]
    numbers = SourceText(
        source.file_name, source.text, source.encoding, tuple(bare), source.is_ended
    )
    grid = read_grid(numbers, names, setup.values, ",", options, may_end_open=True)
    n_points, n_sweeps = (int(setup.number(f"Dimension{k}") or 1) for k in (1, 2))
    n_rows = len(setup.values)
    if n_points * n_sweeps != n_rows and not options.lenient:
        raise source.error(
            setup.values.stop,
            f"found {n_rows} points, but line {setup.names_at + 1} announces {n_sweeps} x "
            f"{n_points}; the file is cut, so export it again, or give --lenient to take what is "
            f"there.",
        )
    sweep = (grid.line_numbers - 1 - setup.values.start) // n_points
    swept, shape, compliance_a = _swept(setup)
    columns = [
        Column(name, values, _unit(setup, name), swept.get(name))
        for name, values in zip(names, grid.values.T, strict=True)
    ]
    notes = [f"setup {', '.join(setup.get(_TITLE))!r} of EasyEXPERT", *grid.notes]
    stepped = _stepped(setup, sweep, names)
    if stepped is not None:
        columns.append(stepped)
        notes.append(
            f"{stepped.name!r} (VAR2) is not among the values: rebuilt from its settings, "
            f"{stepped.raw[0]:g} to {stepped.raw[-1]:g} {stepped.unit}"
        )
    return Block(
        tuple(columns),
        grid.line_numbers,
        setup.names_at + 1,
        shape,
        sweep if n_sweeps > 1 else None,
        compliance_a,
        notes=tuple(notes),
    )


def _read_setup(source: SourceText, lines: range) -> _Setup:
    settings: dict[str, list[str]] = {}
    names_at, first, stop = -1, lines.stop, lines.stop
    for index in lines:
        kind, *rest = _fields(source.lines[index])
        if kind == _VALUE and names_at >= 0:
            first = index
            break
        if kind not in _KINDS and kind:
            raise source.error(index + 1, f"found {kind[:40]!r}, which no EasyEXPERT line is.")
        if kind == _NAMES:
            names_at = index
        elif kind in ("TestParameter", "MetaData", "AnalysisSetup"):
            settings[rest[0] if rest else ""] = rest[1:]
        else:
            settings[kind] = rest
    if names_at < 0:
        raise source.error(lines.stop, f"there is no {_NAMES} line above; export it again.")
    while stop > first and not source.lines[stop - 1].strip():
        stop -= 1
    for index in range(first, stop):
        if not source.lines[index].startswith(_VALUE):
            raise source.error(
                index + 1, f"found {source.lines[index][:40]!r} among the {_VALUE} lines."
            )
    return _Setup(settings, names_at, range(first, stop))


def _swept(setup: _Setup) -> tuple[dict[str, str], str, float | None]:
    """Return what is swept, and the shape of such a measurement, as the channels say."""
    time = {name: "time" for name in setup.get("Channel.Time") if name}
    for place, function in enumerate(setup.get("Channel.Func")):
        if function == "VAR1" and setup.get("Channel.Mode")[place : place + 1] == ["V"]:
            roles = {
                setup.get("Channel.VName")[place]: "voltage",
                setup.get("Channel.IName")[place]: "current",
            }
            return {**time, **roles}, "sweep", setup.number("Measurement.Primary.Compliance")
    return time, "record", None


def _unit(setup: _Setup, name: str) -> str | None:
    """Return the unit of a variable: of its axis, of its function, or of its kind of channel."""
    for axis in ("XAxis", "YAxis"):
        named = zip(
            setup.get(f"{_GRAPH}{axis}.Name"), setup.get(f"{_GRAPH}{axis}.Unit"), strict=False
        )
        for variable, unit in named:
            if variable == name and unit:
                return unit
    functions = zip(setup.get("Function.User.Name"), setup.get("Function.User.Unit"), strict=False)
    for variable, unit in functions:
        if variable == name and unit:
            return unit
    for key, unit in (("Channel.VName", "V"), ("Channel.IName", "A"), ("Channel.Time", "s")):
        if name in setup.get(key):
            return unit
    return None


def _stepped(setup: _Setup, sweep: np.ndarray, names: Sequence[str]) -> Column | None:
    functions = setup.get("Channel.Func")
    if "VAR2" not in functions:
        return None
    place = functions.index("VAR2")
    is_current = setup.get("Channel.Mode")[place : place + 1] == ["I"]
    name = setup.get("Channel.IName" if is_current else "Channel.VName")[place]
    start, step = (setup.number(f"Measurement.Secondary.{key}") for key in ("Start", "Step"))
    if name in names or start is None or step is None:
        return None
    return Column(name, start + step * sweep.astype(float), "A" if is_current else "V")


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.split(",")]


DIALECT = Dialect(
    "easyexpert",
    "SetupTitle, TestParameter, DataName and DataValue lines (Keysight EasyEXPERT, B1500A)",
    "nothing; --column voltage=NAME --column current=NAME where nothing is swept",
    recognises,
    read,
)
