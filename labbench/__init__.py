"""labbench: measure, model and understand 1M1T1R spiking neurons.

The road:
stimulus -> instrument -> trace -> spikes -> features -> store -> fit -> compare -> report.
"""

from labbench.errors import LabbenchError
from labbench.stimulus import Pulse, PulseTrain, Stimulus, Sweep, Waveform
from labbench.trace import Channel, Trace

__version__ = "0.1.0"

__all__ = [
    "Channel",
    "LabbenchError",
    "Pulse",
    "PulseTrain",
    "Stimulus",
    "Sweep",
    "Trace",
    "Waveform",
    "__version__",
]
