"""Wafers: sweep plans, sweeps that resume after anything, simulated wafers, maps and statistics."""

from labbench.wafer.plan import Plan, read_plan, write_plan

__all__ = ["Plan", "read_plan", "write_plan"]
