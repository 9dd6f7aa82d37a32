"""The one circuit that all simulated instruments are wired to.

Instruments hold terminals. A terminal sits on a node, loads it as its cable and probe do, and may
force a level against time behind its resistance. Nothing is integrated until somebody looks, or
changes how things are connected; then everything goes on to the present with what the sources
have done since. What they will do (a burst, a sweep) is in their timelines already.

The past is kept only from where a terminal asked for it (`Terminal.watch`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instruments.simulated.clock import VirtualClock
from instruments.simulated.devices import Device, Drive, Wire
from instruments.simulated.devices.base import LEAKAGE_OHM
from instruments.simulated.timeline import Timeline, combine, lagged

FloatArray = NDArray[np.float64]
# From one time to another: corners (k,), levels (k,), and until when they are all there is.
Source = Callable[[float, float], tuple[FloatArray, FloatArray, float]]

# A source is never stiffer than this.
_LEAST_OHM = 1e-3
# A node that follows its source within this part of the shortest line is taken to follow at once.
_AT_ONCE = 0.02


@dataclass(frozen=True)
class Cable:
    """How a terminal is connected.

    Attributes
    ----------
    node : str
        Empty where it is not connected: then it sees only itself.
    load_ohm, load_f : float
        Of the instrument's input, its probe and its cable, to ground.
    ground_v : float
        The instrument's ground above that of the device.
    skew_s : float
        How much later a source's waveform arrives than its trigger.
    """

    node: str = ""
    load_ohm: float = inf
    load_f: float = 0.0
    ground_v: float = 0.0
    skew_s: float = 0.0


class Terminal:
    """Where an instrument touches the circuit; made by `Circuit.terminal`."""

    def __init__(self, circuit: Circuit, cable: Cable) -> None:
        self.cable = cable
        self.load_ohm, self.load_f = cable.load_ohm, cable.load_f
        self.kind = "open"
        self.resistance_ohm, self.limit = _LEAST_OHM, inf
        self.line = Timeline()
        self.watched_from_s = inf
        self._circuit = circuit
        self._source: Source | None = None
        self._known_s = 0.0

    # As a source.

    def connect(self, kind: str, resistance_ohm: float = 0.0, limit: float = inf) -> None:
        """Switch a source on, or change how it drives; its level stays what `drive` made it.

        Parameters
        ----------
        kind : {"voltage", "current"}
        resistance_ohm : float
            Of a voltage source.
        limit : float
            Compliance, in A for a voltage and in V for a current.

        Raises
        ------
        DeviceError
            If the circuit cannot be solved like this; nothing changed then.
        """
        self._change(kind, max(resistance_ohm, _LEAST_OHM), limit)

    def disconnect(self) -> None:
        """Open the source's relay."""
        self._change("open", _LEAST_OHM, inf)

    def drive(self, corner_s: ArrayLike, level: ArrayLike) -> None:
        """Force a level, from now on, with corners at absolute times (k,), linear between."""
        now_s = self._circuit.clock.now()
        self._leave_source()
        corner_s = np.asarray(corner_s, dtype=np.float64) + self.cable.skew_s
        self.line.change(now_s, corner_s, level)

    def play(self, source: Source) -> None:
        """Force, from now on, what a source says when somebody looks.

        For what has no end: ``source(from_s, to_s)`` returns its corners, the first of them at
        `from_s`, up to `to_s` or beyond, or up to as far as it likes to go at once.
        """
        self._leave_source()
        now_s = self._circuit.clock.now()
        corner_s, level, known_s = self._corners(source, now_s, now_s)
        self.line.change(now_s, corner_s, level)
        self._source = source
        self._known_s = known_s

    @property
    def is_playing(self) -> bool:
        """Whether a source is asked for the level."""
        return self._source is not None

    def reach(self, to_s: float, is_past_needed: bool) -> float:
        """Ask the source on, and return until when the level is known."""
        if self._source is None:
            return inf
        if self._known_s < to_s:
            from_s = self._known_s if is_past_needed else to_s
            corner_s, level, self._known_s = self._corners(self._source, from_s, to_s)
            self.line.change(from_s, corner_s, level)
        return self._known_s

    def _corners(
        self, source: Source, from_s: float, to_s: float
    ) -> tuple[FloatArray, FloatArray, float]:
        skew_s = self.cable.skew_s
        corner_s, level, known_s = source(from_s - skew_s, to_s - skew_s)
        return corner_s + skew_s, level, known_s + skew_s

    def _leave_source(self) -> None:
        if self._source is not None:
            self._circuit.advance()
            self._source = None

    # As a probe.

    def load(self, resistance_ohm: float, capacitance_f: float) -> None:
        """Change what the instrument's input puts on the node."""
        if (resistance_ohm, capacitance_f) != (self.load_ohm, self.load_f):
            self._circuit.advance()
            self.load_ohm, self.load_f = resistance_ohm, capacitance_f

    def watch(self, from_s: float) -> None:
        """Keep the past from a time on, which is not before the present."""
        self.watched_from_s = from_s

    def unwatch(self) -> None:
        """Keep the past no longer."""
        self.watched_from_s = inf

    def voltage(self, time_s: FloatArray) -> FloatArray:
        """Return the voltage against the instrument's ground at ascending watched times (n,)."""
        return self._circuit.voltage(self.cable.node, time_s, self) - self.cable.ground_v

    def current(self, time_s: FloatArray) -> FloatArray:
        """Return the current out of the terminal at ascending watched times (n,)."""
        return self._circuit.current(self, time_s)

    def _change(self, kind: str, resistance_ohm: float, limit: float) -> None:
        if (kind, resistance_ohm, limit) == (self.kind, self.resistance_ohm, self.limit):
            return
        self._circuit.advance()
        before = self.kind, self.resistance_ohm, self.limit
        self.kind, self.resistance_ohm, self.limit = kind, resistance_ohm, limit
        try:
            self._circuit.check()
        except Exception:
            self.kind, self.resistance_ohm, self.limit = before
            raise


class Circuit:
    """Devices with named nodes, and the terminals that touch them.

    Parameters
    ----------
    clock : VirtualClock
    devices : mapping of str to Device
        With one device, its nodes go by their own names; with several by ``name.node``.
    """

    def __init__(self, clock: VirtualClock, devices: Mapping[str, Device] | None = None) -> None:
        self.clock = clock
        self._terminals: list[Terminal] = []
        self._slots: dict[str, Device | None] = dict(devices or {})
        self._fixtures: dict[str, Device] = {}
        self._wires: dict[str, Wire] = {}
        self._drives: dict[str, tuple[Terminal, ...]] = {}
        self._places: dict[str, tuple[Device, str]] = {}
        self._names: dict[Device, dict[str, str]] = {}
        self._place()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes of the devices, by the names that a bench file gives them."""
        single = len(self._slots) == 1
        own = (
            node if single else f"{slot}.{node}"
            for slot, device in self._slots.items()
            if device is not None
            for node in device.nodes
        )
        return (*own, *self._fixtures)

    def terminal(self, cable: Cable) -> Terminal:
        """Connect an instrument's terminal."""
        made = Terminal(self, cable)
        self._terminals.append(made)
        self._place()
        return made

    def add(self, name: str, fixture: Device) -> None:
        """Put something with one node beside the devices; the node goes by a name of its own."""
        self._fixtures[name] = fixture
        self._place()

    def mount(self, slot: str, device: Device | None) -> None:
        """Put a device under the probes, or none: its nodes are open then.

        Raises
        ------
        DeviceError
            If what is connected does not go with it; the old one stays then.
        """
        self.advance()
        before = self._slots[slot]
        self._slots[slot] = device
        self._place()
        try:
            self.check()
        except Exception:
            self._slots[slot] = before
            self._place()
            raise

    def advance(self, to_s: float | None = None) -> None:
        """Integrate everything up to a time, the present by default."""
        to_s = self.clock.now() if to_s is None else to_s
        watched_s = min((t.watched_from_s for t in self._terminals), default=inf)
        playing = [t for t in self._terminals if t.is_playing]
        if playing and watched_s < to_s:
            # What nobody will ask for need not be played to a wire.
            self._play(playing, watched_s, watched_s)
        self._play(playing, to_s, watched_s)

    def _play(self, playing: list[Terminal], to_s: float, watched_s: float) -> None:
        until_s = -inf
        while until_s < to_s:
            until_s = to_s
            for terminal in playing:
                device, _ = self._places[_key(terminal.cable.node, terminal)]
                is_past_needed = watched_s < to_s or not isinstance(device, Wire)
                until_s = min(until_s, terminal.reach(to_s, is_past_needed))
            self._integrate(until_s, watched_s)

    def _integrate(self, to_s: float, watched_s: float) -> None:
        for device, names in self._names.items():
            if device.time_s < to_s and (device.has_memory or watched_s < to_s):
                drives = {node: self._drive(name) for node, name in names.items()}
                device.advance(to_s, drives, is_watched=watched_s < to_s)
            device.forget(watched_s)
        for terminal in self._terminals:
            terminal.line.forget(min(watched_s, to_s))

    def check(self) -> None:
        """Refuse connections that a device cannot be solved with.

        Raises
        ------
        DeviceError
            By the device.
        """
        for device, names in self._names.items():
            device.check({node: self._drive(name) for node, name in names.items()})

    def voltage(self, node: str, time_s: FloatArray, terminal: Terminal) -> FloatArray:
        """Return the voltage of a node at ascending watched times (n,)."""
        self._reach(time_s)
        device, own = self._places[_key(node, terminal)]
        return device.voltage(own, time_s)

    def current(self, terminal: Terminal, time_s: FloatArray) -> FloatArray:
        """Return what one terminal puts into its node at ascending watched times (n,).

        By Kirchhoff from the node's side: what device, probes and other sources take. The
        charging of probe and cable capacitances is left out.
        """
        self._reach(time_s)
        name = _key(terminal.cable.node, terminal)
        device, own = self._places[name]
        taken_a = device.current(own, time_s)
        others = [t for t in self._drives[name] if t is not terminal and t.kind == "voltage"]
        conductance = sum(1.0 / t.load_ohm for t in self._drives[name])
        if conductance or others:
            node_v = device.voltage(own, time_s)
            taken_a = taken_a + node_v * conductance
            for other in others:
                level_v = np.interp(time_s, other.line.corner_s, other.line.level)
                taken_a += (node_v - level_v - other.cable.ground_v) / other.resistance_ohm
        return taken_a

    def _reach(self, time_s: FloatArray) -> None:
        if time_s.size and not time_s[-1] <= self.clock.now() + 1e-12:
            raise ValueError(f"nobody can look at {time_s[-1]} s: it is {self.clock.now()} s")
        self.advance()

    def _place(self) -> None:
        """Find for each node who is connected, and the device, or else a wire, that has it."""
        drives: dict[str, list[Terminal]] = {node: [] for node in self.nodes}
        for terminal in self._terminals:
            drives.setdefault(_key(terminal.cable.node, terminal), []).append(terminal)
        self._drives = {name: tuple(found) for name, found in drives.items()}
        single = len(self._slots) == 1
        self._places, self._names = {}, {}
        for slot, device in self._slots.items():
            if device is not None:
                names = {node: node if single else f"{slot}.{node}" for node in device.nodes}
                self._names[device] = names
                self._places |= {name: (device, node) for node, name in names.items()}
        for name, device in self._fixtures.items():
            (node,) = device.nodes
            self._names[device] = {node: name}
            self._places[name] = (device, node)
        for name in drives:
            if name not in self._places:
                wire = self._wires.setdefault(name, Wire(self.clock.now(), name))
                self._places[name] = (wire, name)
                self._names[wire] = {name: name}

    def _drive(self, name: str) -> Drive:
        """Return all that is connected to a node as one source."""
        terminals = self._drives[name]
        load_s = sum(1.0 / t.load_ohm for t in terminals)
        load_f = sum(t.load_f for t in terminals)
        load_ohm = 1.0 / load_s if load_s else inf
        forcing = [t for t in terminals if t.kind != "open"]
        if not forcing:
            leak_ohm = min(load_ohm, LEAKAGE_OHM)
            return Drive(np.zeros(1), np.zeros(1), "open", leak_ohm, load_ohm, load_f)
        lines = [t.line for t in forcing]
        stiff = [t for t in forcing if t.kind == "voltage"]
        if not stiff:
            corner_s, level = combine(lines, [1.0] * len(forcing), 0.0)
            limit = min(t.limit for t in forcing)
            return Drive(corner_s, level, "current", LEAKAGE_OHM, load_ohm, load_f, limit)
        resistance_ohm = 1.0 / (load_s + sum(1.0 / t.resistance_ohm for t in stiff))
        # Each voltage source counts by its conductance, each current by the whole resistance.
        weights = [
            resistance_ohm / (t.resistance_ohm if t.kind == "voltage" else 1.0) for t in forcing
        ]
        ground_v = sum(t.cable.ground_v * resistance_ohm / t.resistance_ohm for t in stiff)
        corner_s, level = combine(lines, weights, ground_v)
        lengths_s = np.diff(corner_s)
        shortest_s = lengths_s[lengths_s > 0.0].min(initial=inf)
        if resistance_ohm * load_f > _AT_ONCE * shortest_s:
            corner_s, level = lagged(corner_s, level, resistance_ohm * load_f)
        limit = min(t.limit for t in stiff)
        return Drive(corner_s, level, "voltage", resistance_ohm, load_ohm, load_f, limit)


def _key(node: str, terminal: Terminal) -> str:
    return node or f"unconnected {id(terminal)}"
