"""A card as Verilog-A: a flat module of the memristor, and one of the neuron around it.

Flat, because compilers of compact models take no instances inside a module. Equations are numbered
as in `model.equations`, `model.output` and `model.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, isfinite

from labbench.features.transistor_law import THERMAL_VOLTAGE_V
from labbench.model.card import PARAMETERS, ModelCard
from labbench.report.netlist.contents import (
    BLEND,
    NEURON_NAMES,
    STATE_LEAK_OHM,
    comments,
    fixture_names,
    has_area,
    identifier,
    meaning,
    memristor_names,
    source_names,
)  # fmt: skip

_DIALECT = (
    "Dialect: plain Verilog-A (disciplines.vams, one analog block a module). Not run in any "
    "simulator. The modules of the cards that ship were compiled with OpenVAF; tests check the "
    "structure, and the equations against labbench's own.",
    "States are voltages at the internal nodes f, r (and w, the area less 1). Start a transient at "
    "rest: sources at zero. Tolerances decide when a filament opens: relative 1e-6 or less.",
)


def verilog_a(card: ModelCard) -> str:
    """Return the modules of a card: the memristor, and the neuron of a neuron or chain card."""
    head = [f"// {line}" for line in comments(card, (*_DIALECT, *_circuit_note(card)))]
    blocks = [head, ['`include "disciplines.vams"'], _memristor(card)]
    if card.circuit != "memristor":
        blocks.append(_neuron(card))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _memristor(card: ModelCard) -> list[str]:
    return _module(
        card, "memristor", ("p", "n"), memristor_names(card), (), _memristor_lines(card, "p, n")
    )


def _neuron(card: ModelCard) -> list[str]:
    """Equations (7), (9) and (10) around the memristor."""
    lines = _memristor_lines(card, "in, gate")
    lines += [
        "I(gate, gnd) <+ gate_capacitance_f * ddt(V(gate, gnd));",
        "I(gate, gnd) <+ V(gate, gnd) / control_resistance_ohm;",
        "pinch = (V(gate, gnd) - threshold_voltage_v) / slope_factor;",
        *_soft("forward", "pinch"),
        *_soft("reverse", "pinch - V(drain, gnd)"),
        "I(drain, gnd) <+ 2.0 * slope_factor * transconductance_a_per_v2",
        f"    * {THERMAL_VOLTAGE_V * THERMAL_VOLTAGE_V:.10g}"
        " * (forward * forward - reverse * reverse);",
        "I(vdd, drain) <+ V(vdd, drain) / load_resistance_ohm;",
    ]
    names = (*memristor_names(card), *NEURON_NAMES)
    pins = ("in", "drain", "gate", "vdd", "gnd")
    return _module(card, "neuron", pins, names, ("pinch", "forward", "reverse"), lines)


def _soft(name: str, z: str) -> list[str]:
    """Return the lines of ln(1 + e^(z / 2 V_T)), the root of F(z) in (9), without overflow."""
    return [
        f"{name} = ({z}) / {2.0 * THERMAL_VOLTAGE_V:g};",
        f"{name} = ln(1.0 + exp(min({name}, 40.0))) + max({name} - 40.0, 0.0);",
    ]


def _memristor_lines(card: ModelCard, across: str) -> list[str]:
    """Return equations (1) to (5), and (11) with an area, for a memristor between two nodes."""
    names = memristor_names(card)
    pull = "abs(v)" if card.polarity == "symmetric" else "max(v, 0.0)"
    closed_ohm = "r_on_ohm"
    lines = ["s = V(f) + V(r);", "x = min(max(s, 0.0), 1.0);"]
    if has_area(card):
        closed_ohm += " / (area * area)"
        lines.append("area = 1.0 + max(V(w), 0.0);")
    series = " + source_resistance_ohm" if "source_resistance_ohm" in names else ""
    lines += [
        f"resistance = {closed_ohm} * x",
        "    + r_off_ohm * (exp((1.0 - x) / lambda) - 1.0) / (exp(1.0 / lambda) - 1.0);",
        f"current = V({across}) / (resistance{series});",
    ]
    if "compliance_a" in names:
        lines.append("current = max(-compliance_a, min(compliance_a, current));")
    lines += [
        "v = current * resistance;",
        f"pull = {pull};",
        "growth = mu_per_v_s * pull / (alpha + max(1.0 - s, 0.0))",
        "    - (gamma1_per_s + beta_per_s) * V(f);",
    ]
    if "rate_max_per_s" in names:
        lines.append("growth = min(growth, rate_max_per_s);")
    lines += ["residue = beta_per_s * V(f) - gamma2_per_s * V(r);", *_branches(card)]
    if "current_clip_a" in names:
        lines.append("current = max(0.0, min(current_clip_a, current));")
    lines += [f"I({across}) <+ current;"]
    if "parallel_capacitance_f" in names:
        lines.append(f"I({across}) <+ parallel_capacitance_f * ddt(V({across}));")
    for state, rate in (("f", "df"), ("r", "dr"), *((("w", "dw"),) if has_area(card) else ())):
        lines.append(f"I({state}) <+ ddt(V({state})) + V({state}) / {STATE_LEAK_OHM:g} - {rate};")
    return lines


def _branches(card: ModelCard) -> list[str]:
    """Return the rates of the states, blended between free, sliding on s = 1, and held, widened."""
    slide = f"min(max((s - 1.0) / {BLEND:g}, 0.0), 1.0) * max(growth + residue, 0.0)"
    if not has_area(card):
        return [f"df = growth - {slide};", "dr = residue;"]
    return [
        f"closed = min(max((s - 1.0) / {BLEND / 2:g}, 0.0), 1.0);",
        f"opens = min(max(V(w) / {BLEND:g}, 0.0), 1.0);",
        "df = (1.0 - opens * closed)",
        f"    * (growth - {slide});",
        "dr = (1.0 - opens * closed) * residue;",
        "dw = theta_per_v_s * pull * exp(-V(w)) - gamma3_per_s * exp(V(w));",
        "dw = max(dw, 0.0) * closed + min(dw, 0.0) * opens;",
    ]


def _module(
    card: ModelCard,
    kind: str,
    pins: Sequence[str],
    names: Iterable[str],
    variables: Sequence[str],
    lines: Iterable[str],
) -> list[str]:
    """Return a whole module: pins, internal nodes, parameters, variables, analog block."""
    states = ("f", "r", *(("w",) if has_area(card) else ()))
    own: tuple[str, ...] = (
        "v",
        "pull",
        "s",
        "x",
        "growth",
        "residue",
        "df",
        "dr",
        "resistance",
        "current",
    )
    own += ("area", "dw", "closed", "opens") if has_area(card) else ()
    return [
        f"module {identifier(kind, card)}({', '.join(pins)});",
        f"    inout {', '.join(pins)};",
        f"    electrical {', '.join((*pins, *states))};",
        *(f"    {_parameter(card, name)}" for name in names),
        f"    real {', '.join((*own, *variables))};",
        "    analog begin",
        *(f"        {line}" for line in lines),
        "    end",
        "endmodule",
    ]


def _parameter(card: ModelCard, name: str) -> str:
    """Return the declaration of a parameter, with the range that cards allow."""
    spec = PARAMETERS[name]
    lower = f"{spec.lower:g}" if isfinite(spec.lower) else "-inf"
    upper = f"{spec.upper:g}]" if spec.upper < inf else "inf)"
    return f"parameter real {name} = {card[name]!r} from [{lower}:{upper}; // {meaning(name)}"


def _circuit_note(card: ModelCard) -> list[str]:
    """Return what stands around the modules and is not in them."""
    if card.circuit == "memristor":
        names = (*source_names(card), *fixture_names(card))
        values = ", ".join(f"{name} = {card[name]:g}" for name in names) or "nothing"
        return [f"The fixture is not in the module; around it the card has {values}."]
    notes = [f"The drain supply (pin vdd) is {card['supply_v']:g} V."]
    if card.circuit == "chain":
        notes.append(
            f"A chain is {card['stages']:g} instances in a row, before each but the first a source "
            "of interstage_gain (V_idle - V_drain), V_idle the drain with the gate at ground: gain "
            f"{card['interstage_gain']:g}, input resistance {card['interstage_input_ohm']:g} Ohm "
            f"(drain to ground), output resistance {card['interstage_output_ohm']:g} Ohm (the "
            "source_resistance_ohm of the next instance)."
        )
    return notes
