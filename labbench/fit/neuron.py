"""Fit a 1M1T1R neuron, or a bare memristor, from recorded responses: the entry point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from labbench.features import Response
from labbench.fit.engine import fit_items
from labbench.fit.options import FitOptions
from labbench.fit.reading import items_of
from labbench.fit.request import answers
from labbench.fit.result import FitResult
from labbench.fit.summary import result_of
from labbench.model import Loading, ModelCard

# What identifies what; where the sensitivities of a device say more, those come instead.
REMEDIES = {
    "mu_per_v_s": "latencies at more amplitudes",
    "gamma1_per_s": "latencies close to the threshold",
    "gate_capacitance_f": "the output's recovery after a spike",
    "kappa_per_s": "100 repeats and more at the strong amplitudes",
    "eta": "100 repeats and more at the strong amplitudes",
    "alpha": "hold voltage on a fast falling ramp",
    "beta_per_s": "on-dwell, gap, test with the gate grounded",
    "gamma2_per_s": "on-dwell, gap, test at several gaps",
    "lambda": "relaxation and off currents at several voltages",
    "r_off_ohm": "off currents below the threshold",
}


def fit_neuron(
    responses: Sequence[Response],
    prior_card: ModelCard,
    *,
    loading: Loading | None = None,
    name: str = "fitted",
    options: FitOptions | None = None,
) -> FitResult:
    """Fit a card to recorded responses, in stages; nobody has to supply a starting value.

    Parameters
    ----------
    responses : sequence of Response
        Of any of our procedures, in any order; see `labbench.fit.reading.items_of`.
    prior_card : ModelCard
        The kind of device: its model, centre of the priors, and what is taken as known, with the
        standard errors it has.
    loading : Loading, optional
        The probe on the output.
    name : str
        Of the new card.
    options : FitOptions, optional

    Raises
    ------
    FitError
        If fewer than two amplitudes fired often enough to have a latency.
    """
    items, loading, options = items_of(responses), loading or Loading(), options or FitOptions()
    fitted = fit_items(items, prior_card, loading, options)
    source = f"{len(responses)} responses ({len(fitted.target)} statistics)"
    result = result_of(fitted, name, REMEDIES, source)
    return replace(result, notes=(*result.notes, *answers(fitted, items, prior_card, options)))
