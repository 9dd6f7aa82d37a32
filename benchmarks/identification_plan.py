"""A whole identification plan of one device, 1,035 trials, with the noise and without.

The stimuli that identify a 1M1T1R neuron: single steps (threshold and latency), pump and probe,
pairs, dwell - gap - test with the gate grounded, a long step, relaxation under a negative read
voltage, a slow and a fast fall (hold voltage), and currents below the threshold. All amplitudes and
widths are relative to the median threshold of a ramp and to the median latency above it. What is
timed is one evaluation of the plan: packing, all trials, and the raw statistics of each.

Run: ``python benchmarks/identification_plan.py``.
"""

from __future__ import annotations

import time

import numba
import numpy as np

from labbench.model import ModelCard, read_card
from labbench.model.batch import Job, Played, play
from labbench.model.card import parameter_names

EDGE_S = 1e-6
Course = tuple[list[float], list[float]]


def steps(*parts: tuple[float, float]) -> Course:
    """Return the breakpoints of (duration, level) parts, one after the other, with short edges."""
    times, levels, now, before = [0.0], [0.0], 0.0, 0.0
    for duration_s, level in parts:
        if level != before:
            times += [now, now + EDGE_S]
            levels += [before, level]
        now, before = now + duration_s, level
        times.append(now)
        levels.append(level)
    return times, levels


def bare(neuron: ModelCard) -> ModelCard:
    """Return the same memristor with its gate node grounded."""
    names = set(parameter_names("memristor", neuron.model)) & set(neuron.values)
    values = {name: neuron[name] for name in names} | {"series_resistance_ohm": 0.0}
    return ModelCard(neuron.name, neuron.model, "memristor", values=values)


def job(
    card: ModelCard, course: Course, repeats: int, sample_s: list[float] | None = None,
    stop_at: str = "", stop_from_s: float = 0.0, first_trial: int = 0,
) -> Job:  # fmt: skip
    """Return a job from breakpoints, sampled at its end unless told otherwise."""
    times, levels = (np.array(part) for part in course)
    return Job(
        card, times, levels, np.array(sample_s or times[-1:]), repeats, 0, first_trial,
        stop_at, stop_from_s,
    )  # fmt: skip


def plan(card: ModelCard, vc: float, latency_s: float, repeats: float = 1.0) -> dict[str, Job]:
    """Return the jobs of the plan by name; `repeats` scales how often each is played."""

    def n(count: int) -> int:
        return max(1, round(repeats * count))

    memristor = bare(card)
    jobs = {}
    for level in (1.0, 1.1, 1.25, 1.6, 2.2):
        jobs[f"step {level}"] = job(card, steps((20e-3, level * vc)), n(150), stop_at="spike")
    for gap_s in (20e-6, 60e-6, 150e-6):
        begins_s = 0.65 * latency_s + gap_s
        parts = (0.65 * latency_s, 1.25 * vc), (gap_s, 0.0), (20e-3, 1.25 * vc)
        jobs[f"pump {gap_s}"] = job(
            card, steps(*parts), n(20), stop_at="spike", stop_from_s=begins_s
        )
    for gap_s in (1e-3, 2e-3, 4e-3):
        parts = (2 * latency_s, 1.25 * vc), (gap_s, 0.0), (20e-3, 1.25 * vc)
        begins_s = 2 * latency_s + gap_s
        jobs[f"pair {gap_s}"] = job(
            card, steps(*parts), n(10), stop_at="spike", stop_from_s=begins_s
        )
    for dwell_s, gap_s in ((3e-3, 1.5e-3), (12e-3, 1.5e-3), (12e-3, 10e-3), (12e-3, 30e-3)):
        parts = (dwell_s, 1.4 * vc), (gap_s, 0.0), (20e-3, vc)
        jobs[f"dwell {dwell_s} {gap_s}"] = job(
            memristor, steps(*parts), n(20), stop_at="on", stop_from_s=dwell_s + gap_s
        )
    jobs["long step"] = job(card, steps((30e-3, vc)), n(15))
    read_s = (1e-3 + np.geomspace(2e-6, 6e-3, 60)).tolist()
    jobs["relaxation"] = job(
        memristor, steps((1e-3, 1.4 * vc), (6.1e-3, -0.2)), n(30), sample_s=read_s
    )
    for name, start, fall_s, count in (("slow", 1.2, 10e-3, 20), ("fast", 0.8, 64e-6, 30)):
        times = [0.0, EDGE_S, 1e-3, 1e-3 + EDGE_S, 1e-3 + EDGE_S + fall_s]
        levels = [0.0, 1.4 * vc, 1.4 * vc, start * vc, 0.0]
        jobs[f"{name} fall"] = job(memristor, (times, levels), n(count))
    for level in (0.15, 0.30, 0.45, 0.60):
        jobs[f"current {level}"] = job(memristor, steps((2e-3, level * vc)), n(5))
    return jobs


def statistics(jobs: dict[str, Job], played: tuple[Played, ...]) -> dict[str, np.ndarray]:
    """Return what each job is played for, a value a trial."""
    found = {}
    for (name, one), result in zip(jobs.items(), played, strict=True):
        kind = name.split()[0]
        if one.stop_at:
            found[name] = result.first_s(one.stop_at, one.stop_from_s) - one.stop_from_s
        elif kind == "long":
            found[name] = np.nanmean(np.diff(result.event_s, axis=1), axis=1)
        elif kind in ("slow", "fast"):
            off_s = result.first_s("off", one.corner_s[2])
            found[name] = np.interp(off_s, one.corner_s, one.level)
        else:
            gap = 1.0 - np.minimum(result.samples[:, :, 0] + result.samples[:, :, 1], 1.0)
            found[name] = gap.mean(axis=1)
    return found


def device() -> tuple[ModelCard, float, float]:
    """Return card B1, its threshold on a ramp of 100 V/s and its latency at 1.25 times that."""
    card = read_card("b1")
    ramp = job(bare(card), ([0.0, 20e-3], [0.0, 2.0]), 11, stop_at="on")
    vc = round(float(np.median(100.0 * play([ramp])[0].first_s("on"))), 2)
    step = job(card, steps((20e-3, 1.25 * vc)), 11, stop_at="spike")
    return card, vc, float(np.median(play([step])[0].first_s("spike")))


def main() -> None:
    """Print how long one evaluation takes, with the noise and without, on one core and on all."""
    card, vc, latency_s = device()
    print(f"card b1: threshold {vc} V at 100 V/s, latency {latency_s * 1e3:.3f} ms")
    cores = numba.config.NUMBA_NUM_THREADS
    for noise, repeats, rtol, rounds in (("random", 1.0, 1e-4, 9), ("off", 0.0, 1e-5, 99)):
        jobs = plan(card, vc, latency_s, repeats)
        trials = sum(one.repeats for one in jobs.values())
        statistics(jobs, play(tuple(jobs.values()), noise=noise, rtol=rtol))  # compile
        took: dict[int, list[float]] = {1: [], cores: []}
        for _ in range(rounds):
            for threads in took:
                numba.set_num_threads(threads)
                began = time.perf_counter()
                statistics(jobs, play(tuple(jobs.values()), noise=noise, rtol=rtol))
                took[threads].append(time.perf_counter() - began)
        one, all_ = np.median(took[1]), np.median(took[cores])
        print(
            f"noise {noise:6} {trials:5} trials: {one * 1e3:8.2f} ms on one core, "
            f"{all_ * 1e3:8.2f} ms on {cores} (best {min(took[cores]) * 1e3:.2f}), "
            f"ratio {one / all_:.2f}"
        )


if __name__ == "__main__":
    main()
