"""Fits: from recordings to a model card with honest uncertainties."""

from labbench.fit.memristor import fit_memristor
from labbench.fit.neuron import fit_neuron
from labbench.fit.options import FitOptions
from labbench.fit.result import FitResult, FittedParameter, Residual

__all__ = [
    "FitOptions",
    "FitResult",
    "FittedParameter",
    "Residual",
    "fit_memristor",
    "fit_neuron",
]
