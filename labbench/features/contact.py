"""Contacts: does each terminal touch the device, and is it shorted?

A resistance from small voltages is laid in a window. A volatile memristor at rest conducts less
than a source meter can tell from nothing, so an input without current is no sign of a bad contact:
it is given as a bound, never as open.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan

import numpy as np

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.statistics import straight_line
from labbench.stimulus import Sweep

VERSION = "1"

# Least and largest resistance in Ohm of a good contact.
WINDOWS = {"input": (1e3, inf), "gate": (1e5, 1e11), "supply": (1e3, 1e8)}
_CURRENTS = {"input": "memristor", "gate": "gate_current", "supply": "supply_current"}
# A conductance within this many of its standard errors is none that was seen.
_SEEN = 3.0

_ADVICE = {
    Outcome.SHORT: "is shorted: lift the needle, look for a scratch or a wrong pad, and measure "
    "again; apply nothing more until then",
    Outcome.OPEN: "does not touch: lower the needle, clean the pad, or look at cable and switch",
    Outcome.CENSORED: "shows no current above the noise: right for a memristor at rest, but no "
    "proof of contact; a volatile I-V at low compliance is",
    Outcome.TOO_FEW: "was not measured at two voltages or more",
}


def contact(responses: Sequence[Response]) -> list[Feature]:
    """Draw the resistance of each terminal from small sweeps.

    Parameters
    ----------
    responses : sequence of Response
        Sweeps of a terminal, all of them small ones; others are left out.

    Returns
    -------
    list of Feature
        `input_resistance`, `gate_resistance`, `supply_resistance` (Ohm), those that were swept.
        The outcome is SHORT below the window, or in compliance, OPEN above it; CENSORED with the
        least resistance there can be where no current was seen and none need be.
    """
    features = []
    for terminal in _CURRENTS:
        swept = [
            response
            for response in responses
            if isinstance(response.stimulus, Sweep) and response.stimulus.terminal == terminal
        ]
        if swept:
            features.append(_resistance(terminal, swept))
    return features


def advice(feature: Feature) -> str:
    """Return what a contact feature says in words, and what to do."""
    terminal = feature.name.removesuffix("_resistance")
    if feature.outcome is Outcome.OK:
        return f"The {terminal} touches: {feature.value:.3g} Ohm."
    return f"The {terminal} {_ADVICE[feature.outcome]}."


def _resistance(terminal: str, responses: Sequence[Response]) -> Feature:
    name = f"{terminal}_resistance"
    channels = [response.trace.channel(_CURRENTS[terminal]) for response in responses]
    voltage_v = np.concatenate([response.trace.values(terminal) for response in responses])
    current_a = np.concatenate([channel.values for channel in channels])
    limited = np.concatenate([channel.is_censored for channel in channels])
    n = voltage_v.size
    if limited.any():
        at_most_ohm = float(np.max(np.abs(voltage_v[limited] / current_a[limited])))
        return Feature(name, at_most_ohm, "Ohm", nan, n, Outcome.SHORT)
    (_, conductance), (_, stderr) = straight_line(voltage_v, current_a)
    if not np.isfinite(stderr):
        return Feature(name, nan, "Ohm", nan, n, Outcome.TOO_FEW)
    least_ohm, most_ohm = WINDOWS[terminal]
    if conductance < _SEEN * stderr or conductance <= 0.0:
        top_s = max(conductance, 0.0) + _SEEN * stderr
        bound_ohm = float(1.0 / top_s) if top_s else inf
        outcome = Outcome.OPEN if bound_ohm > most_ohm else Outcome.CENSORED
        return Feature(name, bound_ohm, "Ohm", nan, n, outcome)
    resistance_ohm = float(1.0 / conductance)
    outcome = Outcome.OK
    if resistance_ohm < least_ohm:
        outcome = Outcome.SHORT
    elif resistance_ohm > most_ohm:
        outcome = Outcome.OPEN
    return Feature(name, resistance_ohm, "Ohm", float(stderr / conductance**2), n, outcome)
