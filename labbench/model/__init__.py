"""Compact models as pure functions, model cards, the integrator and the neuron circuit."""

from labbench.model.card import PARAMETERS, ModelCard, card_from_dict, read_card, shipped_cards
from labbench.model.integration import advance, resting
from labbench.model.output import Loading
from labbench.model.simulation import Simulation, simulate
from labbench.model.solution import SPIKE_GATE_V, DeviceState, Event, Solution

__all__ = [
    "PARAMETERS",
    "SPIKE_GATE_V",
    "DeviceState",
    "Event",
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
