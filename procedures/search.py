"""Searches for the threshold, played to a device: generators that yield stimuli.

`search_half_point` is the one to use; `search_threshold` needs no law and gives the amplitude at
which a device fires twice in a row.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from math import inf, isfinite
from statistics import median

from labbench.features import Outcome, Response, read_pulses
from labbench.features.pulses import is_rested
from labbench.stimulus import Stimulus
from procedures.adaptive import HalfPoint, HalfPointSearch, Search
from procedures.base import on_grid, single_pulse


def search_threshold(
    width_s: float, start_v: float, stop_v: float, rest_s: float, record_s: float
) -> Generator[Stimulus, Response, float | None]:
    """Climb from `start_v` in steps of 8 % until a single pulse fires; then once more to be sure.

    Yields stimuli, and is sent their responses. Stops at the first amplitude at which two pulses
    in a row fire, so that the device is never stressed far above its threshold.

    Returns
    -------
    float or None
        The amplitude in volt; None if nothing fired up to `stop_v`.
    """
    amplitude_v = start_v
    while amplitude_v <= stop_v:
        fired = True
        for _ in range(2):
            response = yield single_pulse(amplitude_v, width_s, rest_s, record_s)
            fired = fired and read_pulses(response)[0].fired
            if not fired:
                break
        if fired:
            return amplitude_v
        amplitude_v = on_grid(amplitude_v * 1.08)
    return None


def find_latency(
    amplitude_v: float, width_s: float, rest_s: float, record_s: float, singles: int = 7
) -> Generator[Stimulus, Response, float | None]:
    """Play single pulses, to which the widths and gaps of later stimuli can be scaled.

    Yields stimuli, and is sent their responses.

    Returns
    -------
    float or None
        The median latency in seconds; None if half of the pulses or more did not fire.
    """
    latencies_s = []
    for _ in range(singles):
        response = yield single_pulse(amplitude_v, width_s, rest_s, record_s)
        latency_s = read_pulses(response)[0].latency_s
        latencies_s.append(inf if latency_s is None else latency_s)
    middle_s = median(latencies_s)
    return middle_s if isfinite(middle_s) else None


def play_search(
    search: Search, width_s: float, rest_s: float, record_s: float
) -> Generator[Stimulus, Response, HalfPoint]:
    """Play an adaptive search with single pulses.

    Yields stimuli, and is sent their responses. Ends when the search does, and at once if the
    output does not come back to rest between two pulses: the outcome is LATCHED then.
    """
    resting: Response | None = None
    while (amplitude_v := search.next_v()) is not None:
        response = yield single_pulse(amplitude_v, width_s, rest_s, record_s)
        resting = resting or response
        if not is_rested(response, resting):
            return replace(search.result(), outcome=Outcome.LATCHED)
        search.tell(read_pulses(response)[0].fired)
    return search.result()


def search_half_point(
    width_s: float,
    start_v: float,
    stop_v: float,
    rest_s: float,
    record_s: float,
    *,
    tolerance: float = 0.01,
    most: int = 20,
) -> Generator[Stimulus, Response, HalfPoint]:
    """Look for the amplitude of P(fire) = 0.5 with as few and as weak pulses as possible.

    See `procedures.adaptive.HalfPointSearch` for the parameters and the method.
    """
    search = HalfPointSearch(start_v, stop_v, tolerance, most)
    return (yield from play_search(search, width_s, rest_s, record_s))
