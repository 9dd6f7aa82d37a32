"""A simulated Keithley 4200A-SCS under KXCI: four SMUs and a two-channel pulse card."""

from instruments.simulated.keithley4200a.mainframe import ParameterAnalyzer

__all__ = ["ParameterAnalyzer"]
