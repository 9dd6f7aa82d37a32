"""Scorecards come back from JSON: what is not a number is null there, and NaN again here."""

import json
from dataclasses import asdict
from math import inf, isfinite, isnan, nan

from hypothesis import given
from hypothesis import strategies as st

from labbench.compare import AGREES, CANNOT_TELL, DISAGREES, Scorecard, scorecard_from_dict
from labbench.compare.properties import Comparison, Estimate
from labbench.compare.scorecard import ParameterRow
from labbench.features import Outcome
from labbench.report.rows import feature_groups, parameter_rows

NUMBERS = st.floats(-1e30, 1e30, allow_subnormal=False) | st.sampled_from([nan, inf, -inf])
ESTIMATES = st.builds(Estimate, NUMBERS, NUMBERS, st.integers(0, 1000))
ROWS = st.builds(
    Comparison,
    property=st.just("threshold_firing"),
    feature=st.just("latency at amplitude_v=0.8"),
    unit=st.sampled_from(["s", "V", "1"]),
    measured=ESTIMATES,
    simulated=ESTIMATES,
    difference_sigma=NUMBERS,
    p_value=NUMBERS,
    verdict=st.sampled_from([AGREES, CANNOT_TELL, DISAGREES]),
    outcome=st.sampled_from(Outcome),
    trials_stderr=NUMBERS,
    card_stderr=NUMBERS,
    within=st.sampled_from([None, True, False]),
)
PARAMETERS = st.builds(
    ParameterRow, st.just("mu_per_v_s"), st.just("1/(V s)"), NUMBERS, NUMBERS, st.booleans()
)
SCORECARDS = st.builds(
    Scorecard,
    device=st.just("n1"),
    card=st.just("n1-fit"),
    seed=st.none() | st.integers(0, 99),
    parameters=st.lists(PARAMETERS, max_size=2).map(tuple),
    properties=st.lists(ROWS, max_size=3).map(tuple),
)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in leaves(each)]
    return [value]


@given(SCORECARDS)
def test_a_scorecard_comes_back_from_json_and_can_be_shown(scorecard):
    text = json.dumps(scorecard.to_dict(), allow_nan=False)
    back = scorecard_from_dict(json.loads(text))
    for before, after in zip(leaves(asdict(scorecard)), leaves(asdict(back)), strict=True):
        if isinstance(before, float) and not isfinite(before):
            assert isnan(after)
        else:
            assert after == before
            assert type(after) is type(before)
    feature_groups(back)
    parameter_rows(back)
