"""The scorecard: a fit, the comparisons and the energy of one device joined, and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labbench.compare import Comparison, ParameterRow, Scorecard
from labbench.fit import FitResult
from labbench.model import ModelCard
from labbench.report.output import write_whole


def scorecard_of(
    device: str,
    fit: FitResult,
    comparisons: Sequence[Comparison],
    *,
    seed: int | None = None,
    energy: Mapping[str, Any] | None = None,
    truth: ModelCard | None = None,
) -> Scorecard:
    """Join what was fitted and compared.

    Parameters
    ----------
    device : str
    fit : FitResult
    comparisons : sequence of Comparison
        Measured against what the fitted card simulates.
    seed : int, optional
        Of the simulation.
    energy : mapping, optional
        From `labbench.compare.energy_per_spike`.
    truth : ModelCard, optional
        What a simulated bench simulates; never known of a real device.
    """
    return Scorecard(
        device=device,
        card=fit.card.name,
        seed=seed,
        parameters=tuple(
            ParameterRow(
                name=parameter.name,
                unit=parameter.unit,
                value=parameter.value,
                stderr=parameter.stderr,
                identifiable=parameter.is_identifiable,
                remedy=parameter.remedy,
                truth=truth.values.get(parameter.name) if truth else None,
            )
            for parameter in fit.parameters
        ),
        properties=tuple(comparisons),
        energy=dict(energy or {}),
        redchi=fit.redchi,
    )


def write_scorecard(path: Path, scorecard: Scorecard) -> None:
    """Write a scorecard as strict JSON: what is not finite is null.

    Raises
    ------
    OutputError
        If the folder is missing or the file cannot be written.
    """
    text = json.dumps(scorecard.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, text + "\n")
