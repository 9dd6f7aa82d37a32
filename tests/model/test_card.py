"""Cards: nothing unknown, nothing impossible, and a way to TOML and back."""

from __future__ import annotations

import tomllib
from dataclasses import FrozenInstanceError, replace
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from labbench.errors import CardError
from labbench.model import PARAMETERS, ModelCard, card_from_dict, models, read_card, shipped_cards
from labbench.model.card import CIRCUITS, parameter_names
from labbench.model.models import MODELS, register


def as_toml(document: dict) -> str:
    """Write a card's document; Python's repr of numbers and plain strings is TOML's too."""
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    plain = {key: value for key, value in document.items() if key not in tables}
    lines = [f"{key} = {value!r}" for key, value in plain.items()]
    for section, values in tables.items():
        lines += [f"[{section}]", *(f"{key} = {value!r}" for key, value in values.items())]
    return "\n".join(lines)


# Values that are possible, but not with any others.
NOT_ANYHOW = {
    "r_on_ohm", "r_off_ohm", "compliance_a", "compliance_v", "parallel_capacitance_f", "stages",
    "source_resistance_ohm", "interstage_output_ohm",
}  # fmt: skip


@st.composite
def cards(draw) -> ModelCard:
    circuit = draw(st.sampled_from(CIRCUITS))
    model = draw(st.sampled_from(sorted(MODELS)))
    names = draw(st.sets(st.sampled_from(parameter_names(circuit, model))))
    values = {
        name: draw(st.floats(spec.lower, min(spec.upper, 1e30)))
        for name, spec in PARAMETERS.items()
        if name in names - NOT_ANYHOW
    }
    if "stages" in names:
        values["stages"] = float(draw(st.integers(1, 9)))
    fitted = sorted(draw(st.sets(st.sampled_from(sorted(PARAMETERS)), max_size=3)))
    plain = st.text("abc xyz-_09", max_size=10)
    return ModelCard(
        name=draw(plain),
        model=model,
        circuit=circuit,
        polarity=draw(st.sampled_from(["", *MODELS[model].polarities])),
        drive=draw(st.sampled_from(["voltage", "current"]))
        if circuit == "memristor"
        else "voltage",
        values=values,
        stderr={name: draw(st.floats(0.0, 1e30)) for name in fitted},
        covariance=np.diag(np.arange(1.0, len(fitted) + 1)) if fitted else None,
        source=draw(plain),
        assumed=tuple(sorted(values)[:2]),
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
    defaults = MODELS["bench"].defaults
    others = {
        name: defaults.get(name, PARAMETERS[name].default)
        for name in card.values
        if name != "alpha"
    }
    assert {name: card[name] for name in others} == others


@pytest.mark.parametrize(
    ("name", "model"), [("b1", "bench"), ("t1", "ne-si-2025"), ("ref", "ref-2026")]
)
def test_defaults_of_a_model_are_its_card(name: str, model: str):
    card = read_card(name)
    assert card.model == model
    known = MODELS[model].defaults
    assert {key: card[key] for key in known} == dict(known)


def test_a_parameter_that_a_model_does_not_have_does_nothing():
    assert read_card("b1")["noise_interval_s"] == 0.0
    assert read_card("b1")["current_clip_a"] == inf
    with pytest.raises(CardError, match="theta_per_v_s"):
        ModelCard(values={"theta_per_v_s": 1.0})


@pytest.mark.parametrize("value", [nan, inf, -inf, -1.0])
@pytest.mark.parametrize("name", [n for n in PARAMETERS if n != "threshold_voltage_v"])
def test_impossible_values_are_refused(name: str, value: float):
    spec = PARAMETERS[name]
    circuit = "memristor" if spec.section == "fixture" else "chain"
    model = next((m for m in MODELS.values() if name in m.defaults), MODELS["bench"])
    if value == spec.default == inf:
        assert ModelCard(model=model.name, circuit=circuit, values={name: inf})[name] == inf
        return
    with pytest.raises(CardError, match=name):
        ModelCard(model=model.name, circuit=circuit, values={name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"polarity": "negative"}, "'negative'"),
        ({"model": "ne-si-2025", "polarity": "symmetric"}, "'symmetric'"),
        ({"values": {"compliance_v": 1.0}}, "limited by compliance_a"),
        (
            {"circuit": "memristor", "drive": "current", "values": {"compliance_a": 1.0}},
            "limited by compliance_v",
        ),
        ({"values": {"parallel_capacitance_f": 1e-14, "compliance_a": 1e-6}}, "stiff source"),
        (
            {"values": {"parallel_capacitance_f": 1e-14, "source_resistance_ohm": 50.0}},
            "stiff source",
        ),
        (
            {
                "circuit": "memristor",
                "values": {
                    "series_resistance_ohm": 0.0, "shunt_capacitance_f": 1e-9, "compliance_a": 1e-6,
                },
            },
            "give series_resistance_ohm",
        ),
        ({"circuit": "chain", "values": {"stages": 2.5}}, "whole number"),
        ({"assumed": ("speed",)}, "speed"),
    ],
)  # fmt: skip
def test_values_that_do_not_go_together_are_refused(fields, message):
    with pytest.raises(CardError, match=message):
        ModelCard(**fields)


@pytest.mark.parametrize("version", [0, 2, "new"])
def test_a_card_of_a_later_model_is_refused(version):
    with pytest.raises(CardError, match=f"version {version!r} of model 'bench'"):
        card_from_dict({"model": "bench", "model_version": version})


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


def test_what_is_replaced_is_not_assumed_any_more():
    card = ModelCard(assumed=("alpha", "eta"))
    assert card.with_values({"alpha": 0.02}).assumed == ("eta",)
    assert card.with_values({"alpha": 0.02}, assumed=("alpha",)).assumed == ("alpha",)


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


def test_a_model_of_ones_own_is_registered_once_and_no_other_is_replaced():
    kept = dict(MODELS)
    own = replace(MODELS["bench"], name="own", has_area=True)
    register(own)
    register(own)
    try:
        assert ModelCard(model="own", values=read_card("b1").values).model == "own"
        with pytest.raises(CardError, match="another name"):
            register(replace(own, name="bench"))
    finally:
        del models._REGISTERED["own"]
    assert dict(MODELS) == kept
