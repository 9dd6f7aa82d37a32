"""Held-out features and their stated intervals, in words."""

import pytest

from labbench.compare import Comparison, Estimate
from labbench.errors import NotFoundError
from labbench.model import Loading
from labbench.report.cross_validation import Coverage, coverage_of, cross_validate
from labbench.report.device import DeviceData


def row(role, within):
    nothing = Estimate(1.0, 0.1, 5)
    return Comparison(
        "stochasticity", "x", "1", nothing, nothing, 0.0, 1.0, "agrees", within=within, role=role
    )


def test_only_held_out_features_with_an_interval_count():
    rows = [row("held out", True), row("held out", False), row("held out", None), row("fitted", 0)]
    found = coverage_of(rows)
    assert (found.within, found.n, found.share) == (1, 2, 0.5)
    assert "1 of 2 held-out features (50 %)" in found.text
    assert "run more procedures" in Coverage(0, 0).text


def test_nothing_to_fit_or_to_predict_is_one_clear_error():
    with pytest.raises(NotFoundError, match="no run to fit on when the fit takes x"):
        cross_validate(DeviceData("d", "neuron", (), {}, Loading()), fit_on=["x"])
