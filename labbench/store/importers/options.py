"""What the caller of an import says about a file, beyond what the file says itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

from labbench.errors import ImportFileError

SHAPES = ("sweep", "pulse", "record")


@dataclass(frozen=True)
class ReadOptions:
    """What the caller says about a file.

    Attributes
    ----------
    columns : mapping of str to str
        By what it holds ("voltage", "current", "abs_current", "time", "drop", or the name of
        another channel): the name or number (from 1) of a column.
    units : mapping of str to str
        By what a column holds, or by its name: its unit, such as "mV".
    dwell_s : float or None
        Time at each voltage, for a file without times.
    compliance_a : float or None
        Current limit of the source, if known.
    shunt_ohm : float or None
        The resistor under the column "drop", whose voltage shows the current.
    shape : {"sweep", "pulse", "record"} or None
        What the recording is; "record" is kept without features.
    missing : tuple of str
        Cells that say that there is no number.
    lenient : bool
        Leave out rows that cannot be read, and count them.
    encoding : str or None
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    dwell_s: float | None = None
    compliance_a: float | None = None
    shunt_ohm: float | None = None
    shape: str | None = None
    missing: tuple[str, ...] = ()
    lenient: bool = False
    encoding: str | None = None

    def check(self, file_name: str) -> None:
        """Raise an ImportFileError if a value is impossible."""
        for name in ("dwell_s", "compliance_a", "shunt_ohm"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise ImportFileError(f"{file_name}: {name} must be positive, got {value}.")
        if self.shape not in (None, *SHAPES):
            raise ImportFileError(
                f"{file_name}: a recording is a {', '.join(SHAPES)}, not {self.shape!r}."
            )
