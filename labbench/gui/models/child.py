"""A command of labbench in a process of its own, beside the window and the bench.

What keeps a processor busy for seconds to minutes is the very command that a terminal would give:
it yields to the window and the bench, and it can be stopped at any moment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from labbench.gui.models.office import Office

# What does not end by then when it is asked to is killed: the window is waiting.
_END_S = 2.0
_NICENESS = 10


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes
    ----------
    pid, code : int
        Of its process; code 0 if it did all of its work, cancelled or not.
    problem : str
        The last line of what it complained about.
    was_cancelled : bool
    lasted_s : float
    """

    pid: int
    code: int
    problem: str
    was_cancelled: bool
    lasted_s: float


class Child:
    """One command at a time.

    Attributes
    ----------
    began_s : float
        When the last one was started, on the monotonic clock.
    """

    def __init__(self, office: Office) -> None:
        self.began_s = 0.0
        self._office = office
        self._process: subprocess.Popen[str] | None = None
        self._was_cancelled = False

    @property
    def is_busy(self) -> bool:
        """Whether a command goes on, or its end was not told yet."""
        return self._process is not None

    def start(self, arguments: Sequence[str], done: Callable[[Ended], None]) -> None:
        """Start a command, and have its end told in the window's thread.

        Parameters
        ----------
        arguments : sequence of str
            As after ``labbench`` in a terminal.
        done : callable

        Raises
        ------
        OSError
            If it cannot be started.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "labbench", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if sys.platform != "win32":
            with suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        self._process, self._was_cancelled = process, False
        self.began_s = monotonic()

        def wait() -> None:
            _, said = process.communicate()
            self._office.post(lambda: end(said))

        def end(said: str) -> None:
            if self._process is not process:
                return  # closed meanwhile: nobody is there to be told
            self._process = None
            lines = said.strip().splitlines() or [f"exit code {process.returncode}"]
            problem = lines[-1].removeprefix("labbench: ")
            lasted_s = monotonic() - self.began_s
            done(Ended(process.pid, process.returncode, problem, self._was_cancelled, lasted_s))

        threading.Thread(target=wait, name="child", daemon=True).start()

    def cancel(self) -> None:
        """Stop the command; its end is told as any other."""
        if self._process is not None:
            self._was_cancelled = True
            self._process.terminate()

    def close(self) -> int | None:
        """Stop the command for good, and wait for its end, which is told to nobody.

        Returns
        -------
        int or None
            Its process id; None if there was none.
        """
        process = self._process
        if process is None:
            return None
        self.cancel()
        self._process = None
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
        return process.pid
