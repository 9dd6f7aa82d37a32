"""The language of KXCI, the remote front of a Keithley 4200A-SCS: pages of two-letter commands.

Each message gets exactly one answer on Ethernet: the data it asked for, "ACK", or the words of an
error, which also stay as the last error. While a test runs, only its status, its abortion and the
errors can be asked for; everything else waits until the test is over.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from math import inf

from instruments.simulated.clock import VirtualClock
from instruments.simulated.instrument import REQUESTED_SERVICE, Instrument

DATA_READY, SYNTAX_ERROR, BUSY = 1, 2, 16
PAGES = ("DE", "SS", "SM", "MD", "US", "UL")
_LETTERS = re.compile(r"([A-Z]+)\s*(.*)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?", re.IGNORECASE)

Run = Callable[[list[str]], str | None]


class KxciError(Exception):
    """What KXCI has to say about a command: words, and a number behind them."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words

    def __str__(self) -> str:
        return f"{self.words}. ({self.code})"


class KxciInstrument(Instrument):
    """Takes KXCI messages; subclasses add commands, and tests that take time.

    Attributes
    ----------
    page : str
        The page that commands of the same letters are told apart by; empty at power-on.
    is_data_ready : bool
    last_error : str
    done_s : float
        When the running test ends; minus infinity if none runs.
    """

    terminator = b"\0"

    def __init__(self, identity: str, clock: VirtualClock) -> None:
        super().__init__(identity, clock)
        self.page = ""
        self.is_data_ready = False
        self.last_error = ""
        self.done_s = -inf
        self._has_syntax_error = False
        self._requests_service = False
        self._is_working = False
        self._waiting: deque[tuple[deque[str], list[str]]] = deque()
        self._commands: dict[tuple[str, str], Run] = {}
        self._trees: dict[str, Run] = {}
        self._always: set[str] = set()
        self._add_common()

    # What subclasses add with.

    def on(self, letters: str, run: Run, pages: str = "", even_busy: bool = False) -> None:
        """Have a command of some letters obeyed, on some pages (all by default)."""
        for page in pages.split() or (*PAGES, ""):
            self._commands[page, letters] = run
        if even_busy:
            self._always.add(letters)

    def on_tree(self, header: str, run: Run, even_busy: bool = False) -> None:
        """Have a command with a colon obeyed, on every page."""
        self._trees[header] = run
        if even_busy:
            self._always.add(header)

    @abstractmethod
    def reset(self) -> None:
        """Go back to the state of ``*RST``, outputs off."""

    # What the link calls.

    @property
    def summary(self) -> int:
        """The status byte."""
        status = DATA_READY * self.is_data_ready | SYNTAX_ERROR * self._has_syntax_error
        is_requesting = self._requests_service and self.is_data_ready
        return status | BUSY * self.is_busy | REQUESTED_SERVICE * is_requesting

    @property
    def is_busy(self) -> bool:
        """Whether a test runs."""
        return self.clock.now() < self.done_s

    @property
    def next_answer_s(self) -> float:
        """When there will be an answer."""
        return max(self.clock.now(), self.done_s) if self._waiting else super().next_answer_s

    def device_clear(self) -> None:
        """Forget what waits."""
        super().device_clear()
        self._waiting.clear()

    def message(self, data: bytes) -> None:
        """Take one message: commands with semicolons in between."""
        text = data.decode("latin-1").strip("\0\r\n ")
        units = deque(unit.strip() for unit in text.split(";") if unit.strip())
        self._waiting.append((units, []))
        self.poll()

    def poll(self) -> None:
        """Go on with what waits, as far as the running test lets it."""
        if self._is_working:
            return  # somebody let time pass within a command
        self._is_working = True
        try:
            while self._waiting:
                units, answers = self._waiting[0]
                if not self._work_off(units, answers):
                    break
                self._waiting.popleft()
                answer = answers[-1] if answers else "ACK"
                self.answers.append(answer.encode("latin-1") + self.terminator)
        finally:
            self._is_working = False
        self.notice()

    def _work_off(self, units: deque[str], answers: list[str]) -> bool:
        while units:
            run, name, parameters = self._find(units[0])
            if self.is_busy and name not in self._always:
                return False
            units.popleft()
            try:
                if run is None:
                    raise KxciError(-992, f"Command {name!r} not recognized here")
                answer = run(parameters)
                if answer is not None:
                    answers.append(answer)
            except KxciError as error:
                self.complain(error)
                answers.append(str(error))
                units.clear()
        return True

    def _find(self, unit: str) -> tuple[Run | None, str, list[str]]:
        if unit[0] in ":*":
            header, _, rest = unit.partition(" ")
            name = header.upper()
            run = self._trees.get(name)
        else:
            match = _LETTERS.match(unit)
            name, rest = (match[1].upper(), match[2]) if match else (unit, "")
            run = self._commands.get((self.page, name))
        return run, name, [part.strip() for part in rest.split(",") if part.strip()]

    # Errors and status.

    def complain(self, error: KxciError) -> None:
        """Note an error."""
        self.last_error = str(error)
        self._has_syntax_error = True

    def _add_common(self) -> None:
        for page in PAGES:
            self.on(page, lambda parameters, page=page: self._turn_to(page))  # type: ignore[misc]
        self.on("SP", lambda parameters: self._poll_status(), even_busy=True)
        self.on("BC", lambda parameters: self.clear_data())
        self.on("DR", self._set_data_request)
        self.on("ID", lambda parameters: self.short_identity)
        self.on_tree("*IDN?", lambda parameters: self.identity)
        self.on_tree("*OPC?", lambda parameters: "1")
        self.on_tree("*CLS", lambda parameters: self._forget_error())
        self.on_tree("*RST", lambda parameters: self.reset())
        self.on_tree(":ERROR:LAST:GET", lambda parameters: self.last_error, even_busy=True)
        self.on_tree(":ERROR:LAST:GET?", lambda parameters: self.last_error, even_busy=True)
        self.on_tree(":ERROR:LAST:CLEAR", lambda parameters: self._forget_error(), even_busy=True)

    @property
    def short_identity(self) -> str:
        """Answer to ``ID``: model and version."""
        _, model, _, version = self.identity.split(",")
        return f"{model} {version}"

    def clear_data(self) -> None:
        """Empty the data buffer."""
        self.is_data_ready = False

    def _turn_to(self, page: str) -> None:
        self.page = page

    def _poll_status(self) -> str:
        status = self.summary
        self._has_syntax_error = False
        return str(status)

    def _forget_error(self) -> None:
        self.last_error = ""
        self._has_syntax_error = False

    def _set_data_request(self, parameters: list[str]) -> None:
        self._requests_service = bool(whole(parameters, 0, 0, 1))


def real(parameters: list[str], place: int, low: float = -inf, high: float = inf) -> float:
    """Read one parameter as a number within limits."""
    text = word(parameters, place)
    if not _NUMBER.fullmatch(text):
        raise KxciError(-104, f"Parameter {place + 1} is {text!r}, not a number")
    value = float(text)
    if not low <= value <= high:
        raise KxciError(-222, f"Parameter {place + 1} is {value:g}, not {low:g} to {high:g}")
    return value


def whole(parameters: list[str], place: int, low: int, high: int) -> int:
    """Read one parameter as an integer within limits."""
    value = real(parameters, place, low, high)
    if value != int(value):
        raise KxciError(-104, f"Parameter {place + 1} is {value:g}, not an integer")
    return int(value)


def reals(parameters: list[str], start: int) -> list[float]:
    """Read all parameters from one on as numbers."""
    return [real(parameters, place) for place in range(start, len(parameters))]


def word(parameters: list[str], place: int) -> str:
    """Read one parameter as text, without its quotes."""
    if place >= len(parameters):
        raise KxciError(-109, f"Parameter {place + 1} is missing")
    return parameters[place].strip("'\"")
