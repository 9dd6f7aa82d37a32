"""How a 2400 takes settings, and what its errors are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from instruments.simulated.scpi.errors import ERROR_TEXTS
from instruments.simulated.scpi.instrument import Answer, ScpiInstrument
from instruments.simulated.scpi.message import Parameter, ScpiError, number, unquoted

# User's manual, appendix B, where it differs from SCPI.
ERRORS = ERROR_TEXTS | {
    -222: "Parameter data out of range",
    -350: "Queue overflow",
    111: "OUTPUT enable asserted",
    800: "Illegal with storage active",
    801: "Insufficient vector data",
    802: "OUTPUT blocked by output enable",
    803: "Not permitted with OUTPUT off",
    804: "Expression list full",
    805: "Undefined expression exists",
    806: "Expression not found",
    807: "Definition not allowed",
    808: "Expression cannot be deleted",
    809: "Source memory location revised",
    810: "OUTPUT blocked by Over Temp",
    822: "Too small for sense range",
    823: "Invalid with source read-back on",
    824: "Cannot exceed compliance range",
    825: "Invalid with auto-ohms on",
    826: "Attempt to exceed power limit",
    827: "Invalid with ohms guard on",
    828: "Invalid on 1 amp range",
    830: "Invalid with INF ARM:COUNT",
    900: "Internal System Error",
}
_SETUPS = 5


class KeithleyScpi(ScpiInstrument):
    """A SCPI instrument with one channel, ten errors and seven digits."""

    errors = ERRORS
    no_error = '0,"No error"'
    number_format = ".6E"
    queue_length = 10

    # Settings that *RST leaves alone.
    lasting: tuple[str, ...] = ()

    def value(self, name: str) -> Any:
        """Return a setting."""
        return self.settings[name, 0]

    def put(self, name: str, value: Any) -> None:
        """Change a setting without its consequences."""
        self.settings[name, 0] = value

    def reset(self) -> None:
        """Go back to the settings of ``*RST``."""
        kept = {(name, 0): self.settings[name, 0] for name in self.lasting}
        super().reset()
        self.settings.update(kept)

    def query(self, pattern: str, ask: Callable[[], Answer]) -> None:
        """Add a query without parameters; it goes before an earlier one of the same name."""
        self.on(pattern + "?", lambda c, p: ask())
        self._commands.insert(0, self._commands.pop())

    def action(self, pattern: str, act: Callable[[], None]) -> None:
        """Add a command without parameters."""

        def run(channel: int, parameters: Sequence[Parameter]) -> None:
            if parameters:
                raise ScpiError(-108)
            act()

        self.on(pattern, run)

    def setting(
        self,
        pattern: str,
        name: str,
        default: Any,
        read: Callable[[Parameter], Any],
        write: Callable[[Any], str] | None = None,
    ) -> None:
        """Add a setting with its own way of reading and writing."""
        self._setting(pattern, name, default, read, write or self.format_number, 0)

    def decimal(
        self, pattern: str, name: str, default: float, low: float, high: float, digits: int
    ) -> None:
        """Add a numeric setting that is answered with a fixed number of decimals."""
        self.setting(
            pattern,
            name,
            default,
            lambda p: within(p, low, high, default),
            lambda value: format(value, f".{digits}f"),
        )

    def add_setups(self) -> None:
        """Add the five places that all settings can be saved to."""
        places: dict[int, dict[tuple[str, int], Any]] = {}

        def place(parameters: Sequence[Parameter]) -> int:
            if len(parameters) != 1:
                raise ScpiError(-108 if parameters else -109)
            return round(within(parameters[0], 0, _SETUPS - 1, 0))

        def save(channel: int, parameters: Sequence[Parameter]) -> None:
            places[place(parameters)] = dict(self.settings)

        def recall(channel: int, parameters: Sequence[Parameter]) -> None:
            saved = places.get(place(parameters))
            self.reset()
            if saved is not None:
                output = {("output", 0): False}
                self.settings.update(saved | output)

        self.on("*SAV", save)
        self.on("*RCL", recall)

    def _run(self, header: str, parameters: Sequence[Parameter]) -> Answer:
        # It takes a colon before common commands, which many scripts send.
        return super()._run(header[1:] if header.startswith(":*") else header, parameters)


def within(parameter: Parameter, low: float, high: float, default: float) -> float:
    """Read a number within limits, or MINimum, MAXimum or DEFault."""
    word = str(parameter).upper()
    for names, value in (
        (("MIN", "MINIMUM"), low),
        (("MAX", "MAXIMUM"), high),
        (("DEF", "DEFAULT"), default),
    ):
        if word in names:
            return value
    value = number(parameter)
    if not low <= value <= high:
        raise ScpiError(-222)
    return value


def flag(parameter: Parameter) -> bool:
    """Read ON, OFF or a number."""
    word = str(parameter).upper()
    return word == "ON" if word in ("ON", "OFF") else bool(round(number(parameter)))


def strings(parameters: Sequence[Parameter]) -> list[str]:
    """Read one or more quoted strings, each of which may itself be a list."""
    found = []
    for parameter in parameters:
        text = str(parameter)
        if len(text) < 2 or text[0] not in "\"'" or text[-1] != text[0]:
            raise ScpiError(-151)
        found += [part.strip(" \"'") for part in unquoted(parameter).split(",")]
    return found
