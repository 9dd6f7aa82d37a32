"""What every procedure shares: settings, the loop from stimulus to response, the safe end.

A procedure only says its settings (pymeasure Parameters with units and bounds), its stimuli, as a
generator that yields a stimulus and is sent the response, and the properties it reports. Who
answers is not its business: a bench of real or simulated instruments, or the model itself.

Names and versions are a file format: the store keeps them, never an import path.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import ClassVar, Protocol

from pymeasure.experiment import FloatParameter, IntegerParameter, Procedure

from labbench.connection import Connection
from labbench.errors import SettingError
from labbench.features import PulseReading, Response, read_pulses
from labbench.features.pulses import has_pulses
from labbench.stimulus import Pulse, PulseTrain, Stimulus


@dataclass(frozen=True)
class Request:
    """A stimulus that wants the device connected in another way than the usual one."""

    stimulus: Stimulus
    connection: Connection


Protocolled = Generator[Stimulus | Request, Response, None]


class Player(Protocol):
    """Whoever answers a stimulus."""

    @property
    def control_resistances_ohm(self) -> tuple[float, ...]:
        """What can be switched between gate and ground; empty where nothing can."""

    def play(self, stimulus: Stimulus, connection: Connection = ...) -> Response:
        """Apply a stimulus after its predecessor's rest and return what came back."""

    def reaches(self, connection: Connection) -> bool:
        """Whether the device can be connected like this here."""

    def safe(self) -> None:
        """Leave every output at zero and off."""


@dataclass(frozen=True)
class Setting:
    """One setting of a procedure, for people: name, unit, bounds and default."""

    name: str
    label: str
    unit: str
    default: float
    lower: float
    upper: float
    is_whole: bool


class NeuronProcedure(Procedure):
    """A procedure that plays pulse trains to one neuron.

    Subclasses set `name`, `version` and `properties`, declare settings and write `stimuli`.

    Attributes
    ----------
    source_sha256 : str or None
        Hash of the one file that defines the procedure, read when the class was made, so that an
        edit since then does not count. It does not cover what the file imports, such as this one:
        the commit of the session does. None of a class that has no file.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    properties: ClassVar[tuple[str, ...]]
    source_sha256: ClassVar[str | None] = None
    # The roles of a bench that it plays through.
    needs: ClassVar[tuple[str, ...]] = ("pulse_source", "digitizer", "supply")

    DATA_COLUMNS: ClassVar[list[str]] = [
        "Train",
        "Pulse",
        "Amplitude (V)",
        "Width (s)",
        "Fired",
        "Latency (s)",
    ]

    # What is done when a limit acts: "record", "stop" or "ramp_down"; `stimuli` may set it anew
    # before it yields, for the stimuli that follow.
    compliance_policy: str = "stop"
    shutdown_faults: Sequence[str] = ()

    # Set by whoever runs the procedure, before `startup`.
    player: Player
    record: Callable[[int, Response], None]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        try:
            cls.source_sha256 = (
                None if file is None else sha256(Path(file).read_bytes()).hexdigest()
            )
        except OSError:
            cls.source_sha256 = None

    def stimuli(self) -> Protocolled:
        """Yield stimuli, and be sent the response to each."""
        raise NotImplementedError

    def expected_count(self) -> int:
        """Return about how many stimuli there will be, for the progress bar."""
        raise NotImplementedError

    def check(self) -> None:
        """Check settings against each other.

        Raises
        ------
        SettingError
            If they contradict each other.
        """

    def execute(self) -> None:
        """Play the stimuli until they end or somebody asks to stop; record each response first."""
        protocol, response, ordinal = self.stimuli(), None, 0
        while not self.should_stop():
            try:
                asked = next(protocol) if response is None else protocol.send(response)
            except StopIteration:
                return
            if isinstance(asked, Request):
                response = self.player.play(asked.stimulus, asked.connection)
            else:
                response = self.player.play(asked)
            self.record(ordinal, response)
            if has_pulses(response):
                for reading in read_pulses(response):
                    self.emit("results", self._row(ordinal, reading))
            ordinal += 1
            self.emit("progress", min(100.0 * ordinal / self.expected_count(), 100.0))

    def shutdown(self) -> None:
        """Leave the bench safe, on every way out; what fails is in `shutdown_faults`.

        It never raises: pymeasure's worker would die of it, and its queue would hang for ever.
        """
        self.shutdown_faults = ()
        if hasattr(self, "player"):
            try:
                self.player.safe()
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker must live
                self.shutdown_faults = (str(error),)

    def _row(self, ordinal: int, reading: PulseReading) -> dict[str, float]:
        latency_s = reading.latency_s
        values = [
            ordinal,
            reading.index,
            reading.pulse.amplitude_v,
            reading.pulse.width_s,
            float(reading.fired),
            float("nan") if latency_s is None else latency_s,
        ]
        return dict(zip(self.DATA_COLUMNS, values, strict=True))


def settings_of(procedure: type[NeuronProcedure]) -> tuple[Setting, ...]:
    """Return the settings of a procedure, in the order of their declaration."""
    parameters = {
        name: value
        for owner in reversed(procedure.__mro__)
        for name, value in vars(owner).items()
        if isinstance(value, FloatParameter | IntegerParameter)
    }
    return tuple(
        Setting(
            name=name,
            label=parameter.name,
            unit=parameter.units or "1",
            default=parameter.default,
            lower=parameter.minimum,
            upper=parameter.maximum,
            is_whole=isinstance(parameter, IntegerParameter),
        )
        for name, parameter in parameters.items()
    )


def configure(
    procedure: type[NeuronProcedure], given: Mapping[str, str | float]
) -> NeuronProcedure:
    """Return a procedure with some settings changed.

    Raises
    ------
    SettingError
        If a setting is unknown, not a number or out of its bounds.
    """
    known = {setting.name: setting for setting in settings_of(procedure)}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise SettingError(
            f"{procedure.name} has no setting {', '.join(unknown)}; it has {', '.join(known)}."
        )
    values = {name: read_setting(procedure.name, known[name], text) for name, text in given.items()}
    made = procedure()
    made.set_parameters(values)
    made.check()
    return made


def read_setting(procedure: str, setting: Setting, text: str | float) -> float:
    """Return the value of a setting from what was typed.

    Raises
    ------
    SettingError
        If it is not a number or out of its bounds.
    """
    try:
        value = float(text)
    except ValueError:
        raise SettingError(
            f"{procedure}: {setting.name} must be a number in {setting.unit}, not {text!r}."
        ) from None
    if not setting.lower <= value <= setting.upper:
        raise SettingError(
            f"{procedure}: {setting.name} = {value:g} {setting.unit} is out of its bounds, "
            f"{setting.lower:g} to {setting.upper:g} {setting.unit}."
        )
    if setting.is_whole and value != int(value):
        raise SettingError(f"{procedure}: {setting.name} = {value:g} must be a whole number.")
    return value


def check_order(procedure: NeuronProcedure, lower: str, upper: str, unit: str) -> None:
    """Check that one setting is not above another.

    Raises
    ------
    SettingError
        If it is.
    """
    low, high = getattr(procedure, lower), getattr(procedure, upper)
    if low > high:
        raise SettingError(
            f"{procedure.name}: {lower} = {low:g} {unit} is above {upper} = {high:g} {unit}."
        )


def single_pulse(amplitude_v: float, width_s: float, rest_s: float, record_s: float) -> PulseTrain:
    """Return one pulse, recorded for `record_s` after its end."""
    pulse = Pulse(0.0, width_s, on_grid(amplitude_v))
    return PulseTrain((pulse,), duration_s=pulse.end_s + record_s, rest_s=rest_s)


def on_grid(amplitude_v: float) -> float:
    """Round to a millivolt: a number that generator, record and simulation share exactly."""
    return round(amplitude_v, 3)


__all__ = [
    "FloatParameter",
    "IntegerParameter",
    "NeuronProcedure",
    "Player",
    "Protocolled",
    "Request",
    "Setting",
    "check_order",
    "configure",
    "on_grid",
    "read_setting",
    "settings_of",
    "single_pulse",
]
