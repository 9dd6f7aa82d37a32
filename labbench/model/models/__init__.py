"""The named, versioned compact models; the equations they share are in `model.equations`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from labbench.errors import CardError
from labbench.model.models.bench import BENCH
from labbench.model.models.kind import POLARITIES, Model
from labbench.model.models.ne_si_2025 import NE_SI_2025
from labbench.model.models.ref_2026 import REF_2026
from labbench.model.models.tcasai_2024 import TCASAI_2024

_REGISTERED = {model.name: model for model in (BENCH, REF_2026, NE_SI_2025, TCASAI_2024)}
MODELS: Mapping[str, Model] = MappingProxyType(_REGISTERED)


def register(model: Model) -> None:
    """Add a model of one's own: other defaults, or another choice of what the equations have.

    Raises
    ------
    CardError
        If another model has that name.
    """
    if _REGISTERED.setdefault(model.name, model) != model:
        raise CardError(f"There is a model {model.name!r} already: give yours another name.")


__all__ = ["MODELS", "POLARITIES", "Model", "register"]
