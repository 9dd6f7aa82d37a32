"""What every netlist of a card says: its names, its parameters, and the comments at its top."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from textwrap import wrap

from labbench import __version__
from labbench.model.card import PARAMETERS, ModelCard
from labbench.model.models import MODELS

# Across 1 F of state: nothing in a run, but a state that stands still has a DC solution with it.
STATE_LEAK_OHM = 1e12
# How far s goes above 1 on the slide, and w above 0 where the area counts: the branches of the
# equations are blended over that, because an implicit step finds no way over a jump. A widened
# filament is held from half of it on, where the slide has not yet let go.
BLEND = 1e-6
# A limited source of a bare memristor has at least this part of the closed filament's resistance.
LIMITER_SHARE = 1e-6

_ALWAYS = (
    "mu_per_v_s", "alpha", "beta_per_s", "gamma1_per_s", "gamma2_per_s", "lambda", "r_on_ohm",
    "r_off_ohm",
)  # fmt: skip
# Of the circuit around a neuron's memristor.
NEURON_NAMES = (
    "gate_capacitance_f", "control_resistance_ohm", "threshold_voltage_v",
    "transconductance_a_per_v2", "slope_factor", "load_resistance_ohm",
)  # fmt: skip


def has_area(card: ModelCard) -> bool:
    """Return whether the filament's area is a state."""
    return MODELS[card.model].has_area


def memristor_names(card: ModelCard) -> tuple[str, ...]:
    """Return the parameters of the memristor that its netlist has: those that do something."""
    names = list(_ALWAYS)
    names += [n for n in ("rate_max_per_s", "current_clip_a") if isfinite(card[n])]
    names += ["theta_per_v_s", "gamma3_per_s"] if has_area(card) else []
    if card.circuit != "memristor":
        # What stands in series is solved with the memristor: a node of its own in between would
        # have no capacitance, and a simulator stops there when the filament closes.
        following = "interstage_output_ohm"
        in_series = card["source_resistance_ohm"] > 0
        in_series |= card.circuit == "chain" and card[following] > 0
        names += ["source_resistance_ohm"] if in_series else []
        names += ["compliance_a"] if isfinite(card["compliance_a"]) else []
    return (*names, *_positive(card, "parallel_capacitance_f"))


def fixture_names(card: ModelCard) -> tuple[str, ...]:
    """Return the parameters of the circuit around a bare memristor."""
    shunt = ["shunt_resistance_ohm"] if isfinite(card["shunt_resistance_ohm"]) else []
    return (*shunt, *_positive(card, "shunt_capacitance_f"))


def source_names(card: ModelCard) -> tuple[str, ...]:
    """Return the parameters of what lies between the source of a bare memristor and its node."""
    limit = ("compliance_a",) if isfinite(card["compliance_a"]) else ()
    return (*_positive(card, "series_resistance_ohm"), *limit)


def identifier(kind: str, card: ModelCard) -> str:
    """Return the name of a subcircuit or module: a kind, and the card's name in plain letters."""
    return f"{kind}_{re.sub('[^a-z0-9]+', '_', card.name.lower()).strip('_') or 'unnamed'}"


def comments(card: ModelCard, dialect: Iterable[str]) -> list[str]:
    """Return the lines at the top of a netlist, plain ASCII, without their comment marks.

    Parameters
    ----------
    card : ModelCard
    dialect : iterable of str
        Paragraphs: what can read it, and what was tried.
    """
    model = MODELS[card.model]
    paragraphs = [
        f"labbench {__version__} wrote this from the model card {card.name!r}.",
        f"Model {card.model}, version {model.version}: {model.summary}.",
        f"Circuit {card.circuit}, driven by a {card.drive}; polarity {card.polarity}.",
        f"Source of the values: {card.source or 'not given'}.",
    ]
    if card.assumed:
        paragraphs.append(f"Assumed, not from that source: {', '.join(card.assumed)}.")
    paragraphs += [*dialect, *_left_out(card)]
    lines = []
    for paragraph in paragraphs:
        plain = " ".join(paragraph.split()).encode("ascii", "replace").decode()
        lines += wrap(plain, 96, subsequent_indent="  ", break_on_hyphens=False)
    return lines


def meaning(name: str) -> str:
    """Return what a parameter is, with its unit."""
    return f"{PARAMETERS[name].meaning}, {PARAMETERS[name].unit}"


def _left_out(card: ModelCard) -> list[str]:
    """Return what labbench simulates and the netlist does not, in sentences."""
    noise = [n for n in ("kappa_per_s", "sigma1", "sigma2", "sigma3") if card[n] > 0]
    named = f" ({', '.join(noise)} and what goes with them)" if noise else ", of which it has none"
    sentences = [
        f"Left out: the noise{named}.",
        f"The slide on s = f + r = 1 is at 1 + {BLEND:g}, where labbench holds s at 1; a time step "
        "that is too long goes further above.",
    ]
    if isfinite(card["compliance_a"]) or isfinite(card["compliance_v"]):
        sentences.append("The compliance of the source is in: the limit of its current or voltage.")
    return sentences


def _positive(card: ModelCard, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if card[name] > 0)
