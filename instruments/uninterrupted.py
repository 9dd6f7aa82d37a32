"""What a simulated instrument does is done whole: the one on a real bench knows no signals.

Both live in one process here, so Ctrl-C could stop an instrument half way through a command, and
a half-done one never answers again - not even to be switched off.
"""

from __future__ import annotations

import threading


class Uninterrupted:
    """A block in the main thread that `interrupt` waits for; blocks may hold blocks."""

    def __init__(self) -> None:
        self._depth = 0
        self._held: str | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._depth += 1

    def __exit__(self, *raised: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._depth -= 1
        if self._depth == 0 and self._held is not None:
            held, self._held = self._held, None
            raise KeyboardInterrupt(held)

    def interrupt(self, reason: str) -> None:
        """Raise KeyboardInterrupt: now, or at the end of the block that the main thread is in.

        Call it from a signal handler.
        """
        if self._depth:
            self._held = reason
        else:
            raise KeyboardInterrupt(reason)


uninterrupted = Uninterrupted()


class Turn:
    """A lock that threads take turns with; who has it in the main thread is not interrupted."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()
        uninterrupted.__enter__()

    def __exit__(self, *raised: object) -> None:
        self._lock.release()
        uninterrupted.__exit__()
