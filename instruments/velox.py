"""FormFactor Velox prober.

The stock driver raises ConnectionError, which is what a broken link raises too, for everything that
the prober refuses. Here a refusal is an InstrumentError with the prober's own words.
"""

from __future__ import annotations

from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.formfactor import Velox as StockVelox

from instruments.link import LinkedMixin
from instruments.roles import Clock
from labbench.errors import InstrumentError, LinkError, ReadbackError

END_OF_WAFER = 703
_TOLERANCE_UM = 1.0


class VeloxDriver(LinkedMixin, StockVelox):
    """The stock driver with our errors, and with heights that are read back."""

    chuck_position_um = Instrument.measurement(
        "ReadChuckPosition Y H",
        """Get the chuck's place from home in X, Y, and its height in um (list of float).""",
        separator=" ",
    )
    chuck_heights_um = Instrument.measurement(
        "ReadChuckHeights Y",
        """Get contact height, overtravel, alignment, separation and search gap in um (list of
        float); a contact height of -1 is not set.""",
        separator=" ",
    )
    dies = Instrument.measurement(
        "GetNumSelectedDies",
        """Get how many dies are selected for probing (int).""",
        cast=int,
    )

    def read(self, **kwargs: Any) -> str:
        """Read an answer without its code.

        Raises
        ------
        InstrumentError
            If the prober refused; the end of the wafer is no refusal.
        """
        self.error_code, self.error_message = 0, ""
        self.wafermap.end_reached = False
        with self._linked():
            answer = self._whole(str(Instrument.read(self, **kwargs))).strip()
        code, separator, text = answer.partition(":")
        if not separator:
            return answer
        if not code.isdigit():
            raise LinkError(f"{self.resource} answered {self._command!r} with {answer!r}.")
        if int(code):
            self.error_code, self.error_message = int(code), text.strip()
            self.wafermap.end_reached = int(code) == END_OF_WAFER
        if int(code) not in (0, END_OF_WAFER):
            raise InstrumentError(f"{self.resource} reports {answer} after {self._command!r}.")
        return text.strip()

    def forget_errors(self) -> None:
        """Forget nothing: the prober reports errors in its answers, and keeps none."""

    def check_errors(self) -> list[Any]:
        """Read the answer to what was set."""
        self.read()
        return []

    def check_set_errors(self) -> list[Any]:
        """Read the answer to what was set."""
        return self.check_errors()

    def step_to(self, column: int, row: int, site: int) -> tuple[int, int, int]:
        """Step to a device and return column, row and site that the prober says it is on."""
        answer = self.ask(f"StepNextDie {column} {row} {site}")
        try:
            found = [int(part) for part in answer.split()]
            return found[0], found[1], found[2]
        except (ValueError, IndexError):
            raise LinkError(
                f"{self.resource} answered {self._command!r} with {answer!r}: no place on a wafer."
            ) from None


class Velox:
    """A wafer prober under Velox as a Prober.

    Parameters
    ----------
    adapter : str, int or pymeasure Adapter
    name : str
    channel : int
        Ignored, as in every driver of an instrument without a choice of one.
    clock : Clock, optional
        Not needed: the prober answers when it is there.
    **kwargs
        For the VISA connection.

    Attributes
    ----------
    driver : VeloxDriver
        For everything beyond the role.
    """

    def __init__(
        self,
        adapter: Any,
        name: str = "FormFactor Velox",
        *,
        channel: int = 1,
        clock: Clock | None = None,
        **kwargs: Any,
    ) -> None:
        self.driver = VeloxDriver(adapter, name, **kwargs)

    @property
    def identity(self) -> str:
        """Get the answer to ``*IDN?`` (str)."""
        return self.driver.identity

    @property
    def is_in_contact(self) -> bool:
        """Get whether the chuck is at contact height or above (bool)."""
        contact_um = float(self.driver.chuck_heights_um[0])
        height_um = float(self.driver.chuck_position_um[2])
        return contact_um >= 0.0 and height_um >= contact_um - _TOLERANCE_UM

    def move_to_die(self, column: int, row: int, site: int = 0) -> None:
        """Bring a device of a die under the needles, out of contact.

        Raises
        ------
        InstrumentError
            If the wafer has no such die.
        ReadbackError
            If the prober went elsewhere.
        """
        self.separate()
        found = self.driver.step_to(column, row, site)
        if found != (column, row, site):
            raise ReadbackError(
                f"{self.driver.resource}: asked for column, row and site {column}, {row}, {site}, "
                f"the prober is at {', '.join(map(str, found))}."
            )

    def contact(self) -> None:
        """Bring the wafer up to the needles.

        Raises
        ------
        InstrumentError
            If no contact height is set.
        ReadbackError
            If it is not there.
        """
        self.driver.chuck.move_contact()
        if not self.is_in_contact:
            raise ReadbackError(f"{self.driver.resource}: the chuck is not at contact height.")

    def separate(self) -> None:
        """Take the wafer off the needles.

        Raises
        ------
        ReadbackError
            If it is still there.
        """
        self.driver.chuck.move_separation()
        if self.is_in_contact:
            raise ReadbackError(f"{self.driver.resource}: the chuck is still at contact height.")

    def safe(self) -> None:
        """Take the wafer off the needles, whatever was being asked before."""
        self.driver.abandon()
        self.separate()
