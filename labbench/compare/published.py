"""Which published property a feature tells of: the one registry.

A scorecard speaks of the six properties of a neuron and its energy. What identifies parameters, or
is measured another way, tells of one of them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PUBLISHED = (
    "leaky_integration",
    "threshold_firing",
    "cascaded_propagation",
    "intrinsic_plasticity",
    "refractory_period",
    "stochasticity",
    "energy_per_spike",
)

# What is not listed, such as the volatile switching of a bare memristor, is a property of its own.
_TELLS_OF: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in PUBLISHED},
        "ramp_threshold": "threshold_firing",
        "ramp_rate": "threshold_firing",
        "step_latency": "threshold_firing",
        # Where a filament opens again is the other end of threshold switching.
        "hold_voltage": "threshold_firing",
        # A pump that the probe finds partly leaked away.
        "pump_probe": "leaky_integration",
        # The current through which a gate is charged below the threshold.
        "off_current": "leaky_integration",
        # How soon gate and filament are back for the next spike.
        "gate_discharge": "refractory_period",
        "interval_by_index": "refractory_period",
        "relaxation_levels": "refractory_period",
        # What a dwell leaves behind, found after a gap.
        "dwell_gap_test": "intrinsic_plasticity",
    }
)


def published(extractor: str) -> str:
    """Return the property that the features of an extractor tell of."""
    return _TELLS_OF.get(extractor, extractor)
