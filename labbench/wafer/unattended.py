"""A sweep that nobody watches: a log, a page that refreshes, and a word when it ends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from labbench.bench import Bench
from labbench.errors import OutputError
from labbench.report.output import write_whole
from labbench.store import Store
from labbench.wafer.dry_run import foresee_sweep
from labbench.wafer.page import render_sweep
from labbench.wafer.plan import Plan
from labbench.wafer.progress import Progress
from labbench.wafer.sweep import SweepReport, run_sweep

# Seconds between two writings of the page, and how long a notification may take.
PAGE_S = 2.0
NOTIFY_S = 60.0
_LAST = 20


@dataclass
class Watch:
    """Writes down how a sweep goes; what cannot be written never stops it.

    Attributes
    ----------
    plan : Plan
    log, page : Path
    on_notice : callable
        Told what cannot be written, once.
    """

    plan: Plan
    log: Path
    page: Path
    on_notice: Callable[[str], None]
    _notices: list[str] = field(default_factory=list)
    _progress: Progress = field(default_factory=lambda: Progress({}))
    _written_s: float = float("-inf")
    _faults: set[str] = field(default_factory=set)

    def say(self, sentence: str) -> None:
        """Put a sentence into the log and on the page."""
        line = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z} {' '.join(sentence.split())}"
        self._notices = [*self._notices, line][-_LAST:]
        try:
            with self.log.open("a", encoding="utf-8") as file:
                print(line, file=file)
        except OSError as error:
            self._cannot(f"The log {self.log} cannot be written: {error.strerror or error}.")

    def take(self, progress: Progress) -> None:
        """Keep how far it is, for the page."""
        self._progress = progress

    def follow(self, progress: Progress) -> None:
        """Take down how far it is."""
        self._progress = progress
        self.say(f"{progress.device}: {progress}")
        if time.monotonic() - self._written_s > PAGE_S:
            self.write("running")

    def write(self, state: str) -> None:
        """Write the page; it refreshes itself while the state is "running"."""
        self._written_s = time.monotonic()
        try:
            write_whole(self.page, render_sweep(self.plan, self._progress, state, self._notices))
        except OutputError as error:
            self._cannot(str(error))

    def _cannot(self, sentence: str) -> None:
        if sentence not in self._faults:
            self._faults.add(sentence)
            self.on_notice(sentence)


def conduct(
    plan: Plan,
    bench: Bench,
    store: Store,
    *,
    log: Path,
    page: Path,
    resume: bool = False,
    take_over: bool = False,
    repeat: Sequence[str] = (),
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_notice: Callable[[str], None],
) -> SweepReport:
    """Run a sweep with log, page and notification, once its worst case was found to be allowed.

    Parameters
    ----------
    plan, bench, store, resume, take_over, repeat, on_progress, on_notice
        See `run_sweep`.
    log, page : Path

    Raises
    ------
    LimitError
        If the worst case is too much; nothing is planned then.
    LabbenchError
        See `run_sweep`.
    """
    watch = Watch(plan, log, page, on_notice)

    is_ours = False

    def begin(progress: Progress) -> None:
        nonlocal is_ours
        is_ours = True
        watch.take(progress)
        watch.say(f"sweep {plan.name!r} {'goes on' if resume else 'begins'}, process at work")
        watch.write("running")

    def notice(sentence: str) -> None:
        watch.say(sentence)
        on_notice(sentence)

    def follow(progress: Progress) -> None:
        watch.follow(progress)
        on_progress(progress)

    foresee_sweep(plan, bench.description).require()
    try:
        report = run_sweep(
            plan,
            bench,
            store,
            resume=resume,
            take_over=take_over,
            repeat=repeat,
            on_claim=begin,
            on_progress=follow,
            on_notice=notice,
        )
    except BaseException as error:
        if not is_ours:
            raise  # log and page are those of another process, or of a sweep that ended well
        said = str(error) or type(error).__name__
        is_operator = isinstance(error, KeyboardInterrupt)
        sentence = f"sweep {plan.name!r} {'was stopped' if is_operator else 'failed'}: {said}"
        watch.say(sentence)
        watch.write("stopped" if is_operator else "failed")
        notify(plan.notify, sentence, watch.say)
        raise
    sentence = str(report)
    watch.take(report.progress)
    watch.say(sentence)
    watch.write("stopped" if report.note else "done")
    notify(plan.notify, sentence, notice)
    return report


def notify(command: Sequence[str], sentence: str, on_notice: Callable[[str], None]) -> None:
    """Run a command with a sentence as its last argument; its failure is only said."""
    if not command:
        return
    try:
        done = subprocess.run(
            [*command, sentence], capture_output=True, text=True, timeout=NOTIFY_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        on_notice(f"The notification {command[0]!r} failed: {error}.")
        return
    if done.returncode:
        on_notice(
            f"The notification {command[0]!r} ended with {done.returncode}: {done.stderr.strip()}"
        )
