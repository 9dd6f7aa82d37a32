"""Reports: a scorecard and traces as figures, one self-contained page, JSON and terminal tables."""

from labbench.report.page import render_report, write_report
from labbench.report.scorecard import scorecard_of, write_scorecard
from labbench.report.table import parameter_table, scorecard_table, scorecard_tables

__all__ = [
    "parameter_table",
    "render_report",
    "scorecard_of",
    "scorecard_table",
    "scorecard_tables",
    "write_report",
    "write_scorecard",
]
