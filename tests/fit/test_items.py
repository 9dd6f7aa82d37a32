"""Items: what is read from recorded responses is what the plan predicts for them."""

import numpy as np
import pytest

from labbench.features import PROPERTIES
from labbench.fit.items import KINDS, Item
from labbench.fit.plan import Plan
from labbench.fit.reading import items_of
from labbench.fit.reference import Scale, reference_items, with_trials
from labbench.fit.statistics import evaluate, find_atom, sampling_covariance, statistics_of
from labbench.model import Loading, read_card
from procedures import configure, find_procedure
from procedures.players import ModelPlayer

SCALE = {"threshold_v": 0.73, "latency_s": 5.07e-4}
LOADING = Loading(1e7, 1e-11)
ONCE = {
    "identification_steps": {"repeats": 10},
    "pump_probe": {"repeats": 6},
    "interval_by_index": {"repeats": 6},
    "dwell_gap_test": {"repeats": 6},
    "hold_voltage": {"slow_repeats": 6, "fast_repeats": 10},
    "relaxation_levels": {"repeats": 6},
    "off_current": {"repeats": 2},
}


def play(card, name, interval_s=1e-6):
    procedure = configure(find_procedure(name), {**SCALE, **ONCE[name]})
    responses = []
    procedure.player = ModelPlayer(card, 3, interval_s=interval_s, start_s=-1e-4, loading=LOADING)
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop, procedure.emit = (lambda: False), (lambda topic, value: None)
    procedure.execute()
    return responses


@pytest.fixture(scope="module")
def quiet():
    return read_card("b1").with_values({"kappa_per_s": 0.0})


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("identification_steps", 1e-3),
        ("pump_probe", 1e-3),
        ("interval_by_index", 1e-3),
        # A current rises and falls within a sample of a microsecond.
        ("dwell_gap_test", 2e-3),
        ("hold_voltage", 1e-2),
        ("off_current", 1e-3),
    ],
)
def test_the_plan_predicts_what_is_read_from_a_trace(quiet, name, tolerance):
    items = items_of(play(quiet, name))
    assert name in {KINDS[item.kind].procedure for item in items}
    values, _ = Plan(tuple(items), LOADING).quiet([quiet], range(len(items)))
    for item, predicted in zip(items, values[0], strict=True):
        assert item.centre == pytest.approx(
            predicted, rel=tolerance + 5e-3 * (item.kind == "recovery")
        )


def test_the_reference_plan_is_that_of_the_procedures(quiet):
    """Stimulus by stimulus: what a fit thinks a characterization plays is what it plays."""
    scale = Scale(**SCALE)
    mine = [item.stimulus for item in reference_items(quiet, scale)]
    drawn = [r.stimulus for name in ONCE for r in play(quiet, name, interval_s=5e-6)]
    theirs = {tuple(np.round(np.concatenate(s.breakpoints()), 9)) for s in drawn}
    pairs = [item.stimulus for item in reference_items(quiet, scale) if item.kind == "second"]
    for stimulus in mine:
        if stimulus not in pairs:
            assert tuple(np.round(np.concatenate(stimulus.breakpoints()), 9)) in theirs


def test_a_fit_reads_every_kind_of_the_plan(quiet):
    items = reference_items(quiet, Scale(**SCALE))
    assert {item.kind for item in items} == set(KINDS) - {"closing", "mean_relaxation"}
    assert all(item.n == 0 and not item.is_usable for item in items)


def test_trials_that_did_not_fire_are_bounds_and_too_many_of_them_no_item():
    item = reference_items(read_card("b1"), Scale(**SCALE))[0]
    values = np.full(20, 1e-3)
    few = Item("step", item.stimulus, values=values, is_censored=np.arange(20) < 4)
    many = Item("step", item.stimulus, values=values, is_censored=np.arange(20) < 5)
    assert few.is_usable
    assert not many.is_usable


def test_an_atom_stands_out_or_is_none():
    random = np.random.default_rng(1)
    tail = 1.0 + random.exponential(0.3, 60)
    assert find_atom(tail, 0.008) is None
    assert find_atom(np.r_[np.full(6, 1.0), tail], 0.008) == pytest.approx(1.0)


def test_the_bootstrap_agrees_with_samples_drawn_anew():
    """Covariance of statistics drawn from a pool of trials, against many samples."""
    card = read_card("b1")
    items = reference_items(card, Scale(**SCALE))[1:2]
    drawn = [with_trials(items, card, LOADING, seed) for seed in range(120)]
    statistics = statistics_of(drawn[0])
    rows = np.array(
        [[evaluate(s, d[0], d[0].values[None], statistics[0].atom)[0] for s in statistics[:2]]
         for d in drawn]
    )  # fmt: skip
    # One sample hardly knows its own kurtosis: all of them together do.
    pool = np.concatenate([d[0].values for d in drawn])
    own = sampling_covariance(statistics[:2], drawn[0], [pool], [np.nan] * 2, draws=1000)
    # 120 samples tell a standard deviation to 6 %.
    assert np.sqrt(np.diag(own)) == pytest.approx(rows.std(axis=0), rel=0.2)


def test_extractors_and_items_share_their_readings(quiet):
    responses = play(quiet, "pump_probe")
    features = {f.at["gap_s"]: f.value for f in PROPERTIES["pump_probe"][0](responses)}
    items = [item for item in items_of(responses) if item.kind == "probe"]
    assert len(items) == len(features) == 3
    for item in items:
        gap_s = float(f"{item.at['gap_s']:.6g}")
        assert np.exp(np.log(item.values).mean()) == pytest.approx(features[gap_s], rel=1e-9)
