"""A simulated Keithley 2400: one terminal, four quadrants, two trigger layers, one buffer.

`base` (settings, errors) < `status` < `source` < `sweeps` < `sense` < `readings` < `trigger` <
`trace` < `calculate` < `meter`: each adds the commands of its subsystems to those before it.
"""

from instruments.simulated.keithley2400.meter import SourceMeter

__all__ = ["SourceMeter"]
