"""A simulated Keithley 2636B."""

from instruments.simulated.keithley2636b.meter import SourceMeter2636B

__all__ = ["SourceMeter2636B"]
