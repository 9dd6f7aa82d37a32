"""What concerns the screen: display, markers, and the automatic scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from instruments.simulated.infiniivision.channels import numbered
from instruments.simulated.infiniivision.figures import Figures
from instruments.simulated.message import Parameter, ScpiError
from instruments.simulated.scpi import NotYet

if TYPE_CHECKING:
    from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

_CHANNELS = 4


def add_commands(scope: Oscilloscope) -> None:
    """Add the commands of the screen."""
    scope.flag(":DISPlay:LABel", "labels", False)
    scope.flag(":DISPlay:VECTors", "vectors", True)
    scope.number(":DISPlay:INTensity:WAVeform", "intensity", 50, 0, 100, integer=True)
    scope.choice(":DISPlay:PERSistence", "persistence", "MINimum INFinite", "MIN")
    # There is no screen whose image could be sent.
    scope.on(":DISPlay:DATA?", lambda c, p: _no_image())
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


def _no_image() -> str:
    raise ScpiError(-221)


def _show(scope: Oscilloscope, parameters: Sequence[Parameter], is_shown: bool) -> None:
    if is_shown and not parameters:
        raise ScpiError(-109)
    for channel in numbered(parameters) or range(1, _CHANNELS + 1):
        scope.settings["display", channel] = is_shown
    if scope.displayed():
        scope.changed("display", 0)


def _autoscale(scope: Oscilloscope, parameters: Sequence[Parameter]) -> None:
    """Look at 100 ms of each displayed channel, and fit range, offset, level and time base."""
    shown = numbered(parameters) or scope.displayed()
    if not scope.autoscaling:
        for channel in range(1, _CHANNELS + 1):
            scope.settings["display", channel] = channel in shown
            most_v = scope.settings["probe", channel] * 40.0
            scope.settings["range", channel], scope.settings["offset", channel] = most_v, 0.0
        scope.settings |= {("span", 0): 0.1, ("position", 0): 0.0, ("reference", 0): "CENT"}
        scope.settings |= {("timebase_mode", 0): "MAIN", ("trigger_mode", 0): "EDGE"}
        scope.settings |= {("sweep", 0): "AUTO", ("acquire", 0): "NORM", ("mode", 0): "RTIM"}
        scope.autoscaling = True
        scope.begin("SING", shown)
    until_s = scope.done_s
    if until_s > scope.clock.now():
        raise NotYet(until_s)
    scope.autoscaling = False
    period_s = float("nan")
    for channel in reversed(shown):
        found = _fit(scope, channel)
        if found.period == found.period:
            period_s = found.period
            scope.settings["trigger_source", 0] = f"CHAN{channel}"
    if period_s == period_s:
        scope.settings["span", 0] = max(scope.limits.span_s, 4.0 * period_s)
    else:
        scope.settings["span", 0] = 1e-3
    scope.begin("RUN", shown)


def _fit(scope: Oscilloscope, channel: int) -> Figures:
    record = scope.complete_record()
    points = min(record.setup.depth, 50_000)
    vertical = record.setup.vertical[channel]
    found = Figures(record.time_s(points), record.volts(channel, points), vertical.range_v / 256)
    # Noise at the widest range is no signal.
    low_v, high_v = (float(v) for v in np.percentile(found.level_v, (1, 99)))
    probe = scope.settings["probe", channel]
    range_v = min(max(1.6 * (high_v - low_v), 8e-3 * probe), 40.0 * probe)
    middle_v = (low_v + high_v) / 2
    scope.settings["range", channel], scope.settings["offset", channel] = range_v, middle_v
    scope.settings["level", channel] = middle_v
    return found
