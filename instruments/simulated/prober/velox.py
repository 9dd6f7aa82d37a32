"""A simulated prober under FormFactor Velox: words for commands, a code before each answer.

Every command is answered by "code: text", code 0 if all is well, once its move is over. The chuck
moves in bench time; whatever it brings to contact height under the needles is touched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import inf

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices.base import DeviceError
from instruments.simulated.instrument import FaultUnknownError, Instrument
from instruments.simulated.prober.commands import commands
from instruments.simulated.prober.language import (
    DOOR,
    END_OF_SUBDIES,
    END_OF_WAFER,
    IN_CONTACT,
    MOTION,
    NO_CONTACT,
    NO_DIE,
    NO_MAP,
    REFUSED,
    VeloxError,
    whole,
)
from instruments.simulated.prober.stage import Heights, Stage
from instruments.simulated.prober.wafer import Wafer


class Prober(Instrument):
    """A chuck with a wafer, a scope and a platen with needles.

    Attributes
    ----------
    wafer : Wafer or None
    """

    last_terminal = 0

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self.wafer: Wafer | None = None
        self.is_door_open = False
        self._waiting: deque[str] = deque()
        self._done_s, self._is_working = -inf, False
        self._moves: deque[tuple[float, Callable[[], None]]] = deque()
        self.die, self.site = 0, 0
        self.bins: dict[tuple[int, int], int] = {}
        self.set_up()
        self._commands = {name.lower(): run for name, run in commands(self).items()}

    def set_up(self) -> None:
        """Bring everything to where it is at power-on."""
        self.chuck = Stage(160_000.0, 20_000.0)
        self.scope = Stage(50_000.0, 30_000.0)
        self.platen = Stage(0.0, 10_000.0)
        self.heights = Heights()
        self.chuck.z_um = self.separation_height_um
        # Overtravel, automatic lift, interlock, contact search, edge interlock, quiet contact.
        self.mode = [0, 0, 0, 0, 0, 0]
        self.index_um = (5_000.0, 5_000.0)
        self.die_home_um = (0.0, 0.0)
        self._target_um = self.chuck.z_um

    def load(self, wafer: Wafer | None) -> None:
        """Put a wafer on the chuck, its first die at home under the needles."""
        self.wafer = wafer
        if wafer is not None:
            entry = wafer.entry
            self.index_um = (entry.die_width_m * 1e6, entry.die_height_m * 1e6)

    @property
    def separation_height_um(self) -> float:
        """The height that moves across happen at."""
        return self.heights.contact_um - self.heights.separation_um

    @property
    def is_high(self) -> bool:
        """Whether the chuck is at contact height or above it."""
        return self.heights.is_contact_set and self.chuck.z_um >= self.heights.contact_um - 1e-6

    @property
    def is_touching(self) -> bool:
        """Whether needles are on pads."""
        return self.wafer is not None and self.wafer.touched is not None

    # What the link calls.

    @property
    def summary(self) -> int:
        """The status byte: message available."""
        return 16 * bool(self.answers)

    @property
    def next_answer_s(self) -> float:
        """When there will be an answer."""
        return max(self.clock.now(), self._done_s) if self._waiting else super().next_answer_s

    def device_clear(self) -> None:
        """Forget what waits; a move that has begun goes on."""
        super().device_clear()
        self._waiting.clear()

    def fail(self, kind: str, value: float | None) -> None:
        """Have the door of the chamber opened; there is no other fault."""
        if kind != "interlock":
            raise FaultUnknownError(kind)
        self.is_door_open = bool(value is None or value)

    def message(self, data: bytes) -> None:
        """Take one command."""
        text = data.decode("latin-1").strip()
        if text:
            self._waiting.append(text)
            self._work_off()

    def _work_off(self) -> None:
        if self._is_working:
            return
        self._is_working = True
        try:
            while self._waiting and self.clock.now() >= self._done_s:
                answer = self._run(self._waiting[0])
                if self._moves:
                    # The answer is ready, but it is given when the chuck is there.
                    self._move_on(answer)
                    break
                self._say(answer)
        finally:
            self._is_working = False

    def _run(self, text: str) -> str:
        name, *parameters = text.replace(",", " ").split()
        run = self._commands.get(name.lower())
        try:
            if run is None:
                raise VeloxError(1, name)
            answer = run(parameters)
        except VeloxError as error:
            self._moves.clear()
            return str(error)
        return answer if name[0] == "*" and answer is not None else f"0: {answer or ''}".rstrip()

    def _move_on(self, answer: str) -> None:
        duration_s, act = self._moves.popleft()
        self._done_s = self.clock.now() + duration_s

        def arrive() -> None:
            nonlocal answer
            self._done_s = -inf
            try:
                act()
            except DeviceError as error:
                self._moves.clear()
                self._leave_contact(self.separation_height_um)
                answer = str(VeloxError(REFUSED, str(error)))
            if self._moves:
                self._move_on(answer)
                return
            self._say(answer)
            self._work_off()

        self.clock.at(self._done_s, arrive)

    def _say(self, answer: str) -> None:
        if self._waiting:
            self._waiting.popleft()
            self.answers.append(answer.encode("latin-1") + self.terminator)
            self.notice()

    # Moves.

    def go_up(self, z_um: float, velocity: float = 100.0) -> None:
        """Begin to bring the chuck to a height; needles leave the pads as soon as it goes down."""
        if self.is_door_open:
            raise VeloxError(DOOR)
        if not self.chuck.reaches(0.0, 0.0, z_um):
            raise VeloxError(MOTION, f"{z_um:g} um")
        planned_um = self._planned_um()
        if z_um < planned_um:
            self._moves.append((0.0, lambda: self._leave_contact(z_um)))
        duration_s = self.chuck.up_s(self.chuck.z_um + abs(z_um - planned_um), velocity)
        self._moves.append((duration_s, lambda: self._arrive_up(z_um)))
        self._target_um = z_um

    def _planned_um(self) -> float:
        return self._target_um if self._moves else self.chuck.z_um

    def _leave_contact(self, z_um: float) -> None:
        self.chuck.z_um = min(self.chuck.z_um, max(z_um, 0.0))
        if self.wafer is not None and self.wafer.touched is not None and not self.is_high:
            self.wafer.lift()

    def _arrive_up(self, z_um: float) -> None:
        self.chuck.z_um = z_um
        self.touch()

    def touch(self) -> None:
        """Touch what lies under the needles, if the chuck is high and the platen down."""
        place = self.place
        if self.wafer is None or not self.is_high or self.platen.z_um > 0.0 or place is None:
            return
        if self.wafer.touched != (*place[0], place[1]):
            self.wafer.touch(*place)

    def go_across(self, x_um: float, y_um: float, velocity: float) -> None:
        """Begin to bring the chuck to a place, off the needles on the way."""
        if self.is_door_open:
            raise VeloxError(DOOR)
        if not self.chuck.reaches(x_um, y_um, 0.0):
            raise VeloxError(MOTION, f"{x_um:g} um, {y_um:g} um")
        was_high = self.is_high
        if was_high:
            if self.mode[2]:
                raise VeloxError(IN_CONTACT)
            self.go_up(self.separation_height_um)
        duration_s = self.chuck.across_s(x_um, y_um, velocity)

        def arrive() -> None:
            self.chuck.x_um, self.chuck.y_um = x_um, y_um

        self._moves.append((duration_s, arrive))
        if was_high and self.mode[1]:
            self.go_up(self.contact_height_um())

    def contact_height_um(self) -> float:
        """Return how high the chuck goes, overtravel included."""
        if not self.heights.is_contact_set:
            raise VeloxError(NO_CONTACT)
        return self.heights.contact_um + self.heights.overtravel_um * self.mode[0]

    def later(self, duration_s: float, act: Callable[[], None]) -> None:
        """Begin something that is done after a time."""
        self._moves.append((duration_s, act))

    def platen_moved(self) -> None:
        """Leave the pads where the platen was lifted; touch them where it came down."""
        if self.platen.z_um > 0.0 and self.wafer is not None and self.is_touching:
            self.wafer.lift()
        self.touch()

    # The map.

    def map(self) -> Wafer:
        """Return the wafer whose map is loaded."""
        if self.wafer is None:
            raise VeloxError(NO_MAP)
        return self.wafer

    def site_um(self, die: tuple[int, int], site: int) -> tuple[float, float]:
        """Return where the chuck brings a device under the needles, from home."""
        wafer = self.map()
        first = wafer.dies[0]
        x_um = (die[0] - first[0]) * wafer.entry.die_width_m * 1e6
        y_um = (die[1] - first[1]) * wafer.entry.die_height_m * 1e6
        return x_um, y_um + site * wafer.entry.site_pitch_m * 1e6

    @property
    def place(self) -> tuple[tuple[int, int], int] | None:
        """Die and site that lie under the needles, if pads do."""
        if self.wafer is None:
            return None
        entry, first = self.wafer.entry, self.wafer.dies[0]
        width_um, height_um = entry.die_width_m * 1e6, entry.die_height_m * 1e6
        pad_um, pitch_um = entry.pad_m * 1e6, entry.site_pitch_m * 1e6
        column = first[0] + round(self.chuck.x_um / width_um)
        row = first[1] + int(np.floor((self.chuck.y_um + pad_um) / height_um))
        up_um = self.chuck.y_um - (row - first[1]) * height_um
        site = round(up_um / pitch_um)
        off_um = max(
            abs(self.chuck.x_um - (column - first[0]) * width_um), abs(up_um - site * pitch_um)
        )
        is_there = (column, row) in self.wafer.dies and 0 <= site < entry.sites
        return ((column, row), site) if is_there and off_um <= pad_um else None

    def _step(self, die: int, site: int) -> str:
        wafer = self.map()
        x_um, y_um = self.site_um(wafer.dies[die], site)
        self.go_across(self.chuck.home_x_um + x_um, self.chuck.home_y_um + y_um, 100.0)
        self.die, self.site = die, site
        self.die_home_um = x_um, y_um
        column, row = wafer.dies[die]
        return f"{column} {row} {site} {wafer.entry.sites}"

    def step_first(self, parameters: list[str]) -> str:
        """Go to the first die, with all bins cleared."""
        self.map()
        self.bins = {}
        return self._step(0, 0)

    def step_next(self, parameters: list[str]) -> str:
        """Go to the next die, or to that of a column and a row."""
        wafer = self.map()
        if parameters:
            die = whole(parameters, 0), whole(parameters, 1)
            site = whole(parameters, 2) if len(parameters) > 2 else 0
            if die not in wafer.dies or not 0 <= site < wafer.entry.sites:
                raise VeloxError(NO_DIE, f"column {die[0]}, row {die[1]}, subdie {site}")
            return self._step(wafer.dies.index(die), site)
        if self.die + 1 >= len(wafer.dies):
            raise VeloxError(END_OF_WAFER)
        return self._step(self.die + 1, 0)

    def step_site(self, parameters: list[str]) -> str:
        """Go to the next device of the die, or to that of a number."""
        wafer = self.map()
        site = whole(parameters, 0) if parameters else self.site + 1
        if not 0 <= site < wafer.entry.sites:
            raise VeloxError(END_OF_SUBDIES)
        self._step(self.die, site)
        return str(site)
