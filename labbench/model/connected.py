"""A card as the bench connects it: gate grounded, another resistor or supply, in a row."""

from __future__ import annotations

from dataclasses import replace

from labbench.connection import Connection
from labbench.errors import StimulusError
from labbench.model.card import ModelCard, parameter_names
from labbench.model.chain import in_a_row


def connected(card: ModelCard, connection: Connection) -> ModelCard:
    """Return the card of a device in a connection.

    A memristor card has no gate; it is the same in every connection.

    Raises
    ------
    StimulusError
        If the gate of a chain is to be grounded: its neurons have one each.
    """
    if card.circuit == "memristor":
        return card
    if connection.gate == "grounded":
        if card.circuit != "neuron":
            raise StimulusError(f"Card {card.name!r} is a chain: its gates cannot be grounded.")
        return grounded(card)
    added_f = connection.added_capacitance_f
    given = {
        "gate_capacitance_f": None if added_f is None else card["gate_capacitance_f"] + added_f,
        "control_resistance_ohm": connection.control_resistance_ohm,
        "load_resistance_ohm": connection.load_resistance_ohm,
        "supply_v": connection.supply_v,
    }
    made = card.with_values({name: value for name, value in given.items() if value is not None})
    if connection.interstage_gain is not None and made.circuit == "neuron":
        return in_a_row(made, {"interstage_gain": connection.interstage_gain})
    return made


def grounded(card: ModelCard) -> ModelCard:
    """Return the memristor of a neuron between its source and ground, without a node of its own."""
    names = parameter_names("memristor", card.model)
    values = {name: card[name] for name in names if name in card.values}
    values |= {
        "parallel_capacitance_f": 0.0,
        "series_resistance_ohm": card["source_resistance_ohm"],
    }
    return replace(card, circuit="memristor", values=values, assumed=(), stderr={})
