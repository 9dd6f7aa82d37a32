"""The neuron, card B1 under 20 ms of DC, against ngspice: last-spike error and time, in one run.

ngspice integrates the same equations from behavioural sources; its clamp on s = 1 is a switch, as
in the authors' SPICE card. Both are compared with this integrator at rtol 1e-12, which a test
holds against an independent reference. Run: ``python benchmarks/neuron_against_ngspice.py``.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from labbench.model import SPIKE_GATE_V, ModelCard, advance, read_card, resting

AMPLITUDE_V, EDGE_S, END_S = 0.65, 1e-6, 20e-3
CORNER_S = np.array([0.0, EDGE_S, END_S])
LEVEL_V = np.array([0.0, AMPLITUDE_V, AMPLITUDE_V])

NETLIST = """1M1T1R neuron
.param mu={mu} al={alpha} be={beta} g1={gamma1} g2={gamma2} la={lam} ron={r_on} rh={r_hrs}
.func s() {{V(f)+V(r)}}
.func x() {{max(0,min(1,s()))}}
.func a() {{mu*max(V(in)-V(g),0)/(al+max(1-s(),0))-(g1+be)*V(f)}}
.func b() {{be*V(f)-g2*V(r)}}
Vin in 0 PWL(0 0 {edge} {amplitude} {end} {amplitude})
Bm in g I=(V(in)-V(g))/(ron*x()+rh*(exp((1-x())/la)-1))
Cg g 0 {c_gate}
Rc g 0 {r_control}
Cf f 0 1
Cr r 0 1
Bf 0 f I=((s()>1) && (a()+b()>0)) ? -b() : a()
Br 0 r I=b()
.options reltol={reltol} abstol=1e-16 vntol=1e-9 method=gear
.control
set wr_singlescale
tran {step} {end} 0 {step} uic
wrdata {out} v(g)
.endc
.end
"""


def ngspice(card: ModelCard, step_s: float, reltol: float) -> tuple[float, float]:
    """Return (wall time in s, time of the last spike in s)."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "gate.txt"
        netlist = Path(folder) / "neuron.cir"
        netlist.write_text(
            NETLIST.format(
                mu=card["mu_per_v_s"], alpha=card["alpha"], beta=card["beta_per_s"],
                gamma1=card["gamma1_per_s"], gamma2=card["gamma2_per_s"], lam=card["lambda"],
                r_on=card["r_on_ohm"], r_hrs=card["r_off_ohm"] / np.expm1(1 / card["lambda"]),
                c_gate=card["gate_capacitance_f"], r_control=card["control_resistance_ohm"],
                edge=EDGE_S, amplitude=AMPLITUDE_V, end=END_S, step=step_s, reltol=reltol,
                out=out,
            )
        )  # fmt: skip
        began = time.perf_counter()
        done = subprocess.run(
            ["ngspice", "-b", str(netlist)], capture_output=True, text=True, check=False
        )
        elapsed = time.perf_counter() - began
        if not out.exists():
            raise SystemExit(f"ngspice gave no result:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        time_s, gate_v = np.loadtxt(out, skiprows=0).T
    up = np.flatnonzero((gate_v[:-1] < SPIKE_GATE_V) & (gate_v[1:] >= SPIKE_GATE_V))[-1]
    share = (SPIKE_GATE_V - gate_v[up]) / (gate_v[up + 1] - gate_v[up])
    return elapsed, float(time_s[up] + share * (time_s[up + 1] - time_s[up]))


def ours(card: ModelCard, rtol: float, repeats: int = 50) -> tuple[float, float]:
    """Return (median wall time of one call in s, time of the last spike in s)."""
    sample_s = np.array([END_S])
    took = []
    for _ in range(repeats):
        began = time.perf_counter()
        made = advance(card, resting(card), CORNER_S, LEVEL_V, sample_s, noise="off", rtol=rtol)
        took.append(time.perf_counter() - began)
    return float(np.median(took)), float(made.event_times_s("spike")[-1])


def main() -> None:
    """Print a line for each setting of each."""
    if shutil.which("ngspice") is None:
        raise SystemExit("This benchmark needs ngspice (Debian package ngspice).")
    card = read_card("b1")
    ours(card, 1e-5, 1)  # compile
    truth_s = ours(card, 1e-12, 1)[1]
    fastest = None
    print(f"{'':34}{'time':>12}{'error of the last spike':>26}")
    for rtol in (1e-4, 1e-5, 1e-6, 1e-8):
        took_s, last_s = ours(card, rtol)
        print(
            f"labbench, rtol {rtol:<8g}{took_s * 1e3:20.3f} ms{(last_s - truth_s) * 1e6:23.4f} us"
        )
        if fastest is None and abs(last_s - truth_s) <= 1e-7:
            fastest = took_s, rtol
    assert fastest is not None
    for step_s, reltol in ((1e-5, 1e-4), (1e-6, 1e-6), (5e-7, 1e-6), (2e-7, 1e-7)):
        took_s, last_s = ngspice(card, step_s, reltol)
        print(
            f"ngspice, step {step_s:<7g} reltol {reltol:<7g}{took_s * 1e3:10.1f} ms"
            f"{(last_s - truth_s) * 1e6:23.3f} us   {took_s / fastest[0]:8.0f} times "
            f"labbench at rtol {fastest[1]:g}"
        )


if __name__ == "__main__":
    main()
