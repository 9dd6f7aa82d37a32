"""Figures of a report: which ones there are depends on what was measured."""

from labbench.report.figures.choose import PageFigure, figures_of

__all__ = ["PageFigure", "figures_of"]
