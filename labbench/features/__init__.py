"""Features: named numbers drawn from traces, one file a property.

Every function here reads measured and simulated responses alike.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from labbench.features.cascaded_propagation import VERSION as CASCADED_PROPAGATION_VERSION
from labbench.features.cascaded_propagation import cascaded_propagation
from labbench.features.energy_per_spike import VERSION as ENERGY_PER_SPIKE_VERSION
from labbench.features.energy_per_spike import energy_per_spike
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulse_switching import VERSION as PULSE_SWITCHING_VERSION
from labbench.features.pulse_switching import pulse_switching
from labbench.features.pulses import PulseReading, read_pulses
from labbench.features.refractory_period import VERSION as REFRACTORY_PERIOD_VERSION
from labbench.features.refractory_period import refractory_period
from labbench.features.relaxation import VERSION as RELAXATION_VERSION
from labbench.features.relaxation import relaxation
from labbench.features.stochasticity import VERSION as STOCHASTICITY_VERSION
from labbench.features.stochasticity import stochasticity
from labbench.features.threshold_firing import VERSION as THRESHOLD_FIRING_VERSION
from labbench.features.threshold_firing import threshold_firing
from labbench.features.volatile_switching import VERSION as VOLATILE_SWITCHING_VERSION
from labbench.features.volatile_switching import volatile_switching

Extractor = Callable[[Sequence[Response]], list[Feature]]

# Every property by name: the function that draws its features, and the version of that function.
PROPERTIES: Mapping[str, tuple[Extractor, str]] = MappingProxyType(
    {
        "threshold_firing": (threshold_firing, THRESHOLD_FIRING_VERSION),
        "stochasticity": (stochasticity, STOCHASTICITY_VERSION),
        "refractory_period": (refractory_period, REFRACTORY_PERIOD_VERSION),
        "volatile_switching": (volatile_switching, VOLATILE_SWITCHING_VERSION),
        "pulse_switching": (pulse_switching, PULSE_SWITCHING_VERSION),
        "relaxation": (relaxation, RELAXATION_VERSION),
        "cascaded_propagation": (cascaded_propagation, CASCADED_PROPAGATION_VERSION),
        "energy_per_spike": (energy_per_spike, ENERGY_PER_SPIKE_VERSION),
    }
)

__all__ = [
    "PROPERTIES",
    "Extractor",
    "Feature",
    "Outcome",
    "PulseReading",
    "Response",
    "cascaded_propagation",
    "energy_per_spike",
    "pulse_switching",
    "read_pulses",
    "refractory_period",
    "relaxation",
    "stochasticity",
    "threshold_firing",
    "volatile_switching",
]
