"""Model cards for other programs: SPICE subcircuits, Verilog-A modules, a JSON document."""

from labbench.report.netlist.document import card_json
from labbench.report.netlist.spice import spice
from labbench.report.netlist.verilog_a import verilog_a

__all__ = ["card_json", "spice", "verilog_a"]
