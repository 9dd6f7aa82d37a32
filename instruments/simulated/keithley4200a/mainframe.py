"""The 4200A as KXCI shows it: user mode, defined tests, and the pulse card behind ``:PMU:``."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

import numpy as np

from instruments.simulated.circuit import Terminal
from instruments.simulated.clock import VirtualClock
from instruments.simulated.instrument import FaultUnknownError
from instruments.simulated.keithley4200a.kxci import KxciError, KxciInstrument, real, whole, word
from instruments.simulated.keithley4200a.pulse import PulseCard
from instruments.simulated.keithley4200a.smu import (
    CURRENT_RANGES_A,
    OVERFLOW,
    VOLTAGE_RANGES_V,
    Smu,
    check,
    current_range,
    voltage_range,
)
from instruments.simulated.keithley4200a.sweep import Plan, Setup, collect, lay

SMUS = (1, 2, 3, 4)
# Terminals of the pulse card, by channel.
PULSE_TERMINALS = {1: 5, 2: 6}
# Integration in power line cycles, by the code of IT.
_PLC = {1: 0.1, 2: 1.0, 3: 10.0}
_QUICK_S = 1e-3


class ParameterAnalyzer(KxciInstrument):
    """Four SMUs with preamplifiers at the terminals 1 to 4, a pulse card at 5 and 6."""

    last_terminal = 6
    options = "SMUPA1,SMUPA2,SMUPA3,SMUPA4,PMU1,PMU1RPM1-1,PMU1RPM1-2"

    def __init__(
        self,
        identity: str,
        clock: VirtualClock,
        terminals: Mapping[int, Terminal],
        noise: np.random.Generator,
    ) -> None:
        super().__init__(identity, clock)
        self.smus = {n: Smu(clock, terminals[n], noise) for n in SMUS}
        channels = {channel: terminals[n] for channel, n in PULSE_TERMINALS.items()}
        self.pulse_card = PulseCard(self, channels, noise)
        self.is_interlocked = False
        self._is_over_range = False
        self._data: dict[str, list[tuple[str, float]]] = {}
        self._running: tuple[Plan, float, bool] | None = None
        self._restore()
        self._add_pages()
        self._add_user_mode()

    def reset(self) -> None:
        """Go back to the state of ``*RST``."""
        self.abort()
        for smu in self.smus.values():
            smu.reset()
        self.pulse_card.reset(is_sequenced=False)
        self._restore()
        self.clear_data()

    def _restore(self) -> None:
        self.setup = Setup()
        self.plc = _PLC[2]
        self._digits = 5

    def clear_data(self) -> None:
        """Empty the data buffer."""
        super().clear_data()
        self._data = {}

    def fail(self, kind: str, value: float | None) -> None:
        """Have a fault of the instrument's own."""
        if kind == "over_range":
            self._is_over_range = True
        elif kind == "interlock":
            self.is_interlocked = bool(value is None or value)
            self._drop_high_voltages()
        elif kind == "trip":
            for smu in self.smus.values():
                smu.off()
            self.pulse_card.trip()
        elif kind == "compliance":
            self._change_limits(value or 0.0)
        elif kind == "queue_overflow":
            self.complain(KxciError(-350, "Message buffer overflow"))
        else:
            raise FaultUnknownError(kind)

    def _drop_high_voltages(self) -> None:
        for smu in self.smus.values():
            if self.is_interlocked and smu.kind == "voltage" and abs(smu.level) > 40.0:
                smu.off()

    def _change_limits(self, limit: float) -> None:
        for smu in self.smus.values():
            if smu.kind == "voltage":
                smu.connect("voltage", limit)

    # Commands of all pages.

    def _add_pages(self) -> None:
        self.on_tree("*OPT?", lambda p: self.options)
        self.on("IT", self._set_integration)
        self.on("RS", self._set_resolution)
        self.on("EC", lambda p: self._ignore(whole(p, 0, 0, 1)))
        self.on("DO", self._answer_data)
        self.on("RD", self._answer_one)
        self.on("CH", lambda p: self.setup.define(p, len(SMUS)), "DE")
        for letter, kind in (("V", "voltage"), ("I", "current")):
            self.on(f"{letter}R", lambda p, k=kind: self.setup.sweep(k, p), "SS")  # type: ignore[misc]
            self.on(f"{letter}P", lambda p, k=kind: self.setup.step(k, p), "SS")  # type: ignore[misc]
            self.on(f"{letter}L", lambda p, k=kind: self.setup.set_list(k, p), "SS")  # type: ignore[misc]
            self.on(f"{letter}C", lambda p, k=kind: self.setup.hold(k, p), "SS")  # type: ignore[misc]
        ranges = {
            "RT": ("ratio", -10.0, 10.0, "SS"), "FS": ("offset", -210.0, 210.0, "SS"),
            "HT": ("hold_s", 0.0, 655.3, "SS"), "DT": ("delay_s", 0.0, 6.553, "SS"),
            "WT": ("wait_s", 0.0, 100.0, "SM"), "IN": ("interval_s", 0.01, 10.0, "SM"),
        }  # fmt: skip
        for letters, (name, low, high, page) in ranges.items():
            self.on(
                letters,
                lambda p, n=name, lo=low, hi=high: setattr(self.setup, n, real(p, 0, lo, hi)),  # type: ignore[misc]
                page,
            )
        self.on("NR", lambda p: setattr(self.setup, "readings", whole(p, 0, 1, 4096)), "SM")
        self.on("LI", lambda p: setattr(self.setup, "listing", list(p)), "SM")
        self.on("ST", lambda p: self._ignore(whole(p, 0, 1, 4) + whole(p, 1, 0, 1)), "SS")
        for letters in ("DM", "XN", "XT", "YA", "YB"):
            self.on(letters, lambda p: self._ignore(len(p)), "SM")
        self.on("ME", self._measure_test, "MD", even_busy=True)
        self.on("EX", self._refuse_library, "UL")

    def _ignore(self, checked: float) -> None:
        """Take a setting of the screen: there is none."""

    def _refuse_library(self, parameters: list[str]) -> None:
        raise KxciError(-221, "There are no user libraries on this instrument")

    def _set_integration(self, parameters: list[str]) -> None:
        code = whole(parameters, 0, 1, 4)
        # The last of the four numbers of a custom integration is the converter's time.
        self.plc = _PLC[code] if code in _PLC else real(parameters, 3, 0.01, 10.0)

    def _set_resolution(self, parameters: list[str]) -> None:
        self._digits = whole(parameters, 0, 3, 7)

    # Tests.

    def _measure_test(self, parameters: list[str]) -> None:
        code = whole(parameters, 0, 1, 4)
        if code == 4:
            self.abort()
            return
        if code == 2:
            raise KxciError(-221, "Repeated tests have no end: use ME1 or ME3")
        if self.is_busy:
            raise KxciError(-221, "A test is running: stop it with ME4")
        plan = self.setup.plan(self.plc, self.is_interlocked)
        if code == 1:
            self._data = {}
        start_s = self.clock.now() + _QUICK_S
        lay(plan, self.setup.sources, self.smus, start_s)
        self._running = plan, start_s, code == 3
        self.is_data_ready = False
        self.begin(start_s + plan.end_s)

    def begin(self, done_s: float) -> None:
        """Be busy until a time."""
        self.done_s = done_s
        self.clock.at(done_s, self._finish)

    def _finish(self) -> None:
        if self.clock.now() < self.done_s or self.done_s == -inf:
            return  # another test was begun since, or none runs any more
        self.done_s = -inf
        self._end_test()
        self.pulse_card.finish()
        self.poll()

    def _end_test(self) -> None:
        if self._running is None:
            return
        plan, start_s, is_appended = self._running
        self._running = None
        found = collect(plan, self.setup.sources, self.smus, start_s, self.plc)
        for name, rows in found.items():
            self._data[name] = (self._data.get(name, []) if is_appended else []) + rows
        for number in self.setup.sources:
            self.smus[number].terminal.unwatch()
            self.smus[number].off()
        self.is_data_ready = True

    def abort(self) -> None:
        """Stop the running test; what was read stays."""
        if self.is_busy:
            self.done_s = -inf
            self._end_test()
            self.pulse_card.abort()

    def _answer_data(self, parameters: list[str]) -> str:
        rows = self._rows(word(parameters, 0))
        return ",".join(f"{letter}{self._format(value)}" for letter, value in rows)

    def _answer_one(self, parameters: list[str]) -> str:
        rows = self._rows(word(parameters, 0))
        place = whole(parameters, 1, 1, 10**6) - 1
        return self._format(rows[place][1]).strip() if place < len(rows) else "0"

    def _rows(self, name: str) -> list[tuple[str, float]]:
        if name not in self._data:
            known = ", ".join(self._data) or "nothing"
            raise KxciError(-230, f"There is no data of {name!r}, but of {known}")
        return self._data[name]

    def _format(self, value: float) -> str:
        return format(value, f" .{self._digits - 1}E")

    # User mode.

    def _add_user_mode(self) -> None:
        self.on("DV", lambda p: self._force("voltage", VOLTAGE_RANGES_V, p), "US")
        self.on("DI", lambda p: self._force("current", CURRENT_RANGES_A, p), "US")
        self.on("DS", self._refuse_fixed_source, "US")
        self.on("TV", lambda p: self._trigger("V", p), "US")
        self.on("TI", lambda p: self._trigger("I", p), "US")
        self.on("RG", self._set_lowest, "US")
        self.on("RI", self._fix_current, "US")
        self.on("RV", self._fix_voltage, "US")

    def _smu(self, parameters: list[str]) -> Smu:
        return self.smus[whole(parameters, 0, 1, len(SMUS))]

    def _force(self, kind: str, ranges: Mapping[int, float], parameters: list[str]) -> None:
        smu = self._smu(parameters)
        if len(parameters) == 1:
            smu.off()
            return
        code, level, limit = whole(parameters, 1, 0, 13), real(parameters, 2), real(parameters, 3)
        if code not in ranges:
            raise KxciError(-222, f"There is no {kind} range {code}")
        if abs(level) > 1.05 * ranges[code]:
            raise KxciError(-222, f"Source level {level:g} does not fit the range {code}")
        check(kind, level, limit, self.is_interlocked)
        smu.force(kind, level, abs(limit))

    def _refuse_fixed_source(self, parameters: list[str]) -> None:
        raise KxciError(-241, "No terminal is configured as a voltage source VS")

    def _trigger(self, what: str, parameters: list[str]) -> str:
        smu = self._smu(parameters)
        measured = smu.measure(self.plc)
        value = float((measured.voltage_v if what == "V" else measured.current_a)[0])
        if self._is_over_range:
            value, self._is_over_range = OVERFLOW, False
        status = "C" if measured.is_limited[0] else "N"
        if abs(value) >= OVERFLOW / 10:
            status = "V"
        letter = "ABCD"[whole(parameters, 0, 1, len(SMUS)) - 1]
        return f"{status}{letter}{what}{self._format(value)}"

    def _set_lowest(self, parameters: list[str]) -> None:
        smu, lowest_a = self._smu(parameters), abs(real(parameters, 1, -0.1, 0.1))
        # Negative in the manual: the lowest range with the preamplifier.
        smu.lowest_a, smu.fixed_a = current_range(lowest_a), None

    def _fix_current(self, parameters: list[str]) -> None:
        smu, wanted_a = self._smu(parameters), abs(real(parameters, 1, -0.1, 0.1))
        smu.fixed_a = current_range(wanted_a)
        self._keep_limit(smu, "voltage", parameters)

    def _fix_voltage(self, parameters: list[str]) -> None:
        smu, wanted_v = self._smu(parameters), abs(real(parameters, 1, -200.0, 200.0))
        smu.fixed_v = voltage_range(wanted_v)
        self._keep_limit(smu, "current", parameters)

    def _keep_limit(self, smu: Smu, kind: str, parameters: list[str]) -> None:
        """Take the compliance of a range command, for a source that it belongs to."""
        if len(parameters) > 2:
            limit = real(parameters, 2)
            check(kind, 0.0, limit, self.is_interlocked)
            if smu.kind == kind:
                smu.connect(kind, abs(limit))
