"""The live panel: the waveform as it comes, pulses, features with errors, and the card's word."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from labbench.gui.live_plot import ChannelsPlot, FeaturePlot, StripPlot
from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.compare_model import CompareModel
from labbench.gui.models.live_model import LiveFrame, LiveModel
from labbench.gui.rows import FEATURE_HEADER, feature_row
from labbench.gui.table import RowTable
from labbench.gui.theme import colour_of, narrow, plain_label
from labbench.model import ModelCard
from labbench.report.wording import count, words

_NO_CARD = "no prediction"


class LivePanel(QWidget):
    """What the device does now."""

    def __init__(self, bench: BenchModel, live: LiveModel, compare: CompareModel) -> None:
        super().__init__()
        self._bench, self._live, self._compare = bench, live, compare
        self.title, self.note = plain_label("nothing is running"), plain_label(wraps=True)
        self.card = narrow(QComboBox())
        self.card.addItem(_NO_CARD)
        self.card.setToolTip("Whose answer to the same stimulus is drawn over it, dashed.")
        self.channels, self.strip = ChannelsPlot(), StripPlot()
        self.feature_plot, self.features = FeaturePlot(), RowTable(FEATURE_HEADER)
        self._cards: list[ModelCard] = []
        self._shown: object = None
        self._due: LiveFrame | None = None
        self._arrange()
        self.card.currentIndexChanged.connect(self._on_card)
        compare.subscribe("found", self._show_cards)
        bench.subscribe("state", self._on_bench)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.title, stretch=1)
        row.addWidget(QLabel("Predicted by"))
        row.addWidget(self.card)
        lower = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        lower.addWidget(self.strip)
        lower.addWidget(self.feature_plot)
        splitter = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        for widget, stretch in ((self.channels, 5), (lower, 3), (self.features, 2)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(self.note)
        column.addWidget(splitter, stretch=1)
        self.note.hide()

    def refresh(self) -> None:
        """Draw the waveform of the newest picture, or the rest of the last one in its turn.

        Called with two of three ticks of the window.
        """
        if self._due is not None:
            frame, self._due = self._due, None
            self._show_rest(frame)
        elif (newest := self._live.take()) is not None:
            self._due = newest
            self._show_waveform(newest)

    def show_frame(self, frame: LiveFrame) -> None:
        """Draw a picture, whole."""
        self._show_waveform(frame)
        self._show_rest(frame)

    def _show_waveform(self, frame: LiveFrame) -> None:
        run = frame.run
        self.title.setText(
            f"run {run.id}: {words(run.procedure)} on {run.device}, "
            f"{count(frame.n_responses, 'response')}"
        )
        self.note.setText(frame.note)
        self.note.setVisible(bool(frame.note))
        if frame.curves:
            self.channels.show_frame(frame, colour_of(run.simulated))

    def _show_rest(self, frame: LiveFrame) -> None:
        self.strip.show_strip(frame.strip)
        if frame.features is not self._shown:
            self._shown = frame.features
            self.features.show_rows([feature_row(*each) for each in frame.features])
            self.feature_plot.show_features(frame.features)

    def _show_cards(self) -> None:
        found = self._compare.found
        chosen = self.card.currentText()
        # The last fit first: it is what one wants to see.
        self._cards = list({card.name: card for card in found.cards}.values())[::-1]
        self.card.blockSignals(True)
        self.card.clear()
        self.card.addItems([_NO_CARD, *(card.name for card in self._cards)])
        place = self.card.findText(chosen)
        if chosen == _NO_CARD and found.card is not None:
            place = self.card.findText(found.card.name)
        self.card.setCurrentIndex(max(place, 0))
        self.card.blockSignals(False)
        self._on_card()

    def _on_card(self) -> None:
        place = self.card.currentIndex() - 1
        self._live.card = self._cards[place] if place >= 0 else None

    def _on_bench(self) -> None:
        bench = self._bench.description
        self._live.loading = None if bench is None else bench.wiring.loading
