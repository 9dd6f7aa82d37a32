"""PyVISA finds the simulated bench here: ``ResourceManager("bench.toml@labbench")``."""

from instruments.simulated.visa import SimulatedVisaLibrary

WRAPPER_CLASS = SimulatedVisaLibrary
