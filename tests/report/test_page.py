import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from labbench.errors import OutputError
from labbench.features import Outcome
from labbench.report import render_report, scorecard_of, write_report
from labbench.report.quantity import format_quantity
from labbench.report.wording import feature_words

VOID = {"meta", "link", "br", "img", "hr", "input"}
BENCH = {"bench": "simulated", "date": "2026-11-22", "runs": "1, 2"}


class Page(HTMLParser):
    """Check that tags nest, and collect the text, what is referred to and the identifiers."""

    def __init__(self, html):
        super().__init__()
        self.open, self.references, self.ids, self.text = [], [], [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        self._attributes(attributes)

    def handle_startendtag(self, tag, attributes):
        self._attributes(attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def _attributes(self, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href"):
                self.references.append(value)
            if name == "id":
                self.ids.append(value)


@pytest.fixture
def render(scorecard, make_fit):
    """Render without responses: figures take most of the time and have tests of their own."""

    def render(**changes):
        fields = {
            "scorecard": scorecard,
            "fit": make_fit(residuals=()),
            "measured": {},
            "simulated": {},
            "provenance": BENCH,
        }
        return render_report(**{**fields, **changes})

    return render


def test_the_page_is_well_formed_and_loads_nothing(render, measured, simulated, make_fit):
    html = render(measured=measured, simulated=simulated, fit=make_fit())
    page = Page(html)
    assert all(reference.startswith(("#", "data:")) for reference in page.references)
    assert not re.search(r"https?://|<script|<link|@import|url\((?!#)", html)
    assert len(page.ids) == len(set(page.ids))
    used = {reference[1:] for reference in page.references}
    assert used | set(re.findall(r"url\(#([^)]+)\)", html)) <= set(page.ids)
    assert len(html) < 3_000_000


def test_every_feature_and_parameter_is_there_with_its_doubt(render, scorecard):
    text = Page(render()).text
    for row in scorecard.properties:
        name, condition = feature_words(row.feature)
        assert name in text
        assert condition in text
        assert format_quantity(row.measured.value, row.measured.stderr, row.unit) in text
    for parameter in scorecard.parameters:
        assert parameter.name in text
    assert "not identifiable: measure hold voltage on a ramp" in text
    for words in ("drawn from the supply", "leaky integration", "not measured", "joint fit"):
        assert words in text


def test_names_are_text_not_markup(render, scorecard):
    html = render(
        scorecard=replace(scorecard, device="<b>", card="<i>"),
        notes=["<u>note"],
        provenance={"<s>": "<s>", "bench": "<s>"},
    )
    assert "&lt;b&gt;" in html
    assert not re.search(r"<[ius]>", html)
    Page(html)


def test_the_truth_has_a_column_only_where_it_is_known(render, scorecard, make_fit):
    assert "Truth" in render()
    unknown = scorecard_of("d", make_fit(), scorecard.properties)
    html = render(scorecard=unknown, provenance={"bench": "real"})
    assert "Truth" not in html
    assert "Simulated bench" not in html


def test_a_poor_fit_is_said_in_plain_words(render, make_fit):
    assert "does not explain these data" not in render()
    html = render(fit=make_fit(chisqr=40.0, outcome=Outcome.NOT_CONVERGED, residuals=()))
    assert "The model does not explain these data: reduced chi-square 10.0" in html
    assert "The fit: not converged" in html


def test_what_a_fit_says_of_itself_is_there(render, make_fit):
    html = render(fit=make_fit(discrepancy="Farthest off: a step.", notes=("with m = 1: nothing",)))
    assert "Farthest off: a step. The parameters are the best of a poor fit" in html
    assert "<li>with m = 1: nothing</li>" in html


def test_what_disagrees_is_named_at_the_top(render, scorecard):
    rows = scorecard.properties
    first = replace(rows[0], verdict="disagrees")
    html = render(scorecard=replace(scorecard, properties=(first, *rows[1:])))
    assert "1 differs more than chance allows" in html
    assert "Model and measurement differ in fire probability at amplitude 600\xa0mV." in html


def test_a_page_without_fit_responses_or_energy_is_still_a_page(render, scorecard):
    bare = replace(scorecard, parameters=(), properties=(), energy={}, redchi=None)
    Page(render(scorecard=bare, fit=None, measured={}, simulated={}, provenance={}))


def test_a_report_without_a_folder_is_refused(tmp_path, scorecard):
    with pytest.raises(OutputError, match="no folder"):
        write_report(
            tmp_path / "missing" / "report.html",
            scorecard=scorecard,
            fit=None,
            measured={},
            simulated={},
            provenance={},
        )


def test_a_report_is_written(tmp_path, scorecard):
    path = tmp_path / "report.html"
    write_report(
        path, scorecard=scorecard, fit=None, measured={}, simulated={}, provenance={}, notes=["hm"]
    )
    assert "hm" in Page(path.read_text("utf-8")).text


def test_a_page_says_what_a_latched_gate_costs(render, scorecard):
    joules = {"source": 5e-12, "supply": 3e-9}
    energy = {
        "inferred_with": "c", "amplitude_v": 0.8, "outcome": "latched", "spikes": 0,
        "energy_j": {}, "latched_s": 2e-3, "latched_j": joules,
    }  # fmt: skip
    page = render(scorecard=replace(scorecard, energy=energy))
    assert "makes 0 spikes (latched)" in page
    assert f"{format_quantity(5e-12, None, 'J')} drawn from the input" in page
    assert "not measured" in page
