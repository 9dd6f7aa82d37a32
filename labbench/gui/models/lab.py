"""All models of a window on one lab database."""

from __future__ import annotations

from labbench.gui.models.bench_model import BenchModel
from labbench.gui.models.compare_model import CompareModel
from labbench.gui.models.device_model import DeviceModel
from labbench.gui.models.history_model import HistoryModel
from labbench.gui.models.live_model import LiveModel
from labbench.gui.models.office import Office
from labbench.gui.models.queue_model import QueueModel
from labbench.store import Store


class Lab:
    """The models, and how they hang together.

    Attributes
    ----------
    store, office, live, bench, queue, device, compare, history
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.office = Office()
        self.live = LiveModel()
        self.bench = BenchModel(store, self.office, self.live)
        self.queue = QueueModel(store, self.office, self.bench)
        self.device = DeviceModel(store, self.office)
        self.compare = CompareModel(store, self.office)
        self.history = HistoryModel(store, self.office)
        self.bench.subscribe("runs", self.refresh)
        self.compare.subscribe("found", self.device.refresh)

    def refresh(self) -> None:
        """Look what is new in the store; also what other programmes wrote."""
        self.device.refresh()
        self.history.refresh()
        self.queue.refresh()

    def close(self, timeout_s: float | None = None) -> bool:
        """End what goes on, leave the bench safe, and end all threads.

        Returns
        -------
        bool
            Whether the bench came to its end in that time.
        """
        self.compare.close()
        self.history.close()
        is_safe = self.bench.thread.close(timeout_s)
        self.live.close()
        self.office.close()
        return is_safe
