"""Model `bench`, the careful default: the shared equations, exact, with jump noise as events.

Positive polarity (or symmetric, with signed current), an optional cap of the growth (default
none), and jumps f -> (1 - eta) f at hazard kappa f^m, equation (6): a point process, the same
whatever the step. Defaults are card B1.
"""

from __future__ import annotations

from math import inf

from labbench.model.models.kind import Model

BENCH = Model(
    name="bench",
    version=1,
    summary="exact slide, jumps as events, optional cap of the growth",
    source="equations of doi 10.1038/s41928-025-01488-x (SI); noise as events is ours",
    defaults={
        "mu_per_v_s": 2700.0,
        "alpha": 0.05,
        "beta_per_s": 20.0,
        "gamma1_per_s": 6000.0,
        "gamma2_per_s": 50.0,
        "lambda": 0.15,
        "r_on_ohm": 1e6,
        "r_off_ohm": 1e12,
        "parallel_capacitance_f": 0.0,
        "rate_max_per_s": inf,
        "kappa_per_s": 2e4,
        "eta": 0.10,
        "m": 2.0,
    },
)
