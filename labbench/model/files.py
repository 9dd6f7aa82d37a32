"""Stimulus and solution files of `labbench simulate`, plain CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np

from labbench.errors import OutputError, StimulusError
from labbench.model.solution import Solution
from labbench.stimulus import Waveform

COLUMNS = ("time_s", "input_v", "node_v", "f", "r", "memristor_a", "output_a")


def read_stimulus(path: Path) -> Waveform:
    """Read breakpoints: columns `time_s` and `voltage_v` or `current_a`, linear between them.

    Raises
    ------
    StimulusError
        If the file is not there, or any line is not two finite numbers.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            rows = [(lines.line_num, row) for row in lines if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StimulusError(f"No stimulus can be read from {str(path)!r}: {error}.") from error
    header = [name.strip() for name in rows[0][1]] if rows else []
    units = {"voltage_v": "V", "current_a": "A"}
    if len(header) != 2 or header[0] != "time_s" or header[1] not in units:
        raise StimulusError(
            f"{str(path)!r} must start with the columns time_s,voltage_v or time_s,current_a: "
            f"found {','.join(header) or 'nothing'}."
        )
    points = []
    for number, row in rows[1:]:
        try:
            time_s, level = map(float, row)
        except ValueError:
            raise StimulusError(
                f"{str(path)!r}, line {number}: two numbers are needed, found {','.join(row)!r}."
            ) from None
        if not (isfinite(time_s) and isfinite(level)):
            raise StimulusError(f"{str(path)!r}, line {number}: {','.join(row)!r} is not finite.")
        points.append((time_s, level))
    if len(points) < 2:
        raise StimulusError(f"{str(path)!r} needs two breakpoints or more: found {len(points)}.")
    times, levels = np.array(points).T
    return Waveform(times, levels, duration_s=float(times[-1]), unit=units[header[1]])


def write_solutions(path: Path, solutions: Sequence[Solution]) -> Path:
    """Write samples to `path` and events beside it; return the events' path.

    Neurons of a chain stand side by side: the columns of the second end in `_2`, and events have
    one more column, `neuron`.

    Raises
    ------
    OutputError
        If the folder is not there or not writable.
    """
    events_path = path.with_suffix(".events.csv")
    names, columns = [COLUMNS[0]], [solutions[0].time_s]
    events = []
    for place, solution in enumerate(solutions, start=1):
        names += [name if place == 1 else f"{name}_{place}" for name in COLUMNS[1:]]
        columns += [
            solution.input_v, solution.node_v, solution.f, solution.r, solution.memristor_a,
            solution.output_a,
        ]  # fmt: skip
        events += [(event.time_s, event.kind, place) for event in solution.events]
    is_chain = len(solutions) > 1
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(",".join(names) + "\n")
            np.savetxt(file, np.column_stack(columns), delimiter=",", fmt="%.12g")
        with events_path.open("w", encoding="utf-8") as file:
            file.write("time_s,event,neuron\n" if is_chain else "time_s,event\n")
            for time_s, kind, place in sorted(events, key=lambda event: event[0]):
                file.write(f"{time_s:.12g},{kind}" + (f",{place}\n" if is_chain else "\n"))
    except OSError as error:
        raise OutputError(
            f"Nothing can be written to {str(path)!r}: {error.strerror}. Name a file in a folder "
            "that exists."
        ) from error
    return events_path
