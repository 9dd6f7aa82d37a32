"""The oscilloscope itself: it starts, watches and ends acquisitions, and says how they stand.

Nothing is sampled before somebody asks for it: triggers are looked for in the past when a message
comes, and while something waits for them. The scope is stopped when it is switched on and after
``*RST``; a record is complete when its last sample has been taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.infiniivision import channels, screen, signal, sweep, system, waveform
from instruments.simulated.infiniivision.acquisition import Acquisition, Record, Setup
from instruments.simulated.infiniivision.limits import limits_of
from instruments.simulated.infiniivision.measure import Measure
from instruments.simulated.infiniivision.signal import FloatArray
from instruments.simulated.infiniivision.trigger import AUTO_WAIT_S, Condition, Trigger
from instruments.simulated.instrument import FaultUnknownError
from instruments.simulated.scpi.errors import ERROR_TEXTS
from instruments.simulated.scpi.instrument import NotYet, ScpiInstrument
from instruments.simulated.scpi.message import Parameter, ScpiError

CHANNELS = 4
_TRIGGERED, _OPERATION = 1, 128
_RUNNING, _WAITING, _OVERLOADED = 8, 32, 2048
# How often a waiting client has the scope look for a trigger in a voltage.
_LOOK_SHORTEST_S, _LOOK_LONGEST_S = 1e-3, 0.1
# Of a running scope only the last records can be seen: no older triggers are looked for.
_LAST_SPANS, _LAST_S = 2.0, 0.2
# After this long nobody will read a record at every sample.
_SETTLE_S = 60.0
# New values of these start a running acquisition anew.
_OF_ACQUISITION = (
    "range", "offset", "probe", "skew", "coupling", "impedance", "limit", "invert", "display",
    "span", "position", "reference", "sweep", "trigger_mode", "trigger_source", "slope", "level",
    "trigger_coupling", "reject", "high_reject", "noise_reject", "holdoff", "acquire", "count",
    "mode", "segments",
)  # fmt: skip


class Oscilloscope(ScpiInstrument):
    """Four channels on nodes of the circuit; channels without a wire see 0 V and their noise.

    Attributes
    ----------
    limits : Limits
    acquisition : Acquisition or None
        What is under way.
    record : Record or None
        The last one that is complete.
    state : {"STOP", "SING", "RUN"}
    """

    last_terminal = CHANNELS
    number_format = "+.5E"
    queue_length = 30
    errors = ERROR_TEXTS | {-314: "Save/recall memory lost"}

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self.limits = limits_of(identity)
        self.acquisition: Acquisition | None = None
        self.record: Record | None = None
        self.state = "STOP"
        # While :AUToscale looks at the signals: the channels that were displayed before.
        self.autoscaling: tuple[int, ...] = ()
        self._terminals, self._noise = terminals, noise
        self._is_digitizing = False
        self._is_over_range = False
        self._has_armed = self._has_triggered = False
        self._arm_noted_s = inf
        self.operation_event = self.operation_enable = self.mask_enable = 0
        channels.add_commands(self)
        sweep.add_commands(self)
        waveform.add_commands(self)
        screen.add_commands(self)
        system.add_commands(self)
        self.measure = Measure(self)
        self._add_acquisition_commands()

    def _add_acquisition_commands(self) -> None:
        self.on(":RUN", lambda c, p: self.begin("RUN", self.displayed()))
        self.on(":SINGle", lambda c, p: self.begin("SING", self.displayed()))
        self.on(":STOP", lambda c, p: self._halt())
        self.on(":DIGitize", lambda c, p: self._digitize(p))
        self.on("*TRG", lambda c, p: self._digitize(()))
        self.on(":TRIGger:FORCe", lambda c, p: self._force())
        self.on(":RSTate?", lambda c, p: self.state)
        self.on(":AER?", lambda c, p: self._read_armed())
        self.on(":TER?", lambda c, p: self._read_triggered())
        self.on(":OPERegister:CONDition?", lambda c, p: f"{self._condition():+d}")
        self.on(":OPERegister[:EVENt]?", lambda c, p: self._read_operation())

    # What the core asks.

    def poll(self) -> None:
        """Go on with what waits, as far as it goes."""
        self.look()
        super().poll()

    def serial_poll(self) -> int:
        """Return the status byte with "I requested service" in bit 6, and take it back."""
        self.look()
        return super().serial_poll()

    def reset(self) -> None:
        """Go back to the settings of ``*RST``: stopped, no record."""
        super().reset()
        self._abandon()
        self._forget_record()
        self._terminate()

    def device_clear(self) -> None:
        """Forget what is being worked on; a ``:DIGitize`` that waits is ended."""
        if self._is_digitizing or self.autoscaling:
            self._abandon()
        super().device_clear()

    def external_edge(self, at_s: float) -> None:
        """Take an edge at the EXT TRIG input.

        An edge before the pre-trigger memory is full is not a trigger.
        """
        if self.acquisition is not None:
            self.acquisition.trigger.external(at_s)
            self.poll()
            if self.acquisition is not None and self.acquisition.done_s < inf:
                self.clock.at(self.acquisition.done_s, self.poll)

    def fail(self, kind: str, value: float | None) -> None:
        """Have a fault: the next record beyond the range, or a full error queue."""
        if kind == "over_range":
            self._is_over_range = True
        elif kind == "queue_overflow":
            for _ in range(self.queue_length + 1):
                self.push(ScpiError(-310))
        else:
            raise FaultUnknownError(kind)

    @property
    def other_summaries(self) -> int:
        """The trigger event and the operation status."""
        is_operation = self.operation_event & self.operation_enable
        return _TRIGGERED * self._has_triggered | _OPERATION * bool(is_operation)

    @property
    def done_s(self) -> float:
        """When the acquisition will be done, or somebody should look again."""
        self.look()
        if self.acquisition is None or self.state == "RUN":
            return -inf
        return self._next_s(self.acquisition)

    def _next_s(self, acquisition: Acquisition) -> float:
        """Return when an acquisition will be done, or somebody should look again."""
        now_s = self.clock.now()
        if acquisition.done_s < inf:
            return acquisition.done_s
        known_s = inf
        if acquisition.setup.is_auto:
            known_s = acquisition.armed_s + AUTO_WAIT_S
        if self._trigger_channel():
            waited_s = now_s - acquisition.start_s
            step_s = np.clip(waited_s / 4, _LOOK_SHORTEST_S, _LOOK_LONGEST_S)
            known_s = min(known_s, now_s + float(step_s))
        return known_s if known_s > now_s else now_s + _LOOK_SHORTEST_S

    def changed(self, name: str, channel: int) -> None:
        """Act on a new value; a running acquisition starts anew with it."""
        if name == "impedance":
            self._terminate()
        if name in _OF_ACQUISITION and self.state == "RUN":
            self.begin("RUN", self.displayed())

    # The acquisition.

    def displayed(self) -> tuple[int, ...]:
        """Return the channels that are on."""
        return tuple(c for c in range(1, CHANNELS + 1) if self.settings["display", c])

    def setup(self, recorded: Sequence[int]) -> Setup:
        """Return what an acquisition would be with the present settings."""
        get = self.settings
        span_s, kind = get["span", 0], get["acquire", 0]
        # The reference mark of the screen stands one of ten divisions from its edge, or amid.
        mark = {"LEFT": 0.1, "CENT": 0.5, "RIGH": 0.9}[get["reference", 0]]
        is_segmented = get["mode", 0] == "SEGM"
        shots = get["segments", 0] if is_segmented else get["count", 0] if kind == "AVER" else 1
        # Two channels of a pair share converters and memory; a running scope fills one half.
        share = 2 if any({a, a + 1} <= set(recorded) for a in (1, 3)) else 1
        memory = self.limits.memory // share // (2 if self.state == "RUN" else 1)
        rate_hz = self.limits.rate_hz / share
        raw = max(100, round(span_s * rate_hz))
        most = {"HRES": max(min(raw, 1000), raw >> 8), "AVER": 62_500}.get(kind, raw)
        depth = max(100, min(raw, most, memory // (shots if is_segmented else 1)))
        return Setup(
            span_s=span_s,
            pre_s=span_s * mark - get["position", 0],
            depth=depth,
            oversampling=raw / depth,
            kind=kind,
            shots=shots,
            is_segmented=is_segmented,
            is_auto=get["sweep", 0] == "AUTO",
            holdoff_s=get["holdoff", 0],
            vertical={c: channels.vertical(self, c) for c in recorded},
        )

    def look(self) -> None:
        """Find out what has happened up to now."""
        now_s = self.clock.now()
        while (acquisition := self.acquisition) is not None:
            acquisition.look(now_s)
            if acquisition.first_armed_s <= now_s and self._arm_noted_s != acquisition.start_s:
                self._arm_noted_s = acquisition.start_s
                self._has_armed = True
                self.operation_event |= _WAITING
            if acquisition.triggers_s and acquisition.triggers_s[0] <= now_s:
                self._has_triggered = True
            if acquisition.done_s > now_s:
                return
            self._finish(acquisition)

    def _finish(self, acquisition: Acquisition) -> None:
        done_s, now_s = acquisition.done_s, self.clock.now()
        self._keep(acquisition)
        if self.state != "RUN":
            self.acquisition, self.state = None, "STOP"
            return
        setup = acquisition.setup
        recent_s = now_s - _LAST_SPANS * setup.span_s - _LAST_S
        self.acquisition = Acquisition(setup, acquisition.trigger, max(done_s, recent_s))

    def _keep(self, acquisition: Acquisition) -> None:
        """Make a record of the triggers that there were."""
        seed = int(self._noise.integers(1 << 62))
        record = Record(acquisition.setup, acquisition.triggers_s, self._terminals, seed)
        self.record = record
        for channel in self._watching(acquisition.setup):
            self._terminals[channel].watch(record.start_s)
        self.clock.at(self.clock.now() + _SETTLE_S, lambda: self._settle(record))

    def _settle(self, record: Record) -> None:
        if record is self.record and self.acquisition is None:
            record.settle(self.clock.now())
            for terminal in self._terminals.values():
                terminal.unwatch()

    def _watching(self, setup: Setup) -> set[int]:
        return {*setup.vertical, *self._trigger_channel()}

    def _trigger_channel(self) -> tuple[int, ...]:
        source = self.settings["trigger_source", 0]
        return (int(source[-1]),) if source.startswith("CHAN") else ()

    def begin(self, state: str, recorded: Sequence[int]) -> None:
        """Start an acquisition of some channels, single ("SING") or repeated ("RUN").

        Raises
        ------
        ScpiError
            -221 for what cannot be recorded: no channel, or another trigger than of edge or pulse.
        """
        if self.settings["timebase_mode", 0] in ("XY", "ROLL"):
            raise ScpiError(-221)
        if self.settings["trigger_mode", 0] not in ("EDGE", "GLIT"):
            raise ScpiError(-221)
        if not recorded:
            raise ScpiError(-221)
        autoscaling = self.autoscaling
        self._abandon()
        self._forget_record()
        self.state, self.autoscaling = state, autoscaling
        setup, now_s = self.setup(recorded), self.clock.now()
        for channel in self._watching(setup):
            self._terminals[channel].watch(now_s)
        self.acquisition = Acquisition(setup, self._trigger(setup, sweep.condition(self)), now_s)
        self._has_armed = False
        self.operation_event |= _RUNNING
        if self._trigger_channel() or setup.is_auto:
            self._look_later()

    def _trigger(self, setup: Setup, condition: Condition) -> Trigger:
        step_s = setup.span_s / setup.depth
        look: Callable[[FloatArray], FloatArray] | None = None
        for channel in self._trigger_channel():
            vertical = channels.vertical(self, channel)
            look = partial(signal.latest, self._terminals[channel], vertical)
        return Trigger(condition, self.clock.now(), step_s, look)

    def _look_later(self) -> None:
        """While service can be requested by a trigger, look for it though nobody asks."""
        if self.acquisition is None or self.state == "RUN":
            return
        if self._service_enable:
            self.clock.at(self.done_s, self._look_and_notice)

    def _look_and_notice(self) -> None:
        self.poll()
        self._look_later()

    def _digitize(self, parameters: Sequence[Parameter]) -> None:
        """Start on the first attempt; on later ones wait until the record is complete."""
        if not self._is_digitizing:
            wanted = channels.numbered(parameters)
            if wanted:
                for channel in range(1, CHANNELS + 1):
                    self.settings["display", channel] = channel in wanted
            self.begin("SING", wanted or self.displayed())
            self._is_digitizing = True
        until_s = self.done_s
        if until_s > self.clock.now():
            raise NotYet(until_s)
        self._is_digitizing = False

    def _force(self) -> None:
        if self.acquisition is None:
            raise ScpiError(-211)
        now_s = self.clock.now()
        self.acquisition.trigger.force(max(now_s, self.acquisition.armed_s))

    def _halt(self) -> None:
        """Stop; of segments and averages those that there are make the record."""
        self.look()
        acquisition, now_s = self.acquisition, self.clock.now()
        if acquisition is not None and (self.record is None or self.state == "SING"):
            post_s = acquisition.setup.post_s
            taken_s = [t for t in acquisition.triggers_s if t + post_s <= now_s]
            if taken_s and acquisition.setup.is_segmented:
                acquisition.triggers_s = taken_s
                self._keep(acquisition)
        self._abandon()

    def _abandon(self) -> None:
        self.acquisition, self.state = None, "STOP"
        self._is_digitizing, self.autoscaling = False, ()

    def _forget_record(self) -> None:
        self.record = None
        for terminal in self._terminals.values():
            terminal.unwatch()

    def _terminate(self) -> None:
        for channel, terminal in self._terminals.items():
            signal.load(terminal, self.settings["impedance", channel] == "FIFT")

    def complete_record(self) -> Record:
        """Return the record that can be read.

        Raises
        ------
        NotYet
            If a running scope will have its first one by itself.
        ScpiError
            -230 if there is none.
        """
        self.look()
        acquisition = self.acquisition
        if self.record is None:
            if acquisition is not None and self.state == "RUN" and acquisition.setup.is_auto:
                raise NotYet(self._next_s(acquisition))
            raise ScpiError(-230)
        if self._is_over_range and not self.record.is_drawn:
            self.record.is_over_range, self._is_over_range = True, False
        return self.record

    # Status.

    def _condition(self) -> int:
        self.look()
        acquisition, now_s = self.acquisition, self.clock.now()
        is_waiting = (
            acquisition is not None
            and acquisition.armed_s <= now_s
            and not any(t >= now_s for t in acquisition.triggers_s)
            and acquisition.done_s == inf
        )
        return _RUNNING * (acquisition is not None) | _WAITING * is_waiting

    def _read_armed(self) -> str:
        self.look()
        answer, self._has_armed = self._has_armed, False
        return f"{answer:+d}"

    def _read_triggered(self) -> str:
        self.look()
        answer, self._has_triggered = self._has_triggered, False
        return f"{answer:+d}"

    def _read_operation(self) -> str:
        event, self.operation_event = self.operation_event, 0
        return f"{event:+d}"

    def _clear_status(self) -> None:
        super()._clear_status()
        self.operation_event = 0
        self._has_armed = self._has_triggered = False
