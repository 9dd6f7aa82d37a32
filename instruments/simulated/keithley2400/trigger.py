"""The two trigger layers of a 2400: arm, trigger, source, delay, measure.

The trigger model is a generator. It yields a time that it waits for, or the name of an event, and
the clock or the event brings it on.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from math import inf

import numpy as np

from instruments.simulated.keithley2400.base import within
from instruments.simulated.keithley2400.ranges import OHMS
from instruments.simulated.keithley2400.readings import (
    COMPLIANCE,
    NEARLY_LIMITED,
    OVERFLOW,
    RANGE_COMPLIANCE,
    ReadingLayer,
    Taken,
    compensated,
)
from instruments.simulated.keithley2400.status import (
    IDLE,
    IN_COMPLIANCE,
    READING_AVAILABLE,
    READING_OVERFLOW,
    SWEEPING,
    WAITING_FOR_ARM,
    WAITING_FOR_TRIGGER,
)
from instruments.simulated.keithley2400.sweeps import MOST_POINTS
from instruments.simulated.scpi.instrument import Answer, NotYet
from instruments.simulated.scpi.message import INFINITY, Parameter, ScpiError, choice

Steps = Generator[float | str, None, None]
_ENDLESS = int(1e9)
_ARM_SOURCES = "IMMediate TLINk TIMer MANual BUS NSTest PSTest BSTest"
_ACTIONS = ("SOURce", "DELay", "SENSe", "NONE")
# Auto ohms changes its range at most this often in a reading.
_MOST_RANGES = len(OHMS)
_LOOK_S = 1e-3


class TriggerLayer(ReadingLayer):
    """What happens when, and the readings of one run."""

    def _add_trigger(self) -> None:
        self._steps: Steps | None = None
        self._run_number = 0
        self._next_s = -inf
        self._awaited = ""
        self._is_latched = False
        self._has_begun_to_read = False
        self.samples: list[Taken] = []
        arm, trigger = ":ARM[:SEQuence[1]][:LAYer[1]]", ":TRIGger[:SEQuence[1]]"
        self.setting(f"{arm}:COUNt", "arm_count", 1, _count, _counted)
        self.setting(f"{trigger}:COUNt", "trigger_count", 1, _count, _counted)
        self.choice(f"{arm}:SOURce", "arm_source", _ARM_SOURCES, "IMM")
        self.choice(f"{trigger}:SOURce", "trigger_source", "IMMediate TLINk", "IMM")
        self.decimal(f"{arm}:TIMer", "arm_timer", 0.1, 0.001, 99999.99, 3)
        self.decimal(f"{trigger}:DELay", "trigger_delay", 0.0, 0.0, 999.9999, 5)
        self.choice(f"{arm}:OUTPut", "arm_output", "TENTer TEXit NONE", "NONE")
        for word, name, default in (("OUTPut", "output", "NONE"), ("INPut", "input", "SOUR")):
            self._add_events(f"{trigger}:{word}", f"trigger_{name}", default)
            self._add_events(
                f"{trigger}:TCONfigure:ASYNchronous:{word}", f"trigger_{name}", default
            )
        for layer, name in ((arm, "arm"), (trigger, "trigger")):
            for root in (layer, f"{layer}:TCONfigure"):
                self.choice(f"{root}:DIRection", f"{name}_direction", "SOURce ACCeptor", "ACC")
                for which, line in (("ILINe", 1), ("OLINe", 2)):
                    for tree in ("", ":ASYNchronous"):
                        self.number(
                            f"{root}{tree}:{which}", f"{name}_{which}", line, 1, 4, integer=True
                        )
        self.action(f"{trigger}:CLEar", self._forget_edges)
        self.action(":INITiate[:IMMediate]", self.initiate)
        self.action(":ABORt", self.abort)
        self.action("*TRG", lambda: self._happen("BUS", is_needed=True))
        self.query(":READ", self._read)
        self.query(":FETCh", self._fetch)
        self.query("[:SENSe[1]]:DATA[:LATest]", self._latest)

    def _add_events(self, pattern: str, name: str, default: str) -> None:
        """Add a list of actions that triggers stand before or behind."""
        self.remember(name, default)

        def put(channel: int, parameters: Sequence[Parameter]) -> None:
            if not parameters:
                raise ScpiError(-109)
            self.put(name, ",".join(choice(each, _ACTIONS) for each in parameters))

        self.on(pattern, put)
        self.query(pattern, lambda: str(self.value(name)))

    # A run, from outside.

    @property
    def is_running(self) -> bool:
        """Whether the instrument has left its idle state."""
        return self._steps is not None

    @property
    def done_s(self) -> float:
        """Until when it is at least busy."""
        return self._next_s if self.is_running else -inf

    def initiate(self) -> None:
        """Leave the idle state.

        Raises
        ------
        ScpiError
            If it is running already, the output is off, or what is set cannot be done.
        """
        if self.is_running:
            raise ScpiError(-213)
        if not self.value("output") and not self.value("clear_auto"):
            raise ScpiError(803)
        if self._is_lid_open:
            raise ScpiError(802)
        levels = self.levels()
        if self.value("arm_count") < _ENDLESS:
            count = self.value("arm_count") * self.value("trigger_count")
            if count > MOST_POINTS:
                raise ScpiError(-221)
        self.samples = []
        self._stack.clear()
        self.begin_store()
        self.set_condition("OPER", IDLE, False)
        self._steps = self._arm_layer(levels)
        self._go_on(self._run_number)

    def abort(self) -> None:
        """Go back to the idle state."""
        self._run_number += 1
        if self._steps is not None:
            self._steps.close()
            self._end()

    def device_clear(self) -> None:
        """Forget what waits, and go back to the idle state."""
        super().device_clear()
        self._has_begun_to_read = False
        self.abort()

    def reset(self) -> None:
        """Go back to idle, output off, and to the settings of ``*RST``."""
        self.abort()
        self.samples = []
        self.switch_off()
        super().reset()
        self._level, self._was_auto_ohms = 0.0, False

    def switch_off(self) -> None:
        """Open the output relay; a run ends with it."""
        super().switch_off()
        if self.is_running and not self.value("clear_auto"):
            self.abort()

    def group_trigger(self) -> None:
        """Take an interface trigger, even while a question waits for its answer."""
        if self.is_running:
            try:
                self._happen("BUS", is_needed=True)
            except ScpiError as error:
                self.push(error)
        else:
            super().group_trigger()

    def external_edge(self, at_s: float) -> None:
        """Take an edge at the input line of the trigger link."""
        self.clock.at(at_s, lambda: self._happen("TLIN", is_needed=False))

    def store(self, taken: Taken) -> None:
        """Keep a reading."""
        self.samples.append(taken)

    def begin_store(self) -> None:
        """Get ready for the readings of a run."""

    # A run, from inside.

    def _happen(self, event: str, is_needed: bool) -> None:
        if self._awaited == event:
            self._awaited = ""
            self._go_on(self._run_number)
        elif is_needed:
            raise ScpiError(-211)
        elif self.is_running and event == "TLIN":
            self._is_latched = True

    def _forget_edges(self) -> None:
        self._is_latched = False

    def _go_on(self, run_number: int) -> None:
        """Do the next step, unless the run that it belongs to is over."""
        if run_number != self._run_number or self._steps is None:
            return
        try:
            wait = next(self._steps)
        except StopIteration:
            self._run_number += 1
            self._end()
        except ScpiError as error:
            self._run_number += 1
            self._end()
            self.push(error)
        else:
            if isinstance(wait, str):
                self._awaited, self._next_s = wait, inf
            else:
                self._next_s = wait
                self.clock.at(wait, lambda: self._go_on(run_number))
        self.notice()

    def _end(self) -> None:
        self._steps, self._awaited, self._next_s = None, "", -inf
        self._terminal.unwatch()
        self.set_condition("OPER", SWEEPING | WAITING_FOR_ARM | WAITING_FOR_TRIGGER, False)
        self.set_condition("OPER", IDLE, True)
        if self.value("output") and self.value("clear_auto"):
            super().switch_off()
        self.poll()

    def _arm_layer(self, levels: np.ndarray) -> Steps:
        mode = self.value(f"{self.source.name} mode")
        self.set_condition("OPER", SWEEPING, mode != "FIX")
        source = self.value("arm_source")
        started_s = self.clock.now()
        for turn in range(self.value("arm_count")):
            bypassed = turn == 0 and self.value("arm_direction") == "SOUR"
            if source == "TIM" and turn:
                due_s = started_s + turn * self.value("arm_timer")
                if due_s > self.clock.now():
                    yield from self._wait(due_s, WAITING_FOR_ARM)
            elif source not in ("IMM", "TIM") and not (source == "TLIN" and bypassed):
                yield from self._wait(source, WAITING_FOR_ARM)
            if self.value("arm_output") == "TENT":
                self._edge()
            yield from self._trigger_layer(levels)
            if self.value("arm_output") == "TEX":
                self._edge()

    def _wait(self, what: float | str, condition: int) -> Steps:
        if what == "TLIN" and self._is_latched:
            self._is_latched = False
            return
        self.set_condition("OPER", condition, True)
        yield what
        self.set_condition("OPER", condition, False)

    def _trigger_layer(self, levels: np.ndarray) -> Steps:
        for point in range(self.value("trigger_count")):
            is_bypassed = point == 0 and self.value("trigger_direction") == "SOUR"
            if not is_bypassed:
                yield from self._detect("SOUR")
            if self.value("trigger_delay"):
                yield self.clock.now() + self.value("trigger_delay")
            taken = yield from self._point(float(levels[point % levels.size]), levels)
            is_limited = bool(taken.status & (COMPLIANCE | RANGE_COMPLIANCE))
            mode = self.value(f"{self.source.name} mode")
            if is_limited and mode != "FIX" and self.value("abort") != "NEV":
                return
        if self.value("clear_auto") and self.value("clear_mode") == "TCO":
            super().switch_off()

    def _detect(self, where: str) -> Steps:
        """Wait for the trigger link, if it is asked for at this place."""
        if self.value("trigger_source") == "TLIN" and where in self.value("trigger_input"):
            yield from self._wait("TLIN", WAITING_FOR_TRIGGER)

    def _point(self, level: float, levels: np.ndarray) -> Generator[float | str, None, Taken]:
        """Source, delay, measure."""
        if not self.value("output"):
            self.switch_on()
        taken = yield from self._source_and_measure(level, levels)
        if self.is_auto_ohms and self.value("ohms_auto"):
            for _ in range(_MOST_RANGES):
                if not self._rerange(taken):
                    break
                level = float(self.levels()[0])
                taken = yield from self._source_and_measure(level, levels)
        if "RES" in self.value("functions") and self.value("ohms_compensated"):
            at_zero = yield from self._source_and_measure(0.0, levels)
            taken = compensated(taken, at_zero)
            self.step_to(level, levels)
        self.set_condition("MEAS", READING_AVAILABLE | READING_OVERFLOW, False)
        self.store(taken)
        self.set_condition("MEAS", READING_AVAILABLE, True)
        self.set_condition("MEAS", READING_OVERFLOW, bool(taken.status & OVERFLOW))
        is_limited = bool(taken.status & (COMPLIANCE | RANGE_COMPLIANCE))
        self.set_condition("MEAS", IN_COMPLIANCE, is_limited)
        if "SENS" in self.value("trigger_output"):
            self._edge()
        if self.value("clear_auto") and self.value("clear_mode") == "ALW":
            super().switch_off()
        return taken

    def _source_and_measure(
        self, level: float, levels: np.ndarray
    ) -> Generator[float | str, None, Taken]:
        if level != self._level:
            self._stack.clear()
        self.step_to(level, levels)
        if "SOUR" in self.value("trigger_output"):
            self._edge()
        yield from self._detect("DEL")
        if self.delay_s:
            yield self.clock.now() + self.delay_s
        if "DEL" in self.value("trigger_output"):
            self._edge()
        yield from self._detect("SENS")
        start_s = self.clock.now()
        self._terminal.watch(start_s)
        yield start_s + self.reading_s
        taken = self.take(start_s)
        self._terminal.unwatch()
        return taken

    def _rerange(self, taken: Taken) -> bool:
        """Choose another range of auto ohms where the reading asks for it."""
        ranges = tuple(OHMS)
        at = ranges.index(self.value("ohms_range"))
        is_limited = bool(taken.status & (COMPLIANCE | RANGE_COMPLIANCE))
        if taken.res > ranges[at] or is_limited:
            at += 1
        elif taken.res < ranges[max(at - 1, 0)] * 0.95:
            at -= 1
        if not 0 <= at < len(ranges) or ranges[at] == self.value("ohms_range"):
            return False
        self.put("ohms_range", ranges[at])
        return True

    def _edge(self) -> None:
        for listener in self.edge_listeners:
            listener(self.clock.now())

    # Asking.

    def _read(self) -> Answer:
        if not self._has_begun_to_read:
            if self.value("arm_count") >= _ENDLESS:
                raise ScpiError(830)
            self.initiate()
            self._has_begun_to_read = True
        if self.is_running:
            raise NotYet(self._next_s)
        self._has_begun_to_read = False
        return self._fetch()

    def _fetch(self) -> Answer:
        if self.is_running:
            raise NotYet(self._next_s)
        if not self.samples:
            raise ScpiError(-230)
        return self.in_elements(self.samples)

    def _latest(self) -> Answer:
        if not self.samples:
            raise ScpiError(-230)
        return self.in_elements(self.samples[-1:])

    def _is_tripped(self, quantity: object) -> bool:
        """Look at the output now."""
        if quantity is self.source or not self.value("output"):
            return False
        if self.is_running:
            last = self.samples[-1].status if self.samples else 0
            return bool(last & (COMPLIANCE | RANGE_COMPLIANCE))
        at_s = self.clock.now()
        self._terminal.watch(at_s)
        self.clock.sleep(_LOOK_S)
        look = self._terminal.current if self.source.name == "VOLT" else self._terminal.voltage
        seen = look(np.array([self.clock.now()]))
        self._terminal.unwatch()
        return bool(abs(seen[0]) >= self.effective_limit * NEARLY_LIMITED)


def _count(parameter: Parameter) -> int:
    if str(parameter).upper() in ("INF", "INFINITE", "INFINITY"):
        return _ENDLESS
    return round(within(parameter, 1, MOST_POINTS, 1))


def _counted(value: int) -> str:
    return format(INFINITY, "+.6E") if value >= _ENDLESS else str(value)
