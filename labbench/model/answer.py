"""What a bench would record of a card's answer, whatever its circuit."""

from __future__ import annotations

from collections.abc import Collection
from math import nan
from typing import Any

from labbench.model.card import ModelCard
from labbench.model.chain import simulate_chain
from labbench.model.layout import FloatArray
from labbench.model.output import Loading
from labbench.model.simulation import simulate, time_base, trace_of
from labbench.stimulus import Stimulus
from labbench.trace import Channel, Trace


def answer(
    card: ModelCard,
    stimulus: Stimulus,
    *,
    seed: int = 0,
    trial: int = 0,
    noise: str = "random",
    interval_s: float | None = None,
    start_s: float = 0.0,
    sample_s: FloatArray | None = None,
    loading: Loading | None = None,
    channels: Collection[str] | None = None,
) -> Trace:
    """Return the trace of one stimulus from rest; parameters are those of `simulate`.

    Returns
    -------
    Trace
        Of a chain: the channels of its first neuron, and the drains of those that follow as
        "output2", "output3", ...; NaN from where the integration did not converge.
    """
    given: dict[str, Any] = {"seed": seed, "trial": trial, "noise": noise, "loading": loading}
    if card.circuit != "chain":
        record: dict[str, Any] = {
            "interval_s": interval_s,
            "start_s": start_s,
            "sample_s": sample_s,
        }
        return simulate(card, stimulus, channels=channels, **record, **given).trace
    time_s, base = time_base(stimulus, interval_s, start_s, sample_s)
    start_s = min(start_s, float(time_s.min(initial=0.0)))
    first, *others = simulate_chain(card, stimulus, sample_s=time_s, start_s=start_s, **given)
    made = dict(trace_of(card, first, base, channels).channels)
    for number in range(2, int(card["stages"]) + 1):
        drain_v = others[number - 2].output_v if number - 2 < len(others) else nan * time_s
        made[f"output{number}"] = Channel(drain_v, "voltage", "V")
    return Trace(made, **base)
