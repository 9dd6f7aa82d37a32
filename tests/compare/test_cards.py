"""Cards drawn from a card's doubt have that doubt."""

from dataclasses import replace

import numpy as np
import pytest

from labbench.compare.cards import drawn_cards
from labbench.errors import CardError
from labbench.model import read_card

NAMES = ("mu_per_v_s", "gamma1_per_s", "alpha")


@pytest.fixture
def card():
    b1 = read_card("b1")
    spread = np.array([0.05, 0.05, 0.3])
    correlation = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    values = np.array([b1[name] for name in NAMES])
    errors = spread * values
    return replace(
        b1,
        stderr=dict(zip(NAMES, errors.tolist(), strict=True)),
        covariance=correlation * np.outer(errors, errors),
    )


def logs(cards, card):
    return np.log([[c[name] / card[name] for name in NAMES] for c in cards])


@pytest.mark.parametrize("pairs", [3, 8])
def test_the_mean_square_of_enough_pairs_is_the_covariance_exactly(card, pairs):
    plus, minus = zip(*drawn_cards(card, pairs, seed=1), strict=True)
    steps = logs(plus, card)
    assert logs(minus, card) == pytest.approx(-steps)
    values = np.array([card[name] for name in NAMES])
    assert steps.T @ steps / pairs == pytest.approx(
        card.covariance / np.outer(values, values), abs=1e-12
    )


def test_few_pairs_have_it_on_average(card):
    squares = [logs([drawn_cards(card, 1, seed)[0][0]], card)[0] ** 2 for seed in range(400)]
    assert np.mean(squares, axis=0) == pytest.approx([0.0025, 0.0025, 0.09], rel=0.25)


def test_nearer_draws_are_scaled(card):
    one, near = (drawn_cards(card, 3, 1, scale)[0][0] for scale in (1.0, 0.5))
    assert logs([near], card) == pytest.approx(0.5 * logs([one], card))


def test_a_card_without_doubt_has_no_draws_and_unknown_values_are_not_drawn_far():
    b1 = read_card("b1")
    assert drawn_cards(b1, 4, seed=1) == []
    unknown = replace(b1, stderr={"r_off_ohm": 50 * b1["r_off_ohm"]})
    ((plus, _),) = drawn_cards(unknown, 1, seed=1)
    assert abs(np.log(plus["r_off_ohm"] / b1["r_off_ohm"])) == pytest.approx(1.0)


def test_values_stay_in_their_bounds():
    bold = read_card("b1").with_values({"eta": 0.9}, stderr={"eta": 0.8})
    assert {c["eta"] for pair in drawn_cards(bold, 2, seed=1) for c in pair} >= {1.0}


def test_what_is_no_covariance_is_refused(card):
    with pytest.raises(CardError, match="covariance is not one"):
        drawn_cards(replace(card, covariance=-card.covariance), 2, seed=1)
