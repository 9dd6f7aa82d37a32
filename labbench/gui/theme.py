"""Colours that can be read on a light and on a dark desktop, and sizes that follow the font."""

from __future__ import annotations

from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QComboBox, QLabel, QWidget


@dataclass(frozen=True)
class Theme:
    """What a panel or a plot is drawn in; hex colours.

    Attributes
    ----------
    ink, paper, faint : str
        Letters and axes, ground, and what is less important.
    input, spike : str
    measured, simulated : str
        As in the report; on a dark ground they are lighter.
    bad, good : str
        Letters that warn, and that reassure.
    """

    ink: str
    paper: str
    faint: str
    input: str
    spike: str
    measured: str
    simulated: str
    bad: str
    good: str


LIGHT = Theme(
    "#1b1c1d", "#ffffff", "#6c6d6e", "#6c6d6e", "#cc3311", "#0072b2", "#d55e00", "#b3200a",
    "#1b6e3c",
)  # fmt: skip
DARK = Theme(
    "#e4e6e8", "#16181a", "#9aa0a6", "#9aa0a6", "#ff6b57", "#56b4e9", "#ff9d4d", "#ff8a75",
    "#6fd39a",
)  # fmt: skip

# The same on both: with their own letters.
ALL_OFF = "#c1121f"
WARNING = "background: #ffe08a; color: #1b1c1d; padding: 6px"
ORIGINS = {"SIMULATED": "#b34f00", "LIVE": "#005a8d", "NO BENCH": "#55585b"}
# Of curves laid over each other, after the first.
OVERLAY = ("#009e73", "#cc79a7", "#e69f00", "#8f6be0", "#3fb5c4", "#9b7b5a", "#7f8c2d")


def current_theme() -> Theme:
    """Return the theme for the desktop's palette."""
    window = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    return DARK if window.lightness() < 128 else LIGHT


def colour_of(is_simulated: bool) -> str:
    """Return the colour of what simulated or real instruments answered."""
    theme = current_theme()
    return theme.simulated if is_simulated else theme.measured


def use_theme_in_plots() -> Theme:
    """Let plots that are made from now on have the desktop's ground and letters."""
    theme = current_theme()
    pg.setConfigOptions(background=theme.paper, foreground=theme.ink)
    return theme


def em(widget: QWidget, n: float) -> int:
    """Return n heights of a letter, in pixels."""
    return round(n * widget.fontMetrics().height())


def plain_label(text: str = "", *, wraps: bool = False) -> QLabel:
    """Return a label that shows a text letter by letter: a name in the store is never HTML.

    It takes the room there is: a long name makes no window wider.
    """
    label = QLabel(text, wordWrap=wraps)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setMinimumWidth(1)
    return label


def narrow(box: QComboBox) -> QComboBox:
    """Keep a box from being as wide as its longest entry, and return it."""
    box.setSizeAdjustPolicy(box.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    return box


def heading(text: str) -> QLabel:
    """Return a small heading."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label
