"""The WAVeform commands: how a record comes over the link."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from instruments.simulated.infiniivision import signal
from instruments.simulated.infiniivision.acquisition import MEASURED_POINTS, Record, Setup
from instruments.simulated.scpi.message import Parameter, ScpiError, number

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_LEAST_POINTS, _MOST_POINTS = 100, 8_000_000
_FORMATS = {"BYTE": 0, "WORD": 1, "ASC": 4}
_TYPES = {"NORM": 0, "PEAK": 1, "AVER": 2, "HRES": 3}
_PRECISE = "+.8E"


def add_commands(scope: Oscilloscope) -> None:
    """Add the commands of the transfer."""
    get = scope.settings
    scope.choice(":WAVeform:FORMat", "format", "BYTE WORD ASCii", "BYTE")
    scope.choice(":WAVeform:BYTeorder", "order", "MSBFirst LSBFirst", "MSBF")
    scope.flag(":WAVeform:UNSigned", "unsigned", True)
    scope.choice(":WAVeform:VIEW", "view", "MAIN", "MAIN")
    scope.choice(":WAVeform:POINts:MODE", "points_mode", "NORMal MAXimum RAW", "NORM")
    sources = "CHANnel1 CHANnel2 CHANnel3 CHANnel4"
    scope.choice(":WAVeform:SOURce", "source", sources, "CHAN1")
    scope.choice(":WAVeform:SOURce:SUBSource", "subsource", "SUB0 NONE", "NONE")
    scope.remember("points", _LEAST_POINTS * 10)
    scope.on(":WAVeform:POINts", lambda c, p: _set_points(scope, p))
    scope.on(":WAVeform:POINts?", lambda c, p: f"{_points(scope, _setup(scope)):+d}")
    scope.on(":WAVeform:PREamble?", lambda c, p: _preamble(scope))
    scope.on(":WAVeform:DATA?", lambda c, p: _data(scope))
    scope.on(":WAVeform:TYPE?", lambda c, p: _setup(scope).kind)
    scope.on(":WAVeform:COUNt?", lambda c, p: f"{_count(_setup(scope)):+d}")

    def part(place: int) -> Callable[[int, Sequence[Parameter]], str]:
        return lambda c, p: _preamble(scope).split(",")[place]

    names = ("XINCrement", "XORigin", "XREFerence", "YINCrement", "YORigin", "YREFerence")
    for place, name in enumerate(names, start=4):
        scope.on(f":WAVeform:{name}?", part(place))
    scope.on(":WAVeform:SEGMented:COUNt?", lambda c, p: f"{_segments(scope):+d}")
    scope.on(":WAVeform:SEGMented:TTAG?", lambda c, p: _time_tag(scope))
    scope.flag(":WAVeform:SEGMented:ALL", "all_segments", False)
    scope.on(
        ":WAVeform?",
        lambda c, p: (
            f":WAV:UNS {get['unsigned', 0]:d};VIEW {get['view', 0]};BYT {get['order', 0]};"
            f"FORM {get['format', 0]};POIN {_points(scope, _setup(scope)):+d};"
            f"SOUR {get['source', 0]};SOUR:SUBS {get['subsource', 0]}"
        ),
    )


def _set_points(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    if not parameters:
        raise ScpiError(-109)
    word = str(parameters[0]).upper()
    points = float(_MOST_POINTS) if word in ("MAX", "MAXIMUM") else number(parameters[0])
    if points != round(points) or not _LEAST_POINTS <= points <= _MOST_POINTS:
        raise ScpiError(-222)
    scope.settings["points", 0] = int(points)


def _setup(scope: Oscilloscope) -> Setup:
    """Return how the record was taken, or would be if there is none."""
    scope.look()
    if scope.record is not None:
        return scope.record.setup
    return scope.setup(sorted({*scope.displayed(), _source(scope)}))


def _points(scope: Oscilloscope, setup: Setup) -> int:
    """Return how many points a transfer has: those asked for, if there are so many."""
    is_deep = scope.settings["points_mode", 0] != "NORM" and scope.acquisition is None
    most = setup.depth if is_deep else min(setup.depth, MEASURED_POINTS)
    points = min(scope.settings["points", 0], most)
    return points - points % 2 if setup.kind == "PEAK" else points


def _source(scope: Oscilloscope) -> int:
    return int(scope.settings["source", 0][-1])


def _count(setup: Setup) -> int:
    return setup.shots if setup.kind == "AVER" and not setup.is_segmented else 1


def _preamble(scope: Oscilloscope) -> str:
    get, setup, channel = scope.settings, _setup(scope), _source(scope)
    if channel not in setup.vertical:
        raise ScpiError(-221)
    vertical, form = setup.vertical[channel], get["format", 0]
    points = _points(scope, setup)
    counts, bits = (256, 8) if form == "BYTE" else (signal.COUNTS, setup.bits)
    middle = counts // 2 if get["unsigned", 0] else 0
    integers = (_FORMATS[form], _TYPES[setup.kind], points, _count(setup))
    numbers = (
        format(setup.span_s / points, _PRECISE), format(-setup.pre_s, _PRECISE), "+0",
        format(vertical.range_v / counts, _PRECISE),
        format(signal.origin_v(vertical, bits), _PRECISE), f"{middle:+d}",
    )  # fmt: skip
    return ",".join([*(f"{value:+d}" for value in integers), *numbers])


def _data(scope: Oscilloscope) -> bytes:
    if scope.acquisition is not None and scope.state != "RUN":
        raise ScpiError(-230)
    record, get = scope.complete_record(), scope.settings
    channel = _source(scope)
    if channel not in record.setup.vertical:
        raise ScpiError(-221)
    points, shot = _points(scope, record.setup), _shot(scope, record)
    if get["format", 0] == "ASC":
        level_v = record.volts(channel, points, shot)
        return _block(",".join([f"{value:+.5E}" for value in level_v.tolist()]).encode())
    words = record.words(channel, points, shot)
    if get["format", 0] == "BYTE":
        # What is clipped low must not become a hole.
        found = np.maximum(words >> 8, 1).astype(np.uint8)
        return _block((found if get["unsigned", 0] else found ^ 0x80).tobytes())
    found = words if get["unsigned", 0] else words ^ 0x8000
    return _block(found.astype(">u2" if get["order", 0] == "MSBF" else "<u2").tobytes())


def _block(data: bytes) -> bytes:
    """Write a block as this instrument does: always eight digits."""
    return f"#8{len(data):08d}".encode() + data


def _shot(scope: Oscilloscope, record: Record) -> int:
    return min(scope.settings["segment", 0], _segments(scope)) - 1 if _is_segmented(record) else 0


def _is_segmented(record: Record | None) -> bool:
    return record is not None and record.setup.is_segmented


def _segments(scope: Oscilloscope) -> int:
    """Return how many segments there are; while they are taken, how many by now."""
    scope.look()
    now_s, acquisition = scope.clock.now(), scope.acquisition
    if acquisition is not None and scope.record is None and acquisition.setup.is_segmented:
        return sum(t + acquisition.setup.post_s <= now_s for t in acquisition.triggers_s)
    record = scope.record
    return len(record.triggers_s) if record is not None and _is_segmented(record) else 0


def _time_tag(scope: Oscilloscope) -> str:
    record = scope.complete_record()
    if not _is_segmented(record):
        raise ScpiError(-221)
    tag_s = record.triggers_s[_shot(scope, record)] - record.triggers_s[0]
    return format(tag_s, "+.12E")
