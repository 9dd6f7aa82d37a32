"""Cards: nothing unknown, nothing impossible, and a way to TOML and back."""

from __future__ import annotations

import tomllib
from dataclasses import FrozenInstanceError
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from labbench.errors import CardError
from labbench.model import PARAMETERS, ModelCard, card_from_dict, read_card, shipped_cards
from labbench.model.card import parameter_names


def as_toml(document: dict) -> str:
    """Write a card's document; Python's repr of numbers and plain strings is TOML's too."""
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    plain = {key: value for key, value in document.items() if key not in tables}
    lines = [f"{key} = {value!r}" for key, value in plain.items()]
    for section, values in tables.items():
        lines += [f"[{section}]", *(f"{key} = {value!r}" for key, value in values.items())]
    return "\n".join(lines)


@st.composite
def cards(draw) -> ModelCard:
    circuit = draw(st.sampled_from(["memristor", "neuron"]))
    names = draw(st.sets(st.sampled_from(parameter_names(circuit))))
    values = {
        name: draw(st.floats(spec.lower, min(spec.upper, 1e30)))
        for name, spec in PARAMETERS.items()
        if name in names - {"r_on_ohm", "r_off_ohm"}
    }
    fitted = sorted(draw(st.sets(st.sampled_from(sorted(PARAMETERS)), max_size=3)))
    plain = st.text("abc xyz-_09", max_size=10)
    return ModelCard(
        name=draw(plain),
        circuit=circuit,
        drive=draw(st.sampled_from(["voltage", "current"]))
        if circuit == "memristor"
        else "voltage",
        values=values,
        stderr={name: draw(st.floats(0.0, 1e30)) for name in fitted},
        covariance=np.diag(np.arange(1.0, len(fitted) + 1)) if fitted else None,
        source=draw(plain),
    )


@settings(max_examples=50, deadline=None)
@given(cards())
def test_round_trip_through_toml(card: ModelCard):
    back = card_from_dict(tomllib.loads(as_toml(card.to_dict())))
    assert back == card
    if card.covariance is not None:
        assert_array_equal(back.covariance, card.covariance)


@pytest.mark.parametrize("name", shipped_cards())
def test_every_shipped_card_loads_under_its_name(name: str):
    card = read_card(name)
    assert card.name == name
    assert card.source
    assert read_card(name.upper()) == card


def test_shipped_cards_are_there():
    assert {"b1", "memristor"} <= set(shipped_cards())


def test_what_is_missing_takes_its_default():
    card = card_from_dict({"parameters": {"alpha": 0.02}})
    assert card["alpha"] == 0.02
    others = {name: PARAMETERS[name].default for name in card.values if name != "alpha"}
    assert {name: card[name] for name in others} == others


def test_defaults_are_card_b1():
    assert dict(read_card("b1").values) == dict(ModelCard(circuit="neuron").values)


@pytest.mark.parametrize("value", [nan, inf, -inf, -1.0])
@pytest.mark.parametrize("name", [n for n in PARAMETERS if n != "threshold_voltage_v"])
def test_impossible_values_are_refused(name: str, value: float):
    circuit = "memristor" if PARAMETERS[name].section == "fixture" else "neuron"
    if value == PARAMETERS[name].default == inf:
        assert ModelCard(circuit=circuit, values={name: inf})[name] == inf
        return
    with pytest.raises(CardError, match=name):
        ModelCard(circuit=circuit, values={name: value})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"parameters": {"mu": 1.0}}, r"'mu' in \[parameters\]; it takes mu_per_v_s"),
        ({"neuron": {"alpha": 1.0}}, r"'alpha' in \[neuron\]"),
        ({"colour": "red"}, "colour"),
        ({"model": "spice"}, "'spice': known"),
        ({"circuit": "ring"}, "'ring'"),
        ({"drive": "light"}, "'light'"),
        ({"circuit": "neuron", "drive": "current"}, "current driven"),
        ({"circuit": "memristor", "neuron": {"supply_v": 1.0}}, "supply_v"),
        ({"parameters": {"alpha": "small"}}, "must be a number"),
        ({"parameters": {"alpha": True}}, "must be a number"),
        ({"parameters": {"alpha": 10**400}}, "must be a number"),
        ({"parameters": 3}, "must be a table"),
        ({"stderr": "abc"}, "must be a table"),
        ({"stderr": {"speed": 1.0}}, "'speed'"),
        ({"stderr": {"alpha": "x"}}, "must be a number"),
        ({"covariance": "abc"}, "covariance"),
        ({"stderr": {"alpha": 0.1}, "covariance": [[1.0, 0.0], [0.0, 1.0]]}, "1 rows of 1"),
        ({"parameters": {"r_on_ohm": 1e6, "r_off_ohm": 1e5}}, "below r_on_ohm"),
    ],
)
def test_impossible_cards_are_refused_and_say_what_is_wrong(document, message):
    with pytest.raises(CardError, match=message):
        card_from_dict(document)


def test_files(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[parameters]\nalpha = 0.02\n")
    assert read_card(path).name == "mine"
    path.write_text("alpha = = 2")
    with pytest.raises(CardError, match="not valid TOML"):
        read_card(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CardError, match=r"mine\.toml"):
        read_card(path)
    with pytest.raises(CardError, match="b1"):
        read_card(tmp_path / "nowhere.toml")


def test_cards_are_immutable():
    mine = {"alpha": 0.02}
    card = ModelCard(values=mine)
    mine["alpha"] = 0.5
    assert card["alpha"] == 0.02
    with pytest.raises(TypeError):
        card.values["alpha"] = 0.1  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        card.name = "other"  # type: ignore[misc]
    assert card.with_values({"alpha": 0.1}, name="other")["alpha"] == 0.1
    assert card["alpha"] == 0.02
