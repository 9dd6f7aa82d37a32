"""A simulated Keysight InfiniiVision 3000T or 4000A oscilloscope with four channels."""

from instruments.simulated.infiniivision.oscilloscope import Oscilloscope

__all__ = ["Oscilloscope"]
