"""A card as SPICE subcircuits, in words that ngspice and LTspice share.

There are no conditions, whose words differ between the two, but min() and max(). Equations are
numbered as in `model.equations`, `model.output` and `model.chain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from types import MappingProxyType

from labbench.features.transistor_law import THERMAL_VOLTAGE_V
from labbench.model.card import ModelCard
from labbench.model.closed_forms import threshold_voltage_v
from labbench.model.constants import node_capacitance_f
from labbench.report.netlist.contents import (
    BLEND,
    LIMITER_SHARE,
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
    "Dialect: SPICE 3 with behavioural sources, .param and .func. Tests run it in ngspice. It "
    "keeps to functions that LTspice has too (min, max, abs, exp, ln), but was not run there.",
    "States are voltages on 1 F at the nodes f, r (and w, the area less 1) inside the memristor. "
    "Start a transient at rest: sources at zero, or uic. Tolerances decide when a filament opens; "
    "those of the example at the end are a good start.",
)
EXAMPLE_MARK = "*> "
_TRANSISTOR = ("threshold_voltage_v", "transconductance_a_per_v2", "slope_factor")


def spice(card: ModelCard) -> str:
    """Return the subcircuits of a card's memristor and of the circuit it stands in.

    The last lines, behind `EXAMPLE_MARK`, are a netlist that plays a pulse to them.
    """
    parts = [_memristor(card)]
    if card.circuit == "memristor":
        parts.append(_fixture(card))
    else:
        parts += [_transistor(), _neuron(card)]
    if card.circuit == "chain":
        parts.append(_chain(card))
    head = [f"* {line}" for line in comments(card, _DIALECT)]
    blocks = [head, *parts, _example(card)]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _memristor(card: ModelCard) -> list[str]:
    """Equations (1) to (5), and (11) with an area."""
    names = memristor_names(card)
    pull = "abs(v)" if card.polarity == "symmetric" else "max(v,0)"
    growth = "mu_per_v_s*pull(v)/(alpha+max(1-f-r,0))-(gamma1_per_s+beta_per_s)*f"
    if "rate_max_per_s" in names:
        growth = f"min({growth},rate_max_per_s)"
    ohm = "resistance(V(f)+V(r),{})".format("1+max(V(w),0)" if has_area(card) else "1")
    current = f"V(p,n)/({ohm}+source_resistance_ohm)"
    if "source_resistance_ohm" not in names:
        current = f"V(p,n)/{ohm}"
    if "compliance_a" in names:
        current = f"max(-compliance_a,min(compliance_a,{current}))"
    in_series = {"source_resistance_ohm", "compliance_a"} & {*names}
    across = f"({current})*{ohm}" if in_series else "V(p,n)"
    if "current_clip_a" in names:
        current = f"max(0,min(current_clip_a,{current}))"
    moves = "(1-stands(V(w),V(f)+V(r)))*" if has_area(card) else ""
    lines = [
        *_opening(card, "memristor", ("p", "n"), names),
        ".param r_hrs_ohm={r_off_ohm/(exp(1/lambda)-1)}",
        f".func pull(v) {{{pull}}}",
        f".func growth(v,f,r) {{{growth}}}",
        ".func residue(f,r) {beta_per_s*f-gamma2_per_s*r}",
        ".func ramp(x,width) {max(0,min(1,x/width))}",
        f".func slope(a,b,s) {{a-ramp(s-1,{BLEND:g})*max(a+b,0)}}",
        ".func inside(s) {min(max(s,0),1)}",
        ".func resistance(s,area) {r_on_ohm/(area*area)*inside(s)"
        "+r_hrs_ohm*(exp((1-inside(s))/lambda)-1)}",
        f"Bm p n I={current}",
        f"Bf 0 f I={moves}slope(growth({across},V(f),V(r)),residue(V(f),V(r)),V(f)+V(r))",
        f"Br 0 r I={moves}residue(V(f),V(r))",
        *_state("f"),
        *_state("r"),
    ]
    if has_area(card):
        lines += [
            f".func closed(s) {{ramp(s-1,{BLEND / 2:g})}}",
            f".func opens(w) {{ramp(w,{BLEND:g})}}",
            ".func stands(w,s) {opens(w)*closed(s)}",
            ".func widening(v,w) {theta_per_v_s*pull(v)*exp(-w)-gamma3_per_s*exp(w)}",
            ".func widens(rate,w,s) {max(rate,0)*closed(s)+min(rate,0)*opens(w)}",
            f"Bw 0 w I=widens(widening({across},V(w)),V(w),V(f)+V(r))",
            *_state("w"),
        ]
    if "parallel_capacitance_f" in names:
        lines.append("Cp p n {parallel_capacitance_f}")
    return [*lines, ".ends"]


def _state(node: str) -> list[str]:
    return [f"C{node} {node} 0 1 ic=0", f"R{node} {node} 0 {STATE_LEAK_OHM:g}"]


def _fixture(card: ModelCard) -> list[str]:
    """Equation (8): series resistor, memristor, shunt resistor and capacitor."""
    around = (*source_names(card), *fixture_names(card))
    if isfinite(card["compliance_v"]):
        around += ("compliance_v",)
    inner = memristor_names(card)
    lines = [
        *_opening(card, "fixture", ("in", "node", "gnd"), (*inner, *around)),
        _source(card),
        _instance("m", ("node", "gnd"), identifier("memristor", card), inner),
    ]
    if "shunt_resistance_ohm" in around:
        lines.append("Rshunt node gnd {shunt_resistance_ohm}")
    if "shunt_capacitance_f" in around:
        lines.append("Cshunt node gnd {shunt_capacitance_f} ic=0")
    if "compliance_v" in around:
        lines += [
            f".param clamp_ohm={{{LIMITER_SHARE:g}*r_on_ohm}}",
            "Bclamp node gnd I=(max(V(node,gnd)-compliance_v,0)"
            "+min(V(node,gnd)+compliance_v,0))/clamp_ohm",
        ]
    return [*lines, ".ends"]


def _transistor() -> list[str]:
    """Equation (9)."""
    return [
        "* n-channel transistor, EKV law from subthreshold to saturation",
        f".subckt transistor d g s threshold_voltage_v=0.2 transconductance_a_per_v2=1m "
        f"slope_factor=1.4 thermal_v={THERMAL_VOLTAGE_V:g}",
        ".func soft(h) {ln(1+exp(min(h,40)))+max(h-40,0)}",
        ".func drive(z) {soft(z/(2*thermal_v))**2}",
        ".func pinch(vg) {(vg-threshold_voltage_v)/slope_factor}",
        "Bd d s I=2*slope_factor*transconductance_a_per_v2*thermal_v**2"
        "*(drive(pinch(V(g,s)))-drive(pinch(V(g,s))-V(d,s)))",
        ".ends",
    ]


def _neuron(card: ModelCard) -> list[str]:
    """Equations (7) and (10)."""
    inner = memristor_names(card)
    pins = ("in", "drain", "gate", "vdd", "gnd")
    return [
        *_opening(card, "neuron", pins, (*inner, *NEURON_NAMES)),
        _instance("m", ("in", "gate"), identifier("memristor", card), inner),
        "Cg gate gnd {gate_capacitance_f} ic=0",
        "Rc gate gnd {control_resistance_ohm}",
        _instance("t", ("drain", "gate", "gnd"), "transistor", _TRANSISTOR),
        "Rload vdd drain {load_resistance_ohm}",
        ".ends",
    ]


def _chain(card: ModelCard) -> list[str]:
    """Equation (12); the drain of a closed transistor is that of one more, its gate at ground."""
    inner = (*memristor_names(card), *NEURON_NAMES)
    loads = isfinite(card["interstage_input_ohm"])
    names = (*inner, "interstage_gain", *(("interstage_input_ohm",) if loads else ()))
    replaced = {}
    if "source_resistance_ohm" in inner:
        names += ("interstage_output_ohm",)
        replaced = {"source_resistance_ohm": "interstage_output_ohm"}
    stages = int(card["stages"])
    lines = _opening(card, "chain", ("in", "out", "vdd", "gnd"), names)
    for stage in range(1, stages + 1):
        drain = "out" if stage == stages else f"drain{stage}"
        drive = "in" if stage == 1 else f"drive{stage}"
        if stage > 1:
            lines.append(f"E{stage} {drive} gnd idle drain{stage - 1} {{interstage_gain}}")
        nodes = (drive, drain, f"gate{stage}", "vdd", "gnd")
        own = replaced if stage > 1 else {}
        lines.append(_instance(f"{stage}", nodes, identifier("neuron", card), inner, own))
        if loads and stage < stages:
            lines.append(f"Rin{stage} {drain} gnd {{interstage_input_ohm}}")
    if stages > 1:
        lines += [
            _instance("idle", ("idle", "gnd", "gnd"), "transistor", _TRANSISTOR),
            "Rload vdd idle {load_resistance_ohm}",
            *(["Rin idle gnd {interstage_input_ohm}"] if loads else []),
        ]
    return [*lines, ".ends"]


def _source(card: ModelCard) -> str:
    """Return what lies between a source and the node; a wire where that is nothing."""
    has_own = card["series_resistance_ohm"] > 0
    if isfinite(card["compliance_a"]):
        ohm = "series_resistance_ohm" if has_own else f"({LIMITER_SHARE:g}*r_on_ohm)"
        return f"Bsource in node I=max(-compliance_a,min(compliance_a,V(in,node)/{ohm}))"
    return "Rsource in node {series_resistance_ohm}" if has_own else "Vwire in node 0"


def _opening(card: ModelCard, kind: str, pins: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return the head of a subcircuit: pins and, a line each, parameters."""
    names = tuple(names)
    about = [f"*   {name}: {meaning(name)}" for name in names]
    values = [f"+ {name}={card[name]!r}" for name in names]
    return [*about, f".subckt {identifier(kind, card)} {' '.join(pins)}", *values]


def _instance(
    tag: str,
    nodes: Iterable[str],
    subcircuit: str,
    names: Iterable[str],
    replaced: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return an instance that hands its parameters on, some of them from others."""
    handed = "".join(f"\n+ {name}={{{replaced.get(name, name)}}}" for name in names)
    return f"X{tag} {' '.join(nodes)} {subcircuit}{handed}"


def _example(card: ModelCard) -> list[str]:
    """Return a netlist in comments: one pulse a little over the threshold, 60 decays long."""
    end_s = 60.0 / card["gamma1_per_s"] if card["gamma1_per_s"] > 0 else 1.0
    step_s = end_s / 5000
    level = 1.1 * threshold_voltage_v(card) if card["mu_per_v_s"] > 0 else 1.0
    pins, kind, seen = {
        "memristor": ("in node 0", "fixture", "v(node)"),
        "neuron": ("in drain gate vdd 0", "neuron", "v(gate) v(drain)"),
        "chain": ("in out vdd 0", "chain", "v(out)"),
    }[card.circuit]
    source = "V1 in 0"
    if card.drive == "current":
        source, level = "I1 0 in", 1e-6
    capacitance_f = node_capacitance_f(card) or 1e-6
    lines = [
        "example of labbench",
        f".include {identifier(card.circuit, card)}.cir",
        f"{source} PWL(0 0 {step_s:g} {level:.4g})",
        *([] if card.circuit == "memristor" else [f"Vdd vdd 0 {card['supply_v']:g}"]),
        f"X1 {pins} {identifier(kind, card)}",
        f".options method=gear reltol=1e-6 abstol=1e-16 vntol=1e-9 chgtol={1e-3 * capacitance_f:g}",
        f".tran {step_s:g} {end_s:g} 0 {step_s:g} uic",
        f".print tran {seen}",
        ".end",
    ]
    why = "* An example: remove the marks, and give the .include the name of this file."
    return [why, *(EXAMPLE_MARK + line for line in lines)]
