"""The map of a wafer: where dies are, and which one was clicked."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from labbench.gui.wafer_map import WaferMap

DIES = {(x, y): (x + y) % 3 for x in range(-2, 5) for y in range(1, 4) if (x, y) != (0, 2)}


@pytest.fixture
def wafer(qtbot):
    made = WaferMap()
    qtbot.addWidget(made)
    made.resize(420, 260)
    made.show_dies(DIES, None)
    made.show()
    return made


def test_every_die_is_where_it_is_clicked(qtbot, wafer):
    clicked = []
    wafer.die_chosen.connect(lambda *die: clicked.append(die))
    for die in DIES:
        place = wafer.place_of(die)
        assert wafer.rect().contains(place.toAlignedRect())
        qtbot.mouseClick(wafer, Qt.MouseButton.LeftButton, pos=place.center().toPoint())
    assert clicked == list(DIES)
    qtbot.mouseClick(
        wafer, Qt.MouseButton.LeftButton, pos=wafer.place_of((0, 2)).center().toPoint()
    )
    assert len(clicked) == len(DIES), "no die is there"


def test_rows_count_upward(wafer):
    low, high = wafer.place_of((1, 1)), wafer.place_of((1, 3))
    assert high.bottom() < low.top()
    assert wafer.place_of((2, 1)).left() > low.left()


def test_dies_do_not_overlap(wafer):
    places = [wafer.place_of(die) for die in DIES]
    for k, place in enumerate(places):
        assert not any(place.intersects(other) for other in places[:k])


def test_a_map_without_dies_is_drawn(qtbot, wafer):
    wafer.show_dies({}, None)
    wafer.repaint()
    qtbot.mouseClick(wafer, Qt.MouseButton.LeftButton)
