"""The settings of a 33500B/33600A, subsystem by subsystem, with their limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from instruments.simulated.generators.function_generator import CHANNELS, Limits, clipped
from instruments.simulated.scpi.message import Parameter, ScpiError, choice, number, unquoted

if TYPE_CHECKING:
    from instruments.simulated.generators.keysight33500 import Generator

SOURCE = "[:SOURce#]"
# What the simulated output cannot do when it is switched on.
REFUSED = (
    "am_on", "fm_on", "pm_on", "fsk_on", "bpsk_on", "pwm_on", "sum_on", "sweep_on",
)  # fmt: skip
_INNER = "SINusoid SQUare TRIangle RAMP NRAMp NOISe PRBS ARB"
_FROM = "INTernal EXTernal CH1 CH2"
_ANGLES_DEG = {"DEG": 1.0, "RAD": 57.29577951308232}


def add_settings(generator: Generator) -> None:
    """Add all settings that are not levels or arbitrary waveforms."""
    for add in (_add_shapes, _add_pulse, _add_arb, _add_bursts, _add_modulation, _add_sweep,
                _add_outputs, _add_system):  # fmt: skip
        add(generator)


def _fixed(low: float, high: float) -> Limits:
    return lambda channel: (low, high)


def _add_shapes(g: Generator) -> None:
    s, n = SOURCE, CHANNELS
    g.choice(f"{s}:FUNCtion", "shape", "SINusoid SQUare TRIangle RAMP PULSe PRBS NOISe ARB DC",
             "SIN", channels=n)  # fmt: skip
    g.remember("frequency", 1e3, n)

    def set_frequency(channel: int, value_hz: float) -> None:
        if g.settings["shape", channel] == "ARB":
            g.put("rate", channel, value_hz * g.points(channel))
        else:
            g.put("frequency", channel, value_hz)

    _derived(g, f"{s}:FREQuency[:CW]", lambda c: g.settings["frequency", c]
             if g.settings["shape", c] != "ARB" else g.frequency(c),
             set_frequency, g.frequency_limits)  # fmt: skip
    _derived(g, f"{s}:FREQuency[:FIXed]", lambda c: g.settings["frequency", c],
             set_frequency, g.frequency_limits)  # fmt: skip
    g.choice(f"{s}:FREQuency:MODE", "frequency_mode", "CW LIST SWEep FIXed", "CW", channels=n)
    _add_angle(g, f"{s}:PHASe[:ADJust]", "phase")
    _add_angle(g, f"{s}:BURSt:PHASe", "burst_phase")
    g.choice(":UNIT:ANGLe", "angle", "DEGree RADian SECond DEFault", "DEG")
    g.ranged(f"{s}:FUNCtion:SQUare:DCYCle", "square_duty", 50.0, _square_duty(g))
    _derived(g, f"{s}:FUNCtion:SQUare:PERiod", lambda c: 1 / g.settings["frequency", c],
             lambda c, v: g.put("frequency", c, 1 / v), _inverse(g.frequency_limits))  # fmt: skip
    g.ranged(f"{s}:FUNCtion:RAMP:SYMMetry", "symmetry", 100.0, _fixed(0.0, 100.0))
    g.choice(f"{s}:FUNCtion:PRBS:DATA", "sequence",
             " ".join(f"PN{order}" for order in range(3, 33)), "PN7", channels=n)  # fmt: skip
    g.ranged(f"{s}:FUNCtion:PRBS:BRATe", "bit_rate", 1e3,
             lambda c: (1e-3, g.model.bit_rate_hz))  # fmt: skip
    g.ranged(f"{s}:FUNCtion:PRBS:TRANsition[:BOTH]", "bit_edge", g.model.edge_s,
             lambda c: (g.model.edge_s, 1e-6))  # fmt: skip
    g.ranged(f"{s}:FUNCtion:NOISe:BANDwidth", "bandwidth", 1e5,
             lambda c: (1e-3, g.model.bandwidth_hz))  # fmt: skip


def _square_duty(g: Generator) -> Limits:
    """Return the limits of a square wave's duty cycle: each half as long as the least pulse."""

    def limits(channel: int) -> tuple[float, float]:
        least = 100 * g.model.width_s * g.settings["frequency", channel]
        least = min(max(least, 0.01), 50.0)
        return least, 100.0 - least

    return limits


def _add_angle(g: Generator, pattern: str, name: str) -> None:
    """Add an angle, kept in degrees and shown in the unit that is set."""
    g.remember(name, 0.0, CHANNELS)

    def unit(channel: int) -> float:
        if g.settings["angle", 0] == "SEC":
            return 360.0 * g.frequency(channel)
        return _ANGLES_DEG.get(g.settings["angle", 0], 1.0)

    _derived(
        g, pattern, lambda c: g.settings[name, c] / unit(c),
        lambda c, v: g.put(name, c, v * unit(c)), lambda c: (-360 / unit(c), 360 / unit(c)), 0.0,
    )  # fmt: skip


def _derived(
    g: Generator,
    pattern: str,
    get: Callable[[int], float],
    put: Callable[[int, float], None],
    limits: Limits,
    default: float | None = None,
) -> None:
    """Add a number that stands for another setting."""

    def read(channel: int, parameter: Parameter) -> float:
        low, high = limits(channel)
        words = {"MIN": low, "MAX": high, "DEF": get(channel) if default is None else default}
        known = words.get(str(parameter).upper()[:3])
        if known is not None:
            return known
        text = str(parameter).upper()
        value = number(text.removesuffix("DEG").strip() if text.endswith("DEG") else parameter)
        if not low * (1 - 1e-12) - 1e-300 <= value <= high * (1 + 1e-12):
            g.push(clipped(value > high))
        return min(max(value, low), high)

    def take(channel: int, parameters: Sequence[Parameter]) -> None:
        if len(parameters) != 1:
            raise ScpiError(-108 if parameters else -109)
        put(channel, read(channel, parameters[0]))

    def ask(channel: int, parameters: Sequence[Parameter]) -> str:
        value = read(channel, parameters[0]) if parameters else get(channel)
        return g.format_number(value if isinstance(value, int) else float(value))

    g.on(pattern, take, CHANNELS)
    g.on(pattern + "?", ask, CHANNELS)


def _inverse(limits: Limits) -> Limits:
    def inverse(channel: int) -> tuple[float, float]:
        low, high = limits(channel)
        return 1 / high, 1 / low

    return inverse


def _add_pulse(g: Generator) -> None:
    s, n = f"{SOURCE}:FUNCtion:PULSe", CHANNELS
    g.remember("duty", 10.0, n)
    g.choice(f"{s}:HOLD", "hold", "WIDTh DCYCle", "WIDT", channels=n)
    g.ranged(f"{s}:WIDTh", "width", 1e-4, g.width_limits)
    _derived(g, f"{s}:DCYCle", lambda c: g.settings["duty", c], g.set_duty,
             _fixed(0.0, 100.0))  # fmt: skip
    _derived(g, f"{s}:PERiod", lambda c: 1 / g.settings["frequency", c],
             lambda c, v: g.put("frequency", c, 1 / v), _inverse(g.frequency_limits))  # fmt: skip
    g.ranged(f"{s}:TRANsition:LEADing", "leading", 10e-9, g.edge_limits)
    g.ranged(f"{s}:TRANsition:TRAiling", "trailing", 10e-9, g.edge_limits)

    def both(channel: int, value_s: float) -> None:
        g.settings["trailing", channel] = value_s
        g.put("leading", channel, value_s)

    _derived(g, f"{s}:TRANsition[:BOTH]", lambda c: g.settings["leading", c], both,
             g.edge_limits)  # fmt: skip


def _add_arb(g: Generator) -> None:
    s, n = f"{SOURCE}:FUNCtion:ARBitrary", CHANNELS
    g.choice(f"{s}:FILTer", "filter", "NORMal STEP OFF", "STEP", channels=n)
    g.choice(f"{s}:ADVance", "advance", "TRIGger SRATe", "SRAT", channels=n)
    g.ranged(f"{s}:SRATe", "rate", 40e3, lambda c: (1e-6, g.model.rate_hz))
    g.text(s, "arb", "INT:\\BUILTIN\\EXP_RISE.ARB", g.arb_name, channels=n)
    g.on(f"{s}:POINts?", lambda c, p: str(g.points(c)), n)

    def limits(channel: int) -> tuple[float, float]:
        points = g.points(channel)
        return 1e-6 / points, g.model.rate_hz / points

    def rate(channel: int) -> float:
        return g.settings["rate", channel] / g.points(channel)

    def set_frequency(channel: int, value_hz: float) -> None:
        g.put("rate", channel, value_hz * g.points(channel))

    _derived(g, f"{s}:FREQuency", rate, set_frequency, limits)
    _derived(g, f"{s}:PERiod", lambda c: 1 / rate(c), lambda c, v: set_frequency(c, 1 / v),
             _inverse(limits))  # fmt: skip
    _derived(
        g, f"{s}:PTPeak", lambda c: g.settings["amplitude", c] / g.scale(c),
        lambda c, v: g.set_level(c, "amplitude", v * g.scale(c)),
        lambda c: tuple(v / g.scale(c) for v in g.amplitude_limits(c)),
    )  # fmt: skip
    g.choice(":FORMat:BORDer", "order", "NORMal SWAPped", "NORM")


def _add_bursts(g: Generator) -> None:
    s, n = SOURCE, CHANNELS
    g.flag(f"{s}:BURSt:STATe", "burst", False, channels=n)
    g.choice(f"{s}:BURSt:MODE", "burst_mode", "TRIGgered GATed", "TRIG", channels=n)
    g.ranged(f"{s}:BURSt:NCYCles", "cycles", 1, _fixed(1, 100_000_000), integer=True,
             with_infinity=True)  # fmt: skip
    g.ranged(f"{s}:BURSt:INTernal:PERiod", "burst_period", 1e-2, _fixed(1e-6, 8e3))
    g.choice(f"{s}:BURSt:GATE:POLarity", "gate", "NORMal INVerted", "NORM", channels=n)
    g.choice(":TRIGger#:SOURce", "trigger", "IMMediate EXTernal TIMer BUS", "IMM", channels=n)
    g.choice(":TRIGger#:SLOPe", "slope", "POSitive NEGative", "POS", channels=n)
    g.ranged(":TRIGger#:LEVel", "level", 1.65, _fixed(0.9, 3.8))
    g.ranged(":TRIGger#:DELay", "delay", 0.0, _fixed(0.0, 1e3))
    g.ranged(":TRIGger#:COUNt", "count", 1, _fixed(1, 1_000_000), integer=True)
    g.ranged(":TRIGger#:TIMer", "timer", 1.0, _fixed(1e-6, 8e3))
    g.flag(":INITiate#:CONTinuous", "continuous", True, channels=n)

    def set_all(channel: int, parameters: Sequence[Parameter]) -> None:
        if not parameters:
            raise ScpiError(-109)
        is_on = choice(parameters[0], ("ON", "OFF", "1", "0")) in ("ON", "1")
        for each in range(1, n + 1):
            g.put("continuous", each, is_on)

    g.on(":INITiate:CONTinuous:ALL", set_all)


def _add_modulation(g: Generator) -> None:
    s, n = SOURCE, CHANNELS
    most_hz = g.model.frequency_hz["SIN"]
    for word, name in (("AM", "am"), ("FM", "fm"), ("PM", "pm"), ("FSKey", "fsk"),
                       ("BPSK", "bpsk"), ("PWM", "pwm"), ("SUM", "sum")):  # fmt: skip
        g.flag(f"{s}:{word}:STATe", f"{name}_on", False, channels=n)
        g.choice(f"{s}:{word}:SOURce", f"{name}_source", _FROM, "INT", channels=n)
        if name in ("fsk", "bpsk"):
            g.ranged(f"{s}:{word}:INTernal:RATE", f"{name}_rate", 10.0, _fixed(125e-6, 1e6))
            continue
        g.choice(f"{s}:{word}:INTernal:FUNCtion", f"{name}_shape", _INNER, "SIN", channels=n)
        default_hz = 100.0 if name in ("am", "sum") else 10.0
        g.ranged(f"{s}:{word}:INTernal:FREQuency", f"{name}_frequency", default_hz,
                 _fixed(1e-6, most_hz))  # fmt: skip
    g.ranged(f"{s}:AM[:DEPTh]", "am_depth", 100.0, _fixed(0.0, 120.0))
    g.flag(f"{s}:AM:DSSC", "am_dssc", False, channels=n)
    g.ranged(f"{s}:FM[:DEViation]", "fm_deviation", 100.0, _fixed(1e-6, most_hz / 2))
    g.ranged(f"{s}:PM:DEViation", "pm_deviation", 180.0, _fixed(0.0, 360.0))
    g.ranged(f"{s}:FSKey:FREQuency", "fsk_frequency", 100.0, _fixed(1e-6, most_hz))
    g.ranged(f"{s}:BPSK[:PHASe]", "bpsk_phase", 180.0, _fixed(0.0, 360.0))
    g.ranged(f"{s}:PWM:DEViation", "pwm_deviation", 1e-5, _fixed(0.0, 5e5))
    g.ranged(f"{s}:PWM:DEViation:DCYCle", "pwm_duty", 1.0, _fixed(0.0, 100.0))
    g.ranged(f"{s}:SUM:AMPLitude", "sum_amplitude", 0.1, _fixed(0.0, 100.0))


def _add_sweep(g: Generator) -> None:
    s, n = SOURCE, CHANNELS
    most_hz = g.model.frequency_hz["SIN"]
    g.flag(f"{s}:SWEep:STATe", "sweep_on", False, channels=n)
    g.choice(f"{s}:SWEep:SPACing", "spacing", "LINear LOGarithmic", "LIN", channels=n)
    g.ranged(f"{s}:SWEep:TIME", "sweep_time", 1.0, _fixed(1e-3, 250e3))
    g.ranged(f"{s}:SWEep:HTIMe", "hold_time", 0.0, _fixed(0.0, 3600.0))
    g.ranged(f"{s}:SWEep:RTIMe", "return_time", 0.0, _fixed(0.0, 3600.0))
    for word, default_hz in (("STARt", 100.0), ("STOP", 1e3), ("CENTer", 550.0), ("SPAN", 900.0)):
        low_hz = -most_hz if word == "SPAN" else 1e-6
        g.ranged(f"{s}:FREQuency:{word}", f"sweep_{word}", default_hz, _fixed(low_hz, most_hz))
    g.ranged(f"{s}:MARKer:CYCLe", "marker_cycle", 2, _fixed(2, 100_000_000), integer=True)
    g.ranged(f"{s}:MARKer:FREQuency", "marker_frequency", 500.0, _fixed(1e-6, most_hz))
    g.ranged(f"{s}:MARKer:POINt", "marker_point", 10, _fixed(4, 1_000_000), integer=True)
    g.ranged(f"{s}:LIST:DWELl", "dwell", 1.0, _fixed(1e-6, 8e3))
    g.remember("list", (100.0, 1e3, 550.0), n)

    def set_list(channel: int, parameters: Sequence[Parameter]) -> None:
        if not 1 <= len(parameters) <= 128:
            raise ScpiError(-109 if not parameters else -223)
        values = tuple(number(p) for p in parameters)
        if not all(1e-6 <= value <= most_hz for value in values):
            raise ScpiError(-222)
        g.settings["list", channel] = values

    def ask_list(channel: int, parameters: Sequence[Parameter]) -> str:
        return ",".join(g.format_number(v) for v in g.settings["list", channel])

    g.on(f"{s}:LIST:FREQuency", set_list, n)
    g.on(f"{s}:LIST:FREQuency?", ask_list, n)
    g.on(f"{s}:LIST:FREQuency:POINts?", lambda c, p: str(len(g.settings["list", c])), n)


def _add_outputs(g: Generator) -> None:
    s, n = SOURCE, CHANNELS
    g.flag(":OUTPut#[:STATe]", "output", False, channels=n)
    g.choice(":OUTPut#:POLarity", "polarity", "NORMal INVerted", "NORM", channels=n)
    g.choice(":OUTPut#:MODE", "output_mode", "NORMal GATed", "NORM", channels=n)
    g.flag(":OUTPut:SYNC[:STATe]", "sync", True)
    g.choice(":OUTPut#:SYNC:MODE", "sync_mode", "NORMal CARRier MARKer", "NORM", channels=n)
    g.choice(":OUTPut#:SYNC:POLarity", "sync_polarity", "NORMal INVerted", "NORM", channels=n)
    g.choice(":OUTPut:SYNC:SOURce", "sync_source", "CH1 CH2", "CH1")
    g.flag(":OUTPut#:TRIGger[:STATe]", "trigger_out", False, channels=n)
    g.choice(":OUTPut:TRIGger:SLOPe", "trigger_out_slope", "POSitive NEGative", "POS")
    g.choice(":OUTPut:TRIGger:SOURce", "trigger_out_source", "CH1 CH2", "CH1")
    g.flag(f"{s}:VOLTage:RANGe:AUTO", "autorange", True, channels=n)
    g.flag(f"{s}:VOLTage:COUPle[:STATe]", "levels_coupled", False)
    g.flag(f"{s}:FREQuency:COUPle[:STATe]", "frequency_coupled", False)
    g.choice(f"{s}:FREQuency:COUPle:MODE", "frequency_coupling", "OFFSet RATio", "RAT")
    g.ranged(f"{s}:FREQuency:COUPle:OFFSet", "coupling_offset", 0.0,
             _fixed(-g.model.frequency_hz["SIN"], g.model.frequency_hz["SIN"]),
             channels=0)  # fmt: skip
    g.ranged(f"{s}:FREQuency:COUPle:RATio", "coupling_ratio", 1.0, _fixed(1e-3, 1e3), channels=0)
    g.choice(f"{s}:TRACk", "track", "ON OFF INVerted", "OFF", channels=n)


def _add_system(g: Generator) -> None:
    g.flag(":DISPlay", "display", True)
    g.text(":DISPlay:TEXT", "shown", "", unquoted)
    g.on(":DISPlay:TEXT:CLEar", lambda c, p: g.settings.update({("shown", 0): ""}))
    for word, options in (("ARBRate", "SRATe FREQuency PERiod"), ("PULSe", "WIDTh DUTY"),
                          ("RATE", "FREQuency PERiod"), ("SWEep", "STARtstop CENTerspan"),
                          ("VOLTage", "AMPLitudeoff HIGHlow")):  # fmt: skip
        g.choice(f":DISPlay:UNIT:{word}", f"unit_{word}", options, options.split()[0][:4])
    g.flag(":SYSTem:BEEPer:STATe", "beeper", True)
    g.on(":SYSTem:LOCal", lambda c, p: None)
    g.on(":SYSTem:REMote", lambda c, p: None)
    g.on(":SYSTem:RWLock", lambda c, p: None)
