"""Features: named numbers drawn from traces, one file a property.

Every function here reads measured and simulated responses alike.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from labbench.features.feature import Feature, Outcome, Response
from labbench.features.pulses import PulseReading, read_pulses
from labbench.features.refractory_period import VERSION as REFRACTORY_PERIOD_VERSION
from labbench.features.refractory_period import refractory_period
from labbench.features.stochasticity import VERSION as STOCHASTICITY_VERSION
from labbench.features.stochasticity import stochasticity
from labbench.features.threshold_firing import VERSION as THRESHOLD_FIRING_VERSION
from labbench.features.threshold_firing import threshold_firing

Extractor = Callable[[Sequence[Response]], list[Feature]]

# Every property by name: the function that draws its features, and the version of that function.
PROPERTIES: Mapping[str, tuple[Extractor, str]] = MappingProxyType(
    {
        "threshold_firing": (threshold_firing, THRESHOLD_FIRING_VERSION),
        "stochasticity": (stochasticity, STOCHASTICITY_VERSION),
        "refractory_period": (refractory_period, REFRACTORY_PERIOD_VERSION),
    }
)

__all__ = [
    "PROPERTIES",
    "Extractor",
    "Feature",
    "Outcome",
    "PulseReading",
    "Response",
    "read_pulses",
    "refractory_period",
    "stochasticity",
    "threshold_firing",
]
