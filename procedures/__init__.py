"""One pymeasure Procedure per file, named after what it measures; base.py holds what they share."""

from collections.abc import Mapping
from types import MappingProxyType

from labbench.errors import SettingError
from procedures.base import NeuronProcedure, configure, settings_of
from procedures.dwell_gap_test import DwellGapTest
from procedures.hold_voltage import HoldVoltage
from procedures.identification_steps import IdentificationSteps
from procedures.interval_by_index import IntervalByIndex
from procedures.off_current import OffCurrent
from procedures.pump_probe import PumpProbe
from procedures.ramp_threshold import RampThreshold
from procedures.refractory_period import RefractoryPeriod
from procedures.relaxation_levels import RelaxationLevels
from procedures.step_latency import StepLatency
from procedures.threshold_firing import ThresholdFiring

# By their stable names, which the store keeps.
PROCEDURES: Mapping[str, type[NeuronProcedure]] = MappingProxyType(
    {
        procedure.name: procedure
        for procedure in (
            ThresholdFiring,
            RefractoryPeriod,
            # What identifies the parameters of the model.
            RampThreshold,
            StepLatency,
            IdentificationSteps,
            PumpProbe,
            IntervalByIndex,
            DwellGapTest,
            HoldVoltage,
            RelaxationLevels,
            OffCurrent,
        )
    }
)


def find_procedure(name: str) -> type[NeuronProcedure]:
    """Return a procedure by its stable name.

    Raises
    ------
    SettingError
        If there is none of that name.
    """
    try:
        return PROCEDURES[name]
    except KeyError:
        known = ", ".join(PROCEDURES)
        raise SettingError(f"There is no procedure {name!r}: known are {known}.") from None


__all__ = ["PROCEDURES", "NeuronProcedure", "configure", "find_procedure", "settings_of"]
