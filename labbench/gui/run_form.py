"""What a person fills in to plan runs, without any window: a procedure and its settings.

A field takes a number, a list ``0.8, 1.0, 1.2``, or a range ``0.8..1.2:5`` of so many values; what
has more than one value is swept, every value with every other.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from math import prod

import numpy as np

from labbench.bench import BenchDescription, Forecast, foresee
from labbench.errors import LabbenchError, SettingError
from labbench.report.quantity import format_quantity
from labbench.store import DoseRecord
from procedures import configure, find_procedure, settings_of
from procedures.base import NeuronProcedure, Setting, read_setting

# More runs than this at once are a slip of the keyboard, or a wafer sweep.
MOST_RUNS = 200


class RunForm:
    """A procedure, what was typed for its settings, and what that means.

    Attributes
    ----------
    procedure : str
        Its stable name.
    texts : dict of str to str
        By setting; what is empty stays at its default.
    repeats : int
        How often the whole is queued.
    """

    def __init__(self, procedure: str) -> None:
        self.repeats = 1
        self.choose(procedure)

    def choose(self, procedure: str) -> None:
        """Take another procedure, with its defaults."""
        self._class = find_procedure(procedure)
        self.procedure = procedure
        self.settings: tuple[Setting, ...] = settings_of(self._class)
        self.texts: dict[str, str] = {}

    def fill(self, settings: Mapping[str, object]) -> None:
        """Take over the settings of an earlier run; a default needs no text."""
        known = {setting.name: setting for setting in self.settings}
        self.texts = {
            name: f"{value:g}"
            for name, value in settings.items()
            if name in known and isinstance(value, int | float) and value != known[name].default
        }

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by setting; under "" what concerns several of them."""
        found = {}
        for setting in self.settings:
            try:
                self._values(setting)
            except SettingError as error:
                found[setting.name] = str(error)
        if found:
            return found
        try:
            self.entries()
        except SettingError as error:
            return {"": str(error)}
        return {}

    def entries(self) -> list[dict[str, float]]:
        """Return the settings of each run, those at their defaults left out.

        Raises
        ------
        SettingError
            If a value is wrong, values contradict each other, or there are too many runs.
        """
        given = {s.name: self._values(s) for s in self.settings if self.texts.get(s.name, "")}
        number = prod(map(len, given.values())) * self.repeats
        if number > MOST_RUNS:
            raise SettingError(
                f"These settings make {number} runs, more than {MOST_RUNS}: sweep fewer values, or "
                "write a plan for `labbench sweep`."
            )
        found = [dict(zip(given, values, strict=True)) for values in product(*given.values())]
        for values in found:
            configure(self._class, values)
        return found * self.repeats

    def worst(self) -> NeuronProcedure:
        """Return the procedure with the settings of its first run."""
        return configure(self._class, self.entries()[0])

    def forecasts(
        self, bench: BenchDescription, spent: DoseRecord | None, budget: Mapping[str, float]
    ) -> list[Forecast]:
        """Return the dry run of each run: slow, and nothing that it needs changes meanwhile."""
        procedures = [configure(self._class, values) for values in self.entries()]
        return [foresee(procedure, bench, spent, budget) for procedure in procedures]

    def _values(self, setting: Setting) -> list[float]:
        text = self.texts.get(setting.name, "")
        if not text.strip():
            return [setting.default]
        return [read_setting(self.procedure, setting, each) for each in _spread(text, setting)]


def _spread(text: str, setting: Setting) -> list[str | float]:
    """Return the values that a list or a range means."""
    low, dots, rest = text.partition("..")
    if not dots:
        return list(map(str.strip, text.split(",")))
    high, colon, number = rest.partition(":")
    try:
        if not colon or not 2 <= int(number) <= MOST_RUNS:
            raise ValueError
        return [float(f"{v:.12g}") for v in np.linspace(float(low), float(high), int(number))]
    except ValueError:
        raise SettingError(
            f"{setting.name}: a range is first..last:number with 2 to {MOST_RUNS} values, as in "
            f"0.8..1.2:5, not {text!r}."
        ) from None


def forecast_words(forecasts: list[Forecast]) -> tuple[str, list[str]]:
    """Return what some runs come to at worst in one line, and a line for all that is too much."""
    tallies = [forecast.tally for forecast in forecasts]
    duration_s = sum(tally.duration_s for tally in tallies)
    line = (
        f"at worst {len(tallies)} run{'s' * (len(tallies) > 1)}, {_duration(duration_s)}, "
        f"{sum(t.n_pulses for t in tallies)} pulses, peak {max(t.peak_v for t in tallies):g} V, "
        f"charge {format_quantity(sum(t.charge_c for t in tallies), None, 'C')}, "
        f"energy {format_quantity(sum(t.energy_j for t in tallies), None, 'J')}"
    )
    exceeded = [f"{each} ({each.remedy})" for f in forecasts for each in f.exceeded]
    return line, list(dict.fromkeys(exceeded))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def said(error: BaseException) -> str:
    """Return an error for people."""
    return str(error) if isinstance(error, LabbenchError) else f"{type(error).__name__}: {error}"
