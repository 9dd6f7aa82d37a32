"""Tektronix TBS1000C, codes of the converter: a preamble in comments, then index and code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from labbench.store.importers.block import Block, Column, Dialect
from labbench.store.importers.grid import parse_number, read_grid
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.text import SourceText
from labbench.store.importers.units import PREFIXES

_FIELD = re.compile(r"#\s+(?P<key>\w+): (?P<value>.*)")
_NUMBERS = ("NR_PT", "BIT_NR", "XINCR", "XZERO", "PT_OFF", "YMULT", "YOFF", "YZERO")
_WORDS = ("BN_FMT", "XUNIT", "YUNIT")
_PER_DIV = re.compile(r"(?P<value>[\d.]+)(?P<prefix>\D?)V/div")


def recognises(lines: Sequence[str]) -> bool:
    """Tell whether the file starts with the comments of such a capture."""
    return lines[0].startswith("#") and "TBS1000" in lines[0]


def read(source: SourceText, options: ReadOptions) -> list[Block]:
    """Read the preamble and the codes, which stay as they are, with their scale."""
    n_comments = next(
        (k for k, line in enumerate(source.lines) if not line.startswith("#")), len(source.lines)
    )
    preamble = _read_preamble(source, n_comments)
    names = source.lines[n_comments].split() if n_comments < len(source.lines) else []
    if [name.lower() for name in names] != ["index", "raw_adc_code"]:
        raise source.error(
            n_comments + 1, f"found {' '.join(names)!r}, not Index and Raw_ADC_Code."
        )
    lines = range(n_comments + 1, len(source.lines))
    grid = read_grid(source, names, lines, "\t", options)
    index, codes = grid.values.T
    number = {key: float(preamble[key]) for key in _NUMBERS}
    if not options.lenient and codes.size != number["NR_PT"]:
        raise source.error(
            int(grid.line_numbers[-1]),
            f"found {codes.size} samples, but NR_PT announces {preamble['NR_PT']}; the file is "
            f"cut, so export it again, or give --lenient to take what is there.",
        )
    bits = int(number["BIT_NR"])
    low, high = (
        (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if preamble["BN_FMT"] == "RI"
        else (0, 2**bits - 1)
    )
    is_wrong = (codes != np.round(codes)) | (codes < low) | (codes > high)
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise source.error(
            int(grid.line_numbers[row]), f"{codes[row]:g} is no code from {low} to {high}."
        )
    y_scale = number["YMULT"]
    y_offset = number["YZERO"] - y_scale * number["YOFF"]
    time = number["XZERO"] + number["XINCR"] * (index - 1 - number["PT_OFF"])
    fits_in_a_byte = low >= -128 and high <= 127
    samples = codes.astype(np.int8 if fits_in_a_byte else np.int16 if high < 2**15 else float)
    ends = sorted((low * y_scale + y_offset, high * y_scale + y_offset))
    columns = (
        Column("Time", time, preamble["XUNIT"], "time"),
        Column("Voltage", samples, preamble["YUNIT"], None, y_scale, y_offset, *ends),
    )
    notes = [*grid.notes, *_doubts(preamble)]
    shape = None if options.columns else "record"
    return [Block(columns, grid.line_numbers, n_comments + 1, shape, notes=tuple(notes))]


def _read_preamble(source: SourceText, n_comments: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in source.lines[:n_comments]:
        matched = _FIELD.fullmatch(line.strip())
        if matched:
            found[matched["key"]] = matched["value"].strip().strip('"')
    unfit = [key for key in _NUMBERS if parse_number(found.get(key, "")) is None]
    unfit += [key for key in _WORDS if key not in found]
    if found.get("BN_FMT", "RI") not in ("RI", "RP"):
        unfit.append("BN_FMT")
    if unfit:
        raise source.error(
            n_comments, f"the preamble above lacks a usable {', '.join(unfit)}; export it again."
        )
    return found


def _doubts(preamble: Mapping[str, str]) -> list[str]:
    """Return a note where the preamble contradicts itself."""
    written = _PER_DIV.search(preamble.get("WFID", ""))
    scale = parse_number(preamble.get("_CH_V_SCALE", ""))
    if written is None or scale is None or written["prefix"] not in PREFIXES:
        return []
    per_div_v = float(written["value"]) * PREFIXES[written["prefix"]]
    if abs(per_div_v - scale) <= 1e-6 * scale:
        return []
    return [
        f"the preamble says {per_div_v:g} V and {scale:g} V a division: only YMULT = "
        f"{preamble['YMULT']} {preamble['YUNIT']} a code is used"
    ]


DIALECT = Dialect(
    "tektronix",
    "a preamble in # comments, then Index and Raw_ADC_Code (Tektronix TBS1000C)",
    "nothing; --column voltage=Voltage if that was applied to the device",
    recognises,
    read,
)
