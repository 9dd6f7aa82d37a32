"""The bench description, `bench.toml`: which instrument fills which role, wiring and limits."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labbench.errors import BenchError
from labbench.model.output import Loading

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Channel = Annotated[int, Field(ge=1, le=4)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InstrumentEntry(_Section):
    """One instrument: its driver, VISA address and channel."""

    driver: str
    address: str
    channel: Channel = 1


class Instruments(_Section):
    """The roles of a neuron bench.

    Attributes
    ----------
    pulse_source : drives the input.
    digitizer : records input and output.
    supply : source meter that feeds the load resistor.
    """

    pulse_source: InstrumentEntry
    digitizer: InstrumentEntry
    supply: InstrumentEntry


class Wiring(_Section):
    """Which digitizer channel sees which node, and what hangs on the nodes."""

    input_channel: Channel = 1
    output_channel: Channel = 2
    supply_v: NotNegative = 0.5
    supply_compliance_a: Positive = 50e-6
    load_resistance_ohm: Positive = 47e3
    probe_resistance_ohm: Positive = 1e7
    probe_capacitance_f: NotNegative = 1e-11

    @property
    def loading(self) -> Loading:
        """The probe on the output, as the model takes it."""
        return Loading(self.probe_resistance_ohm, self.probe_capacitance_f)


class Limits(_Section):
    """Absolute limits that no procedure can exceed.

    Attributes
    ----------
    voltage_v : float
        Largest absolute input voltage.
    pulse_width_s : float
        Longest time at once away from zero.
    supply_v, supply_compliance_a : float
        Of the supply.
    min_resistance_ohm : float
        The smallest resistance that could be in the path of the pulses. By default the output of
        a usual generator alone: the device shorted, nothing in series. A series resistor, or a
        limiting generator, allows more, and makes the worst case the less pessimistic.
    current_a : float or None
        Largest worst-case current, peak voltage over `min_resistance_ohm`; None for no bound.
    charge_c, energy_j, n_pulses, duration_s : float or None
        Of one run, at worst: charge and heat, pulses, records and rests together; None for no
        bound.
    """

    voltage_v: Positive = 3.0
    pulse_width_s: Positive = 0.1
    supply_v: Positive = 1.2
    supply_compliance_a: Positive = 1e-3
    min_resistance_ohm: Positive = 50.0
    current_a: Positive | None = None
    charge_c: Positive | None = None
    energy_j: Positive | None = None
    n_pulses: Annotated[int, Field(gt=0)] | None = None
    duration_s: Positive | None = None


class Recording(_Section):
    """Sampling interval, and the time recorded before each stimulus."""

    interval_s: Positive = 1e-6
    pre_s: NotNegative = 2e-4


class BenchDescription(_Section):
    """A validated bench file; `simulated` is the simulator's own part."""

    name: str
    visa: str = "@py"
    instruments: Instruments
    wiring: Wiring = Wiring()
    limits: Limits = Limits()
    recording: Recording = Recording()
    simulated: dict[str, Any] | None = None

    @property
    def is_simulated(self) -> bool:
        """Whether simulated instruments answer."""
        return self.visa.endswith("@labbench")


def read_bench(path: str | Path) -> BenchDescription:
    """Read and validate a bench file.

    Raises
    ------
    BenchError
        If it is not there, not TOML, or not a bench; all faults are named at once.
    """
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"No bench file {str(path)!r}: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise BenchError(f"Bench file {str(path)!r} is not valid TOML: {error}.") from error
    try:
        bench = BenchDescription.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']} (found {fault['input']!r})"
            for fault in error.errors()
        )
        raise BenchError(f"Bench file {str(path)!r} is not a bench: {faults}.") from error
    _check_limits(bench)
    return bench


def _check_limits(bench: BenchDescription) -> None:
    wiring, limits = bench.wiring, bench.limits
    if wiring.input_channel == wiring.output_channel:
        raise BenchError(
            f"Bench {bench.name!r}: wiring.input_channel and wiring.output_channel are both "
            f"{wiring.input_channel}; they are two channels of the digitizer."
        )
    for what, asked, limit, unit in (
        ("supply_v", wiring.supply_v, limits.supply_v, "V"),
        ("supply_compliance_a", wiring.supply_compliance_a, limits.supply_compliance_a, "A"),
    ):
        if asked > limit:
            raise BenchError(
                f"Bench {bench.name!r}: wiring.{what} asks for {asked:g} {unit}, "
                f"limits.{what} allows {limit:g} {unit}."
            )
