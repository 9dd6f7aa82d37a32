"""The report: one HTML file that opens anywhere, offline, and prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import labbench
from labbench.compare import Scorecard
from labbench.compare.margins import EQUIVALENT
from labbench.compare.verdict import SIGNIFICANCE
from labbench.features import Response
from labbench.fit import FitResult
from labbench.report.energy import energy_branches, energy_words
from labbench.report.output import write_whole
from labbench.report.rows import feature_groups, fit_summary, headline, parameter_rows
from labbench.report.verdict import SIGNS, property_verdicts
from labbench.report.wording import words


def write_report(
    path: Path,
    *,
    scorecard: Scorecard,
    fit: FitResult | None,
    measured: Mapping[str, Sequence[Response]],
    simulated: Mapping[str, Sequence[Response]],
    provenance: Mapping[str, str],
    notes: Sequence[str] = (),
) -> None:
    """Write the report of one device.

    Parameters
    ----------
    path : Path
        Of the HTML file.
    scorecard : Scorecard
    fit : FitResult or None
    measured, simulated : mapping of property name to responses
        What the figures are drawn from.
    provenance : mapping of str to str
        What these numbers come from, shown as it is: runs, procedures, bench, dataset. Two entries
        also go to the top of the page: "date" (today if absent), and "bench", where "simulated..."
        makes a banner.
    notes : sequence of str
        What a reader must know.

    Raises
    ------
    OutputError
        If the folder is missing or the file cannot be written.
    """
    html = render_report(
        scorecard=scorecard,
        fit=fit,
        measured=measured,
        simulated=simulated,
        provenance=provenance,
        notes=notes,
    )
    write_whole(path, html)


def render_report(
    *,
    scorecard: Scorecard,
    fit: FitResult | None,
    measured: Mapping[str, Sequence[Response]],
    simulated: Mapping[str, Sequence[Response]],
    provenance: Mapping[str, str],
    notes: Sequence[str] = (),
) -> str:
    """Return the page that `write_report` writes."""
    from labbench.report.figures import figures_of  # brings matplotlib, slow to import

    environment = Environment(
        loader=PackageLoader("labbench.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    bench = provenance.get("bench", "")
    figures = figures_of(measured, simulated, fit)
    return environment.get_template("report.html.j2").render(
        scorecard=scorecard,
        date=provenance.get("date") or f"{datetime.now():%Y-%m-%d}",
        bench=bench,
        is_simulated=_is_simulated(scorecard, bench),
        headline=headline(scorecard, fit),
        verdicts=property_verdicts(scorecard),
        signs=SIGNS,
        groups=feature_groups(scorecard),
        significance=f"{SIGNIFICANCE:g}",
        equivalent=f"{100 * EQUIVALENT:g} %",
        parameters=parameter_rows(scorecard),
        has_truth=any(row.truth is not None for row in scorecard.parameters),
        branches=energy_branches(scorecard.energy),
        energy_words=energy_words(scorecard.energy),
        fit=fit_summary(fit),
        figures=[(figure, Markup(figure.svg)) for figure in figures],
        notes=notes,
        provenance={
            "labbench": labbench.__version__,
            "model card": scorecard.card,
            "seed of the simulated trials": str(scorecard.seed),
            **provenance,
        },
    )


def _is_simulated(scorecard: Scorecard, bench: str) -> bool:
    # A truth is never known of a real device.
    return bench.startswith("simulated") or any(p.truth is not None for p in scorecard.parameters)
