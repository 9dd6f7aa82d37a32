"""Compact models as pure functions, model cards, the integrator and the neuron circuit."""

from labbench.model.card import PARAMETERS, ModelCard, card_from_dict, read_card, shipped_cards
from labbench.model.output import Loading
from labbench.model.simulate import DeviceState, Simulation, Solution, advance, resting, simulate

__all__ = [
    "PARAMETERS",
    "DeviceState",
    "Loading",
    "ModelCard",
    "Simulation",
    "Solution",
    "advance",
    "card_from_dict",
    "read_card",
    "resting",
    "shipped_cards",
    "simulate",
]
