"""The part of a store that plans sweeps and follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labbench.store import sweeps
from labbench.store.engine import reading, writing
from labbench.store.notebook import Notebook
from labbench.store.process import this_process
from labbench.store.records import PointRecord, SweepRecord
from labbench.store.sweeps import Site

# Devices that one transaction adds: others want to write meanwhile.
_AT_ONCE = 500


class SweepBook(Notebook):
    """Sweeps and their points; each method that changes something is one transaction."""

    def add_sites(self, wafer: str, sites: Sequence[Site]) -> dict[str, int]:
        """Return the ids of devices on a wafer by name, adding those that are new."""
        found: dict[str, int] = {}
        for start in range(0, len(sites), _AT_ONCE):
            with writing(self.engine) as connection:
                found |= sweeps.add_sites(connection, wafer, sites[start : start + _AT_ONCE])
        return found

    def plan_sweep(
        self,
        wafer: str,
        name: str,
        plan: Mapping[str, object],
        points: Sequence[tuple[int, str, Mapping[str, object]]],
    ) -> int:
        """Write down all of a sweep, before anything moves, and return its id.

        Parameters
        ----------
        wafer : str
            Label of a stored wafer.
        name : str
            Not used before.
        plan : mapping
            JSON-ready.
        points : sequence of (device id, procedure, settings)
            In the order of measuring.
        """
        with writing(self.engine) as connection:
            return sweeps.plan(connection, wafer, name, plan, points)

    def claim_sweep(self, sweep_id: int, take_over: bool = False) -> None:
        """Note that this process works through a sweep.

        Parameters
        ----------
        sweep_id : int
        take_over : bool, optional
            Whether somebody knows that the process of another computer is dead.

        Raises
        ------
        StoreError
            If a process does that is not certainly gone.
        """
        owner = this_process()
        with writing(self.engine) as connection:
            sweeps.claim(connection, sweep_id, owner, take_over)

    def release_sweep(self, sweep_id: int) -> None:
        """Note that no process works through a sweep."""
        with writing(self.engine) as connection:
            sweeps.claim(connection, sweep_id, None)

    def change_point(
        self, point_id: int, state: str, *, run: int | None = None, note: str = ""
    ) -> None:
        """Take a point of a sweep to another state.

        Parameters
        ----------
        point_id : int
        state : str
        run : int, optional
            The run that it becomes, with "applying": committed before the run applies anything.
        note : str, optional

        Raises
        ------
        StoreError
            If it cannot go there from where it is; "planned" in particular is refused to a point
            whose run has any stimulus in the ledger.
        """
        with writing(self.engine) as connection:
            sweeps.change(connection, point_id, state, run, note)

    def skip_points(self, point_ids: Sequence[int], note: str) -> None:
        """Skip some points that were not begun, all at once."""
        with writing(self.engine) as connection:
            for point_id in point_ids:
                sweeps.change(connection, point_id, "skipped", None, note)

    def repeat_point(self, point_id: int, note: str = "") -> int:
        """Plan another attempt at a point, and return its id."""
        with writing(self.engine) as connection:
            return sweeps.repeat(connection, point_id, note)

    def wafer_fits(self, wafer: str) -> dict[str, dict[str, Any]]:
        """Return the document of the newest fit of each device of a wafer, by its name."""
        with reading(self.engine) as connection:
            return sweeps.fits(connection, wafer)

    def sweep(self, name: str) -> SweepRecord:
        """Return a sweep by its name."""
        with reading(self.engine) as connection:
            return sweeps.find(connection, name)

    def sweeps(self) -> list[SweepRecord]:
        """Return all sweeps, oldest first."""
        with reading(self.engine) as connection:
            return sweeps.records(connection)

    def sweep_points(self, sweep_id: int, device_id: int | None = None) -> list[PointRecord]:
        """Return the points of a sweep (on one device) in the order of measuring."""
        with reading(self.engine) as connection:
            return sweeps.points(connection, sweep_id, device_id)
