"""Features: named numbers drawn from traces, one file a property.

Every function here reads measured and simulated responses alike.
"""

from collections.abc import Callable, Mapping, Sequence
from sys import modules
from types import MappingProxyType

from labbench.features.cascaded_propagation import cascaded_propagation
from labbench.features.contact import contact
from labbench.features.dwell_gap_test import dwell_gap_test
from labbench.features.endurance import endurance
from labbench.features.energy_per_spike import energy_per_spike
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.forming import forming
from labbench.features.gate_discharge import gate_discharge
from labbench.features.hold_voltage import hold_voltage
from labbench.features.interval_by_index import interval_by_index
from labbench.features.intrinsic_plasticity import intrinsic_plasticity
from labbench.features.leaky_integration import leaky_integration
from labbench.features.off_current import off_current
from labbench.features.pulse_switching import pulse_switching
from labbench.features.pulses import PulseReading, read_pulses
from labbench.features.pump_probe import pump_probe
from labbench.features.ramp_rate import ramp_rate
from labbench.features.ramp_threshold import ramp_threshold
from labbench.features.refractory_period import refractory_period
from labbench.features.relaxation import relaxation
from labbench.features.relaxation_levels import relaxation_levels
from labbench.features.relaxation_read import relaxation_read
from labbench.features.resistor import resistor
from labbench.features.state_read import state_read
from labbench.features.step_latency import step_latency
from labbench.features.stochasticity import stochasticity
from labbench.features.threshold_firing import threshold_firing
from labbench.features.transistor import transistor
from labbench.features.volatile_switching import volatile_switching

Extractor = Callable[[Sequence[Response]], list[Feature]]

_EXTRACTORS: tuple[Extractor, ...] = (
    # The six, and the energy.
    threshold_firing,
    stochasticity,
    refractory_period,
    gate_discharge,
    leaky_integration,
    intrinsic_plasticity,
    cascaded_propagation,
    energy_per_spike,
    # What a fit needs.
    ramp_threshold,
    step_latency,
    pump_probe,
    dwell_gap_test,
    relaxation_levels,
    hold_voltage,
    off_current,
    interval_by_index,
    # Devices one by one, and what every lab runs first.
    contact,
    endurance,
    forming,
    pulse_switching,
    ramp_rate,
    relaxation,
    relaxation_read,
    resistor,
    state_read,
    transistor,
    volatile_switching,
)
# By name: the function that draws the features, and the version that its file states.
PROPERTIES: Mapping[str, tuple[Extractor, str]] = MappingProxyType(
    {each.__name__: (each, modules[each.__module__].VERSION) for each in _EXTRACTORS}
)

__all__ = [
    "PROPERTIES",
    "Extractor",
    "Feature",
    "Outcome",
    "PulseReading",
    "Response",
    "cascaded_propagation",
    "contact",
    "dwell_gap_test",
    "endurance",
    "energy_per_spike",
    "forming",
    "gate_discharge",
    "hold_voltage",
    "interval_by_index",
    "intrinsic_plasticity",
    "leaky_integration",
    "off_current",
    "pulse_switching",
    "pump_probe",
    "ramp_rate",
    "ramp_threshold",
    "read_pulses",
    "refractory_period",
    "relaxation",
    "relaxation_levels",
    "relaxation_read",
    "resistor",
    "state_read",
    "step_latency",
    "stochasticity",
    "threshold_firing",
    "transistor",
    "volatile_switching",
]
