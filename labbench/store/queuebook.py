"""The part of a store that keeps the queue of a bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labbench.store import queue
from labbench.store.engine import reading, writing
from labbench.store.records import QueueRecord
from labbench.store.sweepbook import SweepBook


class QueueBook(SweepBook):
    """What waits to be run; each method that changes something is one transaction.

    An entry leaves the queue before its run energises anything, so that what was killed is never
    run again by itself.
    """

    def enqueue(
        self,
        device_id: int,
        procedure: str,
        settings: Mapping[str, object],
        compliance_policy: str | None = None,
    ) -> int:
        """Put a procedure on a device at the end of the queue, and return the entry's id."""
        with writing(self.engine) as connection:
            return queue.add(connection, device_id, procedure, settings, compliance_policy)

    def queue(self) -> list[QueueRecord]:
        """Return what waits, in the order of running."""
        with reading(self.engine) as connection:
            return queue.waiting(connection)

    def begin_queued(self, entry_id: int, run_id: int) -> None:
        """Note that an entry has become a run.

        Raises
        ------
        StoreError
            If it does not wait any more: another process was faster, or somebody withdrew it.
        """
        with writing(self.engine) as connection:
            queue.leave(connection, entry_id, "begun", run_id, "")

    def withdraw(self, entry_ids: Sequence[int], note: str = "") -> None:
        """Take entries out of the queue; they stay in the store as withdrawn."""
        with writing(self.engine) as connection:
            for entry_id in entry_ids:
                queue.leave(connection, entry_id, "withdrawn", None, note)

    def refuse_queued(self, entry_id: int, note: str) -> None:
        """Note that an entry could not become a run at all, and why."""
        with writing(self.engine) as connection:
            queue.leave(connection, entry_id, "refused", None, note)

    def order_queue(self, entry_ids: Sequence[int]) -> None:
        """Put all that waits into another order.

        Raises
        ------
        StoreError
            If these are not all that wait.
        """
        with writing(self.engine) as connection:
            queue.arrange(connection, entry_ids)
