"""What the columns of a file hold: what the file says, completed by what the caller says.

Nothing is guessed. A column without a unit is asked about, and what is not read is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from labbench.errors import ImportFileError
from labbench.store.importers.block import GROUP, ORDER, ROLES, Block, Column
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText
from labbench.store.importers.units import QUANTITIES, find_unit
from labbench.trace import Channel

FloatArray = NDArray[np.float64]

_TAKEN = ("time", "input", "memristor")


@dataclass(frozen=True, eq=False)
class Signals:
    """The signals of a block, with their scale to SI units, (n,) each.

    Attributes
    ----------
    voltage, current : Channel or None
        Of the device.
    time_s : array or None
        None if the file has no times, only an order.
    is_magnitude : bool
        Whether the file holds the magnitude of the current only.
    others : dict of str to Channel
    group : (n,) array or None
    line_numbers : (n,) array
    notes : list of str
    """

    voltage: Channel | None
    current: Channel | None
    time_s: FloatArray | None
    is_magnitude: bool
    others: dict[str, Channel]
    group: NDArray[np.float64] | None
    line_numbers: NDArray[np.intp]
    notes: list[str] = field(default_factory=list)


def match_columns(source: SourceText, block: Block, options: ReadOptions) -> Signals:
    """Match the columns of a block to signals.

    Raises
    ------
    ImportFileError
        If an option names no column, voltage or current is missing or there twice, a unit is
        missing or wrong, a time or an applied voltage is missing, or a magnitude is negative.
    """
    columns = _with_units(source, block, assign_roles(source, block, options), options)
    found: dict[str, Column] = {}
    others: dict[str, Channel] = {}
    notes = []
    for column in columns:
        role = column.role
        if role in found:
            raise _header_error(source, block, f"there is more than one {role} column; keep one")
        if role in (GROUP, ORDER) or role in ROLES:
            found[role] = column
        elif column.unit is None:
            notes.append(f"column {column.name!r} is not read")
        else:
            others[_channel_name(role or column.name, others)] = _channel(column)
    _check_present(source, block, found, others, options)
    is_magnitude = "abs_current" in found
    current = _current(found, options, notes)
    if is_magnitude and current is not None and (current.values < 0).any():
        row = int(np.argmax(current.values < 0))
        raise source.error(
            int(block.line_numbers[row]),
            f"a magnitude cannot be {current.values[row]:g} A; name the column current_A.",
        )
    if is_magnitude:
        notes.append("the file holds the magnitude of the current only: its sign is not known")
    for name in ("time", "voltage"):
        _check_whole(source, block, found.get(name))
    if ORDER in found:
        _check_order(source, block, found)
    time = found.get("time")
    voltage = found.get("voltage")
    return Signals(
        voltage=None if voltage is None else _channel(voltage),
        current=current,
        time_s=None if time is None else _channel(time).values,
        is_magnitude=is_magnitude,
        others=others,
        group=found[GROUP].raw if GROUP in found else block.group,
        line_numbers=block.line_numbers,
        notes=notes,
    )


def assign_roles(source: SourceText, block: Block, options: ReadOptions) -> list[Column]:
    """Return the columns of a block with the roles that the caller gave them.

    Raises
    ------
    ImportFileError
        If an option names no column, or one twice.
    """
    names = [column.name for column in block.columns]
    columns = list(block.columns)
    given: set[int] = set()
    for role, wanted in options.columns.items():
        place = _find_column(names, wanted)
        if place is None or place in given:
            why = "is not there" if place is None else "is given twice"
            raise _header_error(source, block, f"the column {wanted!r} of --column {role} {why}")
        given.add(place)
        # Whoever says where the current is means that it is nowhere else.
        taken = {"current", "abs_current", "drop"} if role in ("current", "abs_current") else {role}
        columns = [replace(c, role=None) if c.role in taken else c for c in columns]
        columns[place] = replace(columns[place], role=role)
    return columns


def _find_column(names: list[str], wanted: str) -> int | None:
    lower = [name.lower() for name in names]
    if wanted.lower() in lower:
        return lower.index(wanted.lower())
    if wanted.isdecimal() and 0 < int(wanted) <= len(names):
        return int(wanted) - 1
    return None


def _with_units(
    source: SourceText, block: Block, columns: list[Column], options: ReadOptions
) -> list[Column]:
    """Complete and check the units of those columns that are read."""
    unused = set(options.units)
    completed = []
    for column in columns:
        keys = [k for k in (column.role, column.name) if k and k in options.units]
        unused.difference_update(keys)
        unit = options.units[keys[0]] if keys else column.unit
        if keys and unit and column.unit is not None and find_unit(unit) != find_unit(column.unit):
            raise _header_error(
                source,
                block,
                f"column {column.name!r} is in {column.unit!r}, not in {unit!r} as --unit "
                f"{keys[0]} says; give --unit for what the file does not tell only",
            )
        base = ROLES.get(column.role or "")
        is_wanted = base is not None or keys or (column.role and column.role not in (GROUP, ORDER))
        parsed = find_unit(unit) if unit is not None else None
        if unit is not None and is_wanted and (parsed is None or base not in (None, parsed[0])):
            accepted = ", ".join(f"{prefix}{base or 'V, A, ohm, S'}" for prefix in ("", "m", "u"))
            if base and column.role:
                accepted = ", ".join(f"{column.role}_{p}{base}" for p in ("", "m", "u", "n", "p"))
            raise _header_error(
                source,
                block,
                f"column {column.name!r} has the unit {unit!r}; accepted are {accepted}",
            )
        completed.append(replace(column, unit=unit if parsed else None))
    missing = [c for c in completed if c.unit is None and c.role and c.role not in (GROUP, ORDER)]
    if missing:
        raise _header_error(source, block, _ask_units(missing))
    if unused:
        raise _header_error(
            source, block, f"--unit {', '.join(sorted(unused))} is for no column of this file"
        )
    return completed


def _ask_units(missing: list[Column]) -> str:
    names = ", ".join(repr(column.name) for column in missing)
    asked = ",".join(f"{c.role}={ROLES.get(c.role or '', 'V')}" for c in missing)
    have = "has" if len(missing) == 1 else "have"
    example = missing[0].role
    suffix = ROLES.get(example or "", "V")
    return (
        f"column {names} {have} no unit in the file; give it, such as --unit {asked} (or m{suffix},"
        f" u{suffix}, ...), or in the name, such as {example}_m{suffix}"
    )


def _check_present(
    source: SourceText,
    block: Block,
    found: dict[str, Column],
    others: dict[str, Channel],
    options: ReadOptions,
) -> None:
    n_currents = len({"current", "abs_current", "drop"} & set(found))
    if n_currents > 1 or (block.needs_current and ("voltage" not in found or not n_currents)):
        raise _header_error(
            source,
            block,
            "a recording needs a voltage and one of current or abs_current (voltage_V, ..., or "
            "--column voltage=NAME)",
        )
    if ("drop" in found) != (options.shunt_ohm is not None):
        raise _header_error(
            source, block, "--column drop=NAME and --shunt-ohm R are given together or not at all"
        )
    if not (others or "voltage" in found or n_currents):
        raise _header_error(
            source, block, "no column is read: name one, such as --column voltage=NAME"
        )


def _current(found: dict[str, Column], options: ReadOptions, notes: list[str]) -> Channel | None:
    if "drop" in found and options.shunt_ohm is not None:
        drop = _channel(found["drop"])
        notes.append(
            f"the current is the voltage of {found['drop'].name!r} / {options.shunt_ohm:g} ohm"
        )
        per_ohm = 1.0 / options.shunt_ohm
        return replace(
            drop,
            quantity="current",
            unit="A",
            scale=drop.scale * per_ohm,
            offset=drop.offset * per_ohm,
            rail_low=None if drop.rail_low is None else drop.rail_low * per_ohm,
            rail_high=None if drop.rail_high is None else drop.rail_high * per_ohm,
        )
    column = found.get("current", found.get("abs_current"))
    return None if column is None else _channel(column)


def _channel(column: Column) -> Channel:
    parsed = find_unit(column.unit or "")
    assert parsed is not None
    base, scale = parsed
    return Channel(
        np.ascontiguousarray(column.raw),
        QUANTITIES[base],
        base,
        scale=column.scale * scale,
        offset=column.offset * scale,
        rail_low=None if column.rail_low is None else column.rail_low * scale,
        rail_high=None if column.rail_high is None else column.rail_high * scale,
    )


def _channel_name(name: str, others: dict[str, Channel]) -> str:
    slug = re.sub(r"\W+", "_", name).strip("_").lower() or "channel"
    slug = f"channel_{slug}" if slug[0].isdigit() else slug
    free, number = slug, 2
    while free in others or free in _TAKEN:
        free, number = f"{slug}_{number}", number + 1
    return free


def _check_whole(source: SourceText, block: Block, column: Column | None) -> None:
    if column is None:
        return
    missing = np.flatnonzero(~np.isfinite(column.raw.astype(float)))
    if missing.size:
        raise source.error(
            int(block.line_numbers[missing[0]]),
            f"column {column.name!r} is missing, and a sample without it has no place; remove "
            f"the line ({missing.size} in all).",
        )


def _check_order(source: SourceText, block: Block, found: dict[str, Column]) -> None:
    order = found[ORDER].raw
    is_break = np.diff(order) != 1
    if GROUP in found:
        is_break &= np.diff(found[GROUP].raw) == 0
    wrong = np.flatnonzero(is_break)
    if wrong.size:
        row = int(wrong[0]) + 1
        raise source.error(
            int(block.line_numbers[row]),
            f"point {order[row]:g} follows point {order[row - 1]:g}; rows are missing or out "
            f"of order, so export the file again.",
        )


def _header_error(source: SourceText, block: Block, found: str) -> ImportFileError:
    names = ",".join(column.name for column in block.columns)
    return source.error(block.header_line, f"{found} (found: {names[:120]}).")
