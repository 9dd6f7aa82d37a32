"""What a script finds beside the channels: display, beeper, lines, interfaces, the node itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instruments.simulated.keithley2636b.triggers import LINES, Events, Line, line_table
from instruments.simulated.lua import Attribute, ScriptError, Table

if TYPE_CHECKING:
    from instruments.simulated.keithley2636b.meter import SourceMeter2636B

_ROWS, _COLUMNS = 2, (20, 32)


def kept(**defaults: Any) -> Table:
    """Return a table of attributes that keep what is written, of the type they had."""
    made = Table()
    values = dict(defaults)

    def attribute(name: str) -> Attribute:
        def write(value: Any) -> None:
            is_text = isinstance(defaults[name], str)
            if isinstance(value, str) != is_text:
                raise ScriptError(f"bad value for `{name}' ({'string' if is_text else 'number'} "
                                  "expected)")  # fmt: skip
            values[name] = value

        return Attribute(lambda: values[name], write)

    made.members |= {name: attribute(name) for name in defaults}
    return made


def local_node(meter: SourceMeter2636B) -> Table:
    """Return ``localnode``."""
    _, model, serial, revision = (part.strip() for part in meter.identity.split(","))

    def of_meter(name: str, most: float, least: float = 0) -> Attribute:
        def write(value: Any) -> None:
            if not isinstance(value, (int, float)) or not least <= value <= most:
                meter.push(-224)
            else:
                setattr(meter, name, value)

        return Attribute(lambda: getattr(meter, name), write)

    def line(value: Any) -> None:
        if value in (50, 60):
            meter.line_hz = float(value)
        else:
            meter.push(-224)

    made = kept(description="Keithley Instruments SMU", password="", autolinefreq=0)
    made.members |= {
        "model": model.removeprefix("Model "), "serialno": serial, "version": revision,
        "revision": revision, "linefreq": Attribute(lambda: meter.line_hz, line),
        "prompts": of_meter("prompts", 1), "prompts4882": of_meter("prompts_4882", 1),
        "showerrors": of_meter("show_errors", 1), "reset": meter.reset,
        "passwordmode": 0, "ENABLE": 1, "DISABLE": 0,
    }  # fmt: skip
    return made


class Display(Table):
    """``display``: two rows of text, and what each channel shows."""

    def __init__(self, meter: SourceMeter2636B) -> None:
        super().__init__(
            SMUA=0, SMUB=1, SMUA_SMUB=2, USER=3, MEASURE_DCAMPS=0, MEASURE_DCVOLTS=1,
            MEASURE_OHMS=2, MEASURE_WATTS=3, DIGITS_4_5=4, DIGITS_5_5=5, DIGITS_6_5=6, LOCK=1,
            UNLOCK=0, LOCAL=1, TRACE=1, MEASURE=0, SENDKEY=0, KEY_EXIT=75, KEY_ENTER=82,
        )  # fmt: skip
        self._meter = meter
        self.screen = 2
        self._rows = ["", ""]
        self._at = (1, 1)
        self.members |= kept(locallockout=0, numpad=1).members
        self.members["screen"] = Attribute(lambda: self.screen, self._show)
        for letter in "ab":
            shown = kept(digits=5)
            shown.members["measure"] = kept(func=1)
            shown.members["limit"] = kept(func=1)
            self.members[f"smu{letter}"] = shown
        self.members |= {
            "clear": self._clear, "setcursor": self._set_cursor, "settext": self._set_text,
            "getcursor": lambda: (*self._at, 0), "gettext": self._get_text,
            "getannunciators": lambda: 0, "sendkey": lambda key=0: self._show(2),
            "getlastkey": lambda: 0, "waitkey": lambda: 0, "menu": lambda *_: None,
            "prompt": lambda *_: None, "inputvalue": lambda *_: None,
            "trigger": Table(EVENT_ID=meter.events.new(), overrun=False, clear=lambda: None,
                             wait=lambda timeout_s=0.0: meter.clock.sleep(timeout_s) or False),
            "loadmenu": Table(add=lambda *_: None, delete=lambda *_: None,
                              catalog=lambda: lambda *_: None),
        }  # fmt: skip

    def _show(self, screen: Any) -> None:
        if screen in (0, 1, 2, 3):
            self.screen = int(screen)
        else:
            self._meter.push(-224)

    def _clear(self) -> None:
        self._rows, self._at, self.screen = ["", ""], (1, 1), 3

    def _set_cursor(self, row: Any = 1, column: Any = 1, style: Any = 0) -> None:
        if row in (1, 2) and 1 <= column <= _COLUMNS[int(row) - 1]:
            self._at = int(row), int(column)
        else:
            self._meter.push(-222)

    def _set_text(self, text: Any = None) -> None:
        if text is None:
            raise ScriptError("bad argument #1 to `settext' (string expected)")
        self.screen = 3
        row, column = self._at
        for part in str(text).replace("$N", "\n").split("\n"):
            if row > _ROWS:
                break
            before = self._rows[row - 1].ljust(column - 1)[: column - 1]
            self._rows[row - 1] = (before + part)[: _COLUMNS[row - 1]]
            self._at = row, min(len(self._rows[row - 1]) + 1, _COLUMNS[row - 1])
            row, column = row + 1, 1

    def _get_text(self, embellished: Any = None, row: Any = None, *_: Any) -> str:
        if row in (1, 2):
            return self._rows[int(row) - 1].ljust(_COLUMNS[int(row) - 1])
        return "".join(text.ljust(width) for text, width in zip(self._rows, _COLUMNS, strict=True))


def digital_lines(meter: SourceMeter2636B, events: Events) -> Table:
    """Return ``digio``; line 1 is the one whose edges other instruments see."""
    bits = [1] * LINES
    made = kept(writeprotect=0)

    def edge() -> None:
        for listener in meter.edge_listeners:
            listener(meter.clock.now())

    lines = [Line(events, edge if place == 0 else None) for place in range(LINES)]
    meter.digital_lines = lines

    def place_of(number: Any) -> int | None:
        if isinstance(number, (int, float)) and 1 <= number <= LINES:
            return int(number) - 1
        meter.push(-222)
        return None

    def read_bit(number: Any = None) -> int | None:
        place = place_of(number)
        return None if place is None else bits[place]

    def write_bit(number: Any = None, value: Any = 0) -> None:
        place = place_of(number)
        if place is not None and not int(made.read("writeprotect")) >> place & 1:
            bits[place] = int(bool(value))

    def write_port(value: Any = 0) -> None:
        for place in range(LINES):
            write_bit(place + 1, int(value) >> place & 1)

    made.members |= {
        "readbit": read_bit, "writebit": write_bit, "writeport": write_port,
        "readport": lambda: sum(bit << place for place, bit in enumerate(bits)),
        "trigger": line_table(lines), "TRIG_BYPASS": 0, "TRIG_FALLING": 1, "TRIG_RISING": 2,
        "TRIG_EITHER": 3, "TRIG_SYNCHRONOUSA": 4, "TRIG_SYNCHRONOUS": 5, "TRIG_SYNCHRONOUSM": 6,
        "TRIG_RISINGA": 7, "TRIG_RISINGM": 8,
    }  # fmt: skip
    return made


def interfaces(meter: SourceMeter2636B, events: Events) -> dict[str, Table]:
    """Return the tables of the interfaces, and those that only keep what they are told."""
    beeper = kept(enable=1)
    beeper.members["beep"] = lambda *_: None
    lan = Table(
        status=Table(ip=Table(address="192.168.1.20", subnetmask="255.255.255.0",
                              gateway="192.168.1.1"), macaddress="00:00:00:00:00:00",
                     port=Table(rawsocket=5025, telnet=23, vxi11=1024, dst=5030),
                     duplex=1, speed=100),
        config=kept(method=0, ipaddress="192.168.1.20", gateway="192.168.1.1",
                    subnetmask="255.255.255.0"),
        trigger=line_table(Line(events) for _ in range(8)), reset=lambda: None,
        applysettings=lambda: None, AUTO=0, MANUAL=1, HALF=0, FULL=1,
    )  # fmt: skip
    queue: list[Any] = []
    data = Table(
        CAPACITY=128, add=lambda value=None, *_: queue.append(value) or True, clear=queue.clear,
        next=lambda *_: queue.pop(0) if queue else None,
    )  # fmt: skip
    data.members["count"] = Attribute(lambda: len(queue))
    link = Table(
        state="offline", node=1, group=0, master=0, reset=lambda *_: 0, initialize=lambda: 0,
        trigger=line_table(Line(events) for _ in range(3)), TRIG_BYPASS=0, TRIG_FALLING=1,
        TRIG_RISING=2, TRIG_EITHER=3, TRIG_SYNCHRONOUSA=4, TRIG_SYNCHRONOUS=5,
        TRIG_SYNCHRONOUSM=6, TRIG_RISINGA=7, TRIG_RISINGM=8,
    )  # fmt: skip
    serial = kept(baud=9600, databits=8, parity="none", flowcontrol="none")
    gpib = kept(address=26)
    return {
        "beeper": beeper, "lan": lan, "dataqueue": data, "tsplink": link, "serial": serial,
        "gpib": gpib, "digio": digital_lines(meter, events),
    }  # fmt: skip


def user_strings() -> Table:
    """Return ``userstring``: texts by name."""
    texts: dict[str, str] = {}

    def catalog() -> Any:
        names = iter(list(texts))
        return lambda *_: next(names, None)

    return Table(
        add=lambda name, text: texts.update({str(name): str(text)}),
        get=texts.get,
        delete=lambda name: texts.pop(name, None) and None,
        catalog=catalog,
    )
