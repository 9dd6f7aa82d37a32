"""What concerns the screen: display, markers, and the automatic scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from instruments.simulated.infiniivision import signal
from instruments.simulated.infiniivision.channels import numbered
from instruments.simulated.infiniivision.figures import Figures
from instruments.simulated.infiniivision.image import image
from instruments.simulated.infiniivision.signal import FloatArray
from instruments.simulated.scpi.instrument import NotYet
from instruments.simulated.scpi.message import Parameter, ScpiError

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_CHANNELS = 4
# What :AUToscale looks at: points of a stretch, and the least signal that it finds.
_LOOKED_AT, _LEAST_SIGNAL_V = 10_000, 0.01
# First a short look: of a fast signal there is much in a long one.
_LOOKS_S = (1e-3, 0.1)
_SOON_S = 1e-3
_GOLDEN = 0.6180339887498949


def add_commands(scope: Oscilloscope) -> None:
    """Add the commands of the screen."""
    scope.flag(":DISPlay:LABel", "labels", False)
    scope.flag(":DISPlay:VECTors", "vectors", True)
    scope.number(":DISPlay:INTensity:WAVeform", "intensity", 50, 0, 100, integer=True)
    scope.choice(":DISPlay:PERSistence", "persistence", "MINimum INFinite", "MIN")
    scope.on(":DISPlay:DATA?", lambda c, p: image(scope, p))
    for clear in (":DISPlay:CLEar", ":CDISplay"):
        scope.on(clear, lambda c, p: None)
    scope.flag(":HARDcopy:INKSaver", "ink_saver", True)
    scope.on(":BLANk", lambda c, p: _show(scope, p, False))
    scope.on(":VIEW", lambda c, p: _show(scope, p, True))
    scope.choice(":MARKer:MODE", "marker_mode", "OFF MEASurement MANual WAVeform", "OFF")
    for mark in "12":
        sources = "CHANnel1 CHANnel2 CHANnel3 CHANnel4"
        scope.choice(f":MARKer:X{mark}Y{mark}source", f"marker_source{mark}", sources, "CHAN1")
        scope.number(f":MARKer:X{mark}Position", f"marker_x{mark}", 0.0, -500.0, 500.0)
        scope.number(f":MARKer:Y{mark}Position", f"marker_y{mark}", 0.0, -4e5, 4e5)
    get, write = scope.settings, scope.format_number
    for axis in "XY":
        names = [(f"marker_{axis.lower()}{mark}", 0) for mark in "21"]
        scope.on(
            f":MARKer:{axis}DELta?",
            lambda c, p, names=names: write(float(get[names[0]] - get[names[1]])),
        )
    scope.on(":AUToscale", lambda c, p: _autoscale(scope, p))
    scope.choice(":AUToscale:AMODE", "autoscale_mode", "NORMal CURRent", "NORM")
    scope.choice(":AUToscale:CHANnels", "autoscale_channels", "ALL DISPlayed", "ALL")


def _show(scope: Oscilloscope, parameters: Sequence[Parameter], is_shown: bool) -> None:
    if is_shown and not parameters:
        raise ScpiError(-109)
    for channel in numbered(parameters) or range(1, _CHANNELS + 1):
        scope.settings["display", channel] = is_shown
    if scope.displayed():
        scope.changed("display", 0)


def _autoscale(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    """Look at each channel, and fit range, offset, level and time base.

    Channels without a signal go dark, but if there is none anywhere.
    """
    every = tuple(range(1, _CHANNELS + 1))
    is_every = scope.settings["autoscale_channels", 0] == "ALL"
    shown = numbered(parameters) or (every if is_every else scope.displayed())
    if scope.autoscaling and scope.state == "RUN":
        # There is a picture when it ends.
        scope.look()
        if scope.record is None:
            raise NotYet(scope.clock.now() + _SOON_S)
        scope.autoscaling = ()
        return
    if not scope.autoscaling:
        # What is to be seen if there is no signal.
        scope.autoscaling = scope.displayed() or (1,)
        _look(scope, shown, _LOOKS_S[0])
    if scope.done_s > scope.clock.now():
        raise NotYet(scope.done_s)
    found_s = {channel: _fit(scope, channel) for channel in shown}
    live = [channel for channel, period_s in found_s.items() if period_s == period_s]
    if not live and scope.settings["span", 0] < _LOOKS_S[1]:
        _look(scope, shown, _LOOKS_S[1])
        raise NotYet(scope.done_s)
    before = scope.autoscaling
    first = (live or before)[0]
    scope.settings["trigger_source", 0] = f"CHAN{first}"
    span_s = max(scope.limits.span_s, 4.0 * found_s[first]) if live else 1e-3
    scope.settings["span", 0] = span_s
    for channel in every:
        scope.settings["display", channel] = channel in (live or before)
    scope.begin("RUN", scope.displayed())
    raise NotYet(scope.clock.now() + _SOON_S)


def _look(scope: Oscilloscope, shown: Sequence[int], span_s: float) -> None:
    """Start to record some channels at their widest range."""
    for channel in range(1, _CHANNELS + 1):
        scope.settings["display", channel] = channel in shown
        most_v = scope.settings["probe", channel] * 40.0
        scope.settings["range", channel], scope.settings["offset", channel] = most_v, 0.0
    scope.settings |= {("span", 0): span_s, ("position", 0): 0.0, ("reference", 0): "CENT"}
    scope.settings |= {("timebase_mode", 0): "MAIN", ("trigger_mode", 0): "EDGE"}
    scope.settings |= {("sweep", 0): "AUTO", ("acquire", 0): "NORM", ("mode", 0): "RTIM"}
    # Nobody has to look for edges meanwhile.
    scope.settings["trigger_source", 0] = "LINE"
    scope.begin("SING", shown)


def _fit(scope: Oscilloscope, channel: int) -> float:
    """Fit range, offset and level to a channel; return its period, NaN without a signal."""
    record = scope.complete_record()
    vertical, probe = record.setup.vertical[channel], scope.settings["probe", channel]
    end_s = min(record.start_s + record.setup.span_s, scope.clock.now())
    places = np.arange(_LOOKED_AT)
    # Evenly spaced points could all see the same phase of a signal.
    share = (places + places * _GOLDEN % 1.0) / _LOOKED_AT

    def seen(start_s: float, length_s: float) -> tuple[FloatArray, FloatArray]:
        time_s = start_s + share * length_s
        return time_s, signal.seen(scope._terminals[channel], vertical, time_s, end_s)

    level_v = seen(record.start_s, record.setup.span_s)[1]
    low_v, high_v = float(level_v.min()), float(level_v.max())
    range_v = min(max(1.6 * (high_v - low_v), 8e-3 * probe), 40.0 * probe)
    middle_v = (low_v + high_v) / 2
    scope.settings["range", channel], scope.settings["offset", channel] = range_v, middle_v
    scope.settings["level", channel] = middle_v
    period_s = nan
    if high_v - low_v < _LEAST_SIGNAL_V * probe:
        return period_s
    # The shortest stretch that has a period tells it; in longer ones it may be an alias.
    start_s, length_s = record.start_s, record.setup.span_s
    while length_s > scope.limits.span_s:
        figures = Figures(*seen(start_s, length_s), (high_v - low_v) / 100)
        if figures.period == figures.period:
            period_s = figures.period
        edges_s = figures.edges[0]
        length_s /= 10
        if edges_s.size:
            start_s = float(edges_s[0]) - length_s / 10
        start_s = min(max(start_s, record.start_s), end_s - length_s)
    return period_s
