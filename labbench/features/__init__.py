"""Features: named numbers drawn from traces, one file a property.

Every function here reads measured and simulated responses alike.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from labbench.features.contact import VERSION as CONTACT_VERSION
from labbench.features.contact import contact
from labbench.features.endurance import VERSION as ENDURANCE_VERSION
from labbench.features.endurance import endurance
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.forming import VERSION as FORMING_VERSION
from labbench.features.forming import forming
from labbench.features.pulse_switching import VERSION as PULSE_SWITCHING_VERSION
from labbench.features.pulse_switching import pulse_switching
from labbench.features.pulses import PulseReading, read_pulses
from labbench.features.ramp_rate import VERSION as RAMP_RATE_VERSION
from labbench.features.ramp_rate import ramp_rate
from labbench.features.refractory_period import VERSION as REFRACTORY_PERIOD_VERSION
from labbench.features.refractory_period import refractory_period
from labbench.features.relaxation import VERSION as RELAXATION_VERSION
from labbench.features.relaxation import relaxation
from labbench.features.relaxation_levels import VERSION as RELAXATION_LEVELS_VERSION
from labbench.features.relaxation_levels import relaxation_levels
from labbench.features.resistor import VERSION as RESISTOR_VERSION
from labbench.features.resistor import resistor
from labbench.features.state_read import VERSION as STATE_READ_VERSION
from labbench.features.state_read import state_read
from labbench.features.stochasticity import VERSION as STOCHASTICITY_VERSION
from labbench.features.stochasticity import stochasticity
from labbench.features.threshold_firing import VERSION as THRESHOLD_FIRING_VERSION
from labbench.features.threshold_firing import threshold_firing
from labbench.features.transistor import VERSION as TRANSISTOR_VERSION
from labbench.features.transistor import transistor
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
        "contact": (contact, CONTACT_VERSION),
        "endurance": (endurance, ENDURANCE_VERSION),
        "forming": (forming, FORMING_VERSION),
        "ramp_rate": (ramp_rate, RAMP_RATE_VERSION),
        "relaxation_levels": (relaxation_levels, RELAXATION_LEVELS_VERSION),
        "resistor": (resistor, RESISTOR_VERSION),
        "state_read": (state_read, STATE_READ_VERSION),
        "transistor": (transistor, TRANSISTOR_VERSION),
    }
)

__all__ = [
    "PROPERTIES",
    "Extractor",
    "Feature",
    "Outcome",
    "PulseReading",
    "Response",
    "contact",
    "endurance",
    "forming",
    "pulse_switching",
    "ramp_rate",
    "read_pulses",
    "refractory_period",
    "relaxation",
    "relaxation_levels",
    "resistor",
    "state_read",
    "stochasticity",
    "threshold_firing",
    "transistor",
    "volatile_switching",
]
