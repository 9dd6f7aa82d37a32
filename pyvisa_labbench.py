"""PyVISA finds the simulated bench here: ``ResourceManager("bench.toml@labbench")``."""

from instruments.simulated.links.visa import SimulatedVisaLibrary

WRAPPER_CLASS = SimulatedVisaLibrary
