"""The scorecard for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labbench.compare import Scorecard
from labbench.report.quantity import MISSING, format_p, format_quantity, format_sigma
from labbench.report.rows import measured_text
from labbench.report.verdict import SIGNS
from labbench.report.wording import feature_words, words

if TYPE_CHECKING:
    from rich.table import Table

_STYLES = {"agrees": "green", "disagrees": "bold red", "cannot tell": "yellow"}


def scorecard_tables(scorecard: Scorecard) -> list[Table]:
    """Return features and parameters as tables to print with rich."""
    return [scorecard_table(scorecard), parameter_table(scorecard)]


def scorecard_table(scorecard: Scorecard) -> Table:
    """Return measured against simulated, one line a feature, to print with rich."""
    table = _table(f"{scorecard.device}: measured against {scorecard.card}")
    for name in ("property", "feature", "condition"):
        table.add_column(name, no_wrap=True)
    for name in ("measured", "simulated", "Δ/σ", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    last = ""
    for row in scorecard.properties:
        table.add_row(
            words(row.property) if row.property != last else "",
            *feature_words(row.feature),
            measured_text(row),
            format_quantity(row.simulated.value, row.simulated.stderr, row.unit),
            format_sigma(row.difference_sigma),
            format_p(row.p_value),
            f"{SIGNS.get(row.verdict, '')} {row.verdict}".strip(),
            style=_STYLES.get(row.verdict),
        )
        last = row.property
    return table


def parameter_table(scorecard: Scorecard) -> Table:
    """Return the fitted parameters, one line each, to print with rich."""
    table = _table(f"{scorecard.device}: parameters of {scorecard.card}")
    table.add_column("parameter")
    table.add_column("value", justify="right")
    has_truth = any(row.truth is not None for row in scorecard.parameters)
    if has_truth:
        table.add_column("truth", justify="right")
    table.add_column("")
    for row in scorecard.parameters:
        cells = [row.name, format_quantity(row.value, row.stderr, row.unit)]
        if has_truth:
            cells.append(
                MISSING if row.truth is None else format_quantity(row.truth, None, row.unit)
            )
        remedy = f"; needs {row.remedy}" if row.remedy else ""
        table.add_row(*cells, "" if row.identifiable else f"not identifiable{remedy}")
    return table


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    # As Text: a device may well be called "[red]".
    return Table(title=Text(title), title_justify="left", box=SIMPLE_HEAD)
