"""Work that would hold a window up is done elsewhere, and its result handed back.

One thread reads and writes the database, in the order in which it was asked; another computes, so
that a forecast keeps no listing waiting. Results and messages
of all threads wait in one box, which the window empties some twenty times a second: models are
touched by that one thread only, and need no locks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TypeVar

from labbench.errors import LabbenchError

_LOG = logging.getLogger("labbench.gui")

T = TypeVar("T")
# Of one frame: longer, and the window would stutter.
DELIVERY_S = 0.005


class Office:
    """A clerk for the database, and a box for what is to be done in the window's own thread.

    Attributes
    ----------
    on_error : callable
        Told in a sentence what failed, unless who asked wants to know.
    """

    def __init__(self) -> None:
        self.on_error: Callable[[str], None] = _LOG.warning
        self._box: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="clerk")
        self._reckoner = ThreadPoolExecutor(1, thread_name_prefix="reckoner")
        self._asked = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is asked and nothing waits."""
        return self._asked == 0 and self._box.empty()

    def post(self, act: Callable[[], None]) -> None:
        """Have something done in the window's thread, soon; from any thread."""
        self._box.put(act)

    def ask(
        self,
        work: Callable[[], T],
        then: Callable[[T], None] = lambda answer: None,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Have something looked up or written down, and then its answer used.

        Parameters
        ----------
        work : callable
            Done by the clerk; must not touch a model.
        then, failed : callable, optional
            Called in the window's thread with the answer, or with what went wrong.
        """
        self._submit(self._clerk, work, then, failed)

    def compute(
        self,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Have something computed, and then its answer used; see `ask`."""
        self._submit(self._reckoner, work, then, failed)

    def _submit(
        self,
        executor: ThreadPoolExecutor,
        work: Callable[[], T],
        then: Callable[[T], None],
        failed: Callable[[str], None] | None,
    ) -> None:
        self._asked += 1

        def do() -> None:
            try:
                answer = work()
            except LabbenchError as error:
                text = str(error)
                self.post(lambda: self._fail(text, failed))
            except Exception as error:  # noqa: BLE001 - this thread must live
                _LOG.exception("work for the window failed")
                text = f"{type(error).__name__}: {error} (a fault of labbench; please report it)"
                self.post(lambda: self._fail(text, failed))
            else:
                self.post(lambda: self._hand_over(answer, then))

        executor.submit(do)

    def deliver(self, most_s: float = DELIVERY_S) -> None:
        """Do what waits in the box, as far as the time goes; in the window's thread."""
        until_s = monotonic() + most_s
        while True:
            try:
                act = self._box.get_nowait()
            except Empty:
                return
            act()
            if monotonic() > until_s:
                return

    def close(self) -> None:
        """Let what is being written and computed come to its end."""
        self._clerk.shutdown(wait=True)
        self._reckoner.shutdown(wait=True, cancel_futures=True)

    def _hand_over(self, answer: T, then: Callable[[T], None]) -> None:
        self._asked -= 1
        then(answer)

    def _fail(self, text: str, failed: Callable[[str], None] | None) -> None:
        self._asked -= 1
        (failed or self.on_error)(text)
