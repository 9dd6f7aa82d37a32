"""Fits: from recordings to a model card with honest uncertainties."""

from labbench.fit.memristor import fit_memristor
from labbench.fit.neuron import fit_neuron
from labbench.fit.options import FitOptions
from labbench.fit.result import FitResult, FittedParameter, Residual

# Grows with every change of what a fit of the same data makes.
FIT_VERSION = 1

__all__ = [
    "FIT_VERSION",
    "FitOptions",
    "FitResult",
    "FittedParameter",
    "Residual",
    "fit_memristor",
    "fit_neuron",
]
