"""One pymeasure Procedure per file, named after what it measures; base.py holds what they share."""

from collections.abc import Mapping
from types import MappingProxyType

from labbench.errors import SettingError
from procedures.base import NeuronProcedure, configure, settings_of
from procedures.cascaded_propagation import CascadedPropagation
from procedures.contact_check import ContactCheck
from procedures.dwell_gap_test import DwellGapTest
from procedures.endurance import Endurance
from procedures.energy_per_spike import EnergyPerSpike
from procedures.forming import Forming
from procedures.gate_discharge import GateDischarge
from procedures.hold_voltage import HoldVoltage
from procedures.identification_steps import IdentificationSteps
from procedures.interval_by_index import IntervalByIndex
from procedures.intrinsic_plasticity import IntrinsicPlasticity
from procedures.leaky_integration import LeakyIntegration
from procedures.off_current import OffCurrent
from procedures.output_curves import OutputCurves
from procedures.pump_probe import PumpProbe
from procedures.ramp_rate import RampRate
from procedures.ramp_threshold import RampThreshold
from procedures.refractory_period import RefractoryPeriod
from procedures.relaxation import Relaxation
from procedures.relaxation_levels import RelaxationLevels
from procedures.resistor_sweep import ResistorSweep
from procedures.state_read import StateRead
from procedures.step_latency import StepLatency
from procedures.stochasticity import Stochasticity
from procedures.strength_duration import StrengthDuration
from procedures.threshold_firing import ThresholdFiring
from procedures.transfer_curve import TransferCurve
from procedures.volatile_iv import VolatileIV

# By their stable names, which the store keeps.
PROCEDURES: Mapping[str, type[NeuronProcedure]] = MappingProxyType(
    {
        procedure.name: procedure
        for procedure in (
            # The six, and the energy.
            ThresholdFiring,
            StrengthDuration,
            Stochasticity,
            RefractoryPeriod,
            GateDischarge,
            LeakyIntegration,
            IntrinsicPlasticity,
            CascadedPropagation,
            EnergyPerSpike,
            # What a fit needs.
            RampThreshold,
            StepLatency,
            IdentificationSteps,
            PumpProbe,
            DwellGapTest,
            RelaxationLevels,
            HoldVoltage,
            OffCurrent,
            IntervalByIndex,
            # What every lab runs first.
            ContactCheck,
            ResistorSweep,
            TransferCurve,
            OutputCurves,
            Forming,
            VolatileIV,
            StateRead,
            RampRate,
            Endurance,
            Relaxation,
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
