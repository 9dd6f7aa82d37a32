"""A recorded response played again by the model: same stimulus, same sampling, same saturation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from labbench.features import Response
from labbench.model.answer import answer
from labbench.model.card import ModelCard
from labbench.model.connected import connected
from labbench.model.output import Loading
from labbench.model.sweeping import simulate_sweep
from labbench.stimulus import Sweep
from labbench.trace import Channel, Trace

# What a bench calls otherwise than the model.
_SEEN = {"gate": "node"}
# Where a recorded sweep does not tell how long each voltage was held, this is assumed.
ASSUMED_DWELL_S = 0.1


def replay_response(
    response: Response,
    card: ModelCard,
    *,
    seed: int = 0,
    trial: int = 0,
    noise: str = "random",
    loading: Loading | None = None,
) -> Response:
    """Return what a card answers to a recorded stimulus, from rest.

    A sweep without times gets `ASSUMED_DWELL_S`; a negative one is mirrored, since the model
    knows one polarity only. A recorded current that was cut at a rail is cut there again, so that
    features meet the same saturation.

    Parameters
    ----------
    response : Response
    card : ModelCard
    seed, trial : int
        Name the random stream.
    noise : {"random", "mean", "off"}
    loading : Loading, optional
        The probe on a neuron's output.
    """
    stimulus, trace = response.stimulus, response.trace
    if isinstance(stimulus, Sweep):
        stimulus = replace(stimulus, dwell_s=stimulus.dwell_s or ASSUMED_DWELL_S)
        if stimulus.terminal == "input":
            stimulus = replace(stimulus, voltage_v=np.abs(stimulus.voltage_v))
        made = simulate_sweep(
            card, stimulus, response.connection, seed=seed, trial=trial, noise=noise
        )
    else:
        made = answer(
            connected(card, response.connection),
            stimulus,
            seed=seed,
            trial=trial,
            noise=noise,
            interval_s=trace.interval_s,
            start_s=trace.start_s,
            sample_s=trace.uneven_time_s,
            loading=loading,
            channels=[_SEEN.get(name, name) for name in trace.channels],
        )
    channels = dict(made.channels)
    if "memristor" in trace.channels:
        channels["memristor"] = _cut(channels["memristor"], trace.channel("memristor"))
    if "gate" in trace.channels and "node" in channels:
        channels["gate"] = channels.pop("node")
    trace = Trace(channels, made.start_s, made.interval_s, made.uneven_time_s)
    return Response(stimulus, trace, response.connection)


def _cut(made: Channel, recorded: Channel) -> Channel:
    rails = [abs(rail) for rail in (recorded.rail_low, recorded.rail_high) if rail is not None]
    if not rails:
        return made
    rail_a = max(rails)
    return replace(made, raw=np.clip(made.values, -rail_a, rail_a), rail_high=rail_a)
