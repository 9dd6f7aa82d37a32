"""Compact models as pure functions, model cards, the integrator and the neuron circuit."""

from labbench.model.card import PARAMETERS, ModelCard, card_from_dict, read_card, shipped_cards

__all__ = [
    "PARAMETERS",
    "ModelCard",
    "card_from_dict",
    "read_card",
    "shipped_cards",
]
