"""Features: named numbers drawn from traces, one file a property.

Every function here reads measured and simulated responses alike.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from labbench.features.dwell_gap_test import VERSION as DWELL_GAP_TEST_VERSION
from labbench.features.dwell_gap_test import dwell_gap_test
from labbench.features.feature import Feature, Outcome, Response
from labbench.features.hold_voltage import VERSION as HOLD_VOLTAGE_VERSION
from labbench.features.hold_voltage import hold_voltage
from labbench.features.interval_by_index import VERSION as INTERVAL_BY_INDEX_VERSION
from labbench.features.interval_by_index import interval_by_index
from labbench.features.off_current import VERSION as OFF_CURRENT_VERSION
from labbench.features.off_current import off_current
from labbench.features.pulse_switching import VERSION as PULSE_SWITCHING_VERSION
from labbench.features.pulse_switching import pulse_switching
from labbench.features.pulses import PulseReading, read_pulses
from labbench.features.pump_probe import VERSION as PUMP_PROBE_VERSION
from labbench.features.pump_probe import pump_probe
from labbench.features.ramp_threshold import VERSION as RAMP_THRESHOLD_VERSION
from labbench.features.ramp_threshold import ramp_threshold
from labbench.features.refractory_period import VERSION as REFRACTORY_PERIOD_VERSION
from labbench.features.refractory_period import refractory_period
from labbench.features.relaxation import VERSION as RELAXATION_VERSION
from labbench.features.relaxation import relaxation
from labbench.features.relaxation_levels import VERSION as RELAXATION_LEVELS_VERSION
from labbench.features.relaxation_levels import relaxation_levels
from labbench.features.step_latency import VERSION as STEP_LATENCY_VERSION
from labbench.features.step_latency import step_latency
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
        "ramp_threshold": (ramp_threshold, RAMP_THRESHOLD_VERSION),
        "step_latency": (step_latency, STEP_LATENCY_VERSION),
        "pump_probe": (pump_probe, PUMP_PROBE_VERSION),
        "interval_by_index": (interval_by_index, INTERVAL_BY_INDEX_VERSION),
        "dwell_gap_test": (dwell_gap_test, DWELL_GAP_TEST_VERSION),
        "hold_voltage": (hold_voltage, HOLD_VOLTAGE_VERSION),
        "relaxation_levels": (relaxation_levels, RELAXATION_LEVELS_VERSION),
        "off_current": (off_current, OFF_CURRENT_VERSION),
    }
)

__all__ = [
    "PROPERTIES",
    "Extractor",
    "Feature",
    "Outcome",
    "PulseReading",
    "Response",
    "dwell_gap_test",
    "hold_voltage",
    "interval_by_index",
    "off_current",
    "pulse_switching",
    "pump_probe",
    "ramp_threshold",
    "read_pulses",
    "refractory_period",
    "relaxation",
    "relaxation_levels",
    "step_latency",
    "stochasticity",
    "threshold_firing",
    "volatile_switching",
]
