"""The picture of the screen: a grid and the traces of the record, as PNG or BMP."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instruments.simulated.scpi.message import Parameter, ScpiError, choice

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

# Half as wide and high as the screen: some clients read byte by byte.
_WIDTH, _HEIGHT = 400, 240
_DIVISIONS, _ROWS = 10, 8
# Background, grid, and the colours of the four channels.
_COLOURS = np.array(
    [(0, 0, 0), (80, 80, 80), (255, 255, 0), (0, 255, 0), (80, 80, 255), (255, 80, 80)], np.uint8
)


def image(scope: Oscilloscope, parameters: Sequence[Parameter]) -> bytes:
    """Answer ``:DISPlay:DATA?``: a block with a file."""
    if len(parameters) > 2:
        raise ScpiError(-108)
    given = [*parameters, *("BMP", "COLor")[len(parameters) :]]
    kind = choice(given[0], ("BMP", "BMP8bit", "PNG"))
    palette = _COLOURS
    if choice(given[1], ("COLor", "GRAYscale")) == "GRAY":
        palette = np.repeat(_COLOURS.max(1, keepdims=True), 3, axis=1)
    drawn = _draw(scope)
    data = _png(drawn, palette) if kind == "PNG" else _bmp(drawn, palette, kind == "BMP8")
    return f"#8{len(data):08d}".encode() + data


def _draw(scope: Oscilloscope) -> NDArray[np.uint8]:
    """Return the place of each pixel's colour in the palette (height, width)."""
    drawn = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    drawn[:: _HEIGHT // _ROWS] = drawn[:, :: _WIDTH // _DIVISIONS] = 1
    scope.look()
    record = scope.record
    for channel in record.setup.vertical if record is not None else ():
        if not scope.settings["display", channel] or record is None:
            continue
        vertical = record.setup.vertical[channel]
        points = min(_WIDTH, record.setup.depth) // 2 * 2
        level = (record.volts(channel, points) - vertical.offset_v) / vertical.range_v
        row = np.clip(np.round((0.5 - level) * _HEIGHT), 0, _HEIGHT - 1).astype(int)
        column = np.arange(points) * _WIDTH // points
        before = np.r_[row[:1], row[:-1]]
        for x, low, high in zip(column, np.minimum(row, before), np.maximum(row, before),
                                strict=True):  # fmt: skip
            drawn[low : high + 1, x] = 1 + channel
    return drawn


def _png(drawn: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(
            ">I", zlib.crc32(name + data))  # fmt: skip

    rows = np.c_[np.zeros(_HEIGHT, np.uint8), drawn].tobytes()
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">2I5B", _WIDTH, _HEIGHT, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", palette.tobytes())
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _bmp(drawn: NDArray[np.uint8], palette: NDArray[np.uint8], has_palette: bool) -> bytes:
    """Return a BMP file: rows from below, colours as blue, green, red."""
    colours = b""
    pixels = drawn[::-1]
    if has_palette:
        colours = np.c_[palette[:, ::-1], np.zeros(len(palette), np.uint8)].tobytes()
    else:
        pixels = palette[pixels][..., ::-1]
    data = pixels.tobytes()
    bits = 8 if has_palette else 24
    start = 14 + 40 + len(colours)
    used = len(palette) if has_palette else 0
    head = struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start)
    head += struct.pack(
        "<IiiHHIIiiII", 40, _WIDTH, _HEIGHT, 1, bits, 0, len(data), 2835, 2835, used, used
    )
    return head + colours + data
