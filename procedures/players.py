"""The model as a player: it answers stimuli without any instrument."""

from __future__ import annotations

from dataclasses import replace

from labbench.connection import OPEN, Connection
from labbench.features import Response
from labbench.model import Loading, ModelCard
from labbench.model.answer import answer
from labbench.model.connected import connected
from labbench.model.sweeping import simulate_sweep
from labbench.stimulus import Stimulus, Sweep


class ModelPlayer:
    """Answer each stimulus from rest, each with its own random stream.

    Attributes
    ----------
    card : ModelCard
    seed : int
    interval_s, start_s : float
        Sampling of the records.
    loading : Loading
        The probe on the output.
    control_resistances_ohm : tuple of float
        What a procedure may switch between gate and ground; any will do.
    """

    def __init__(
        self,
        card: ModelCard,
        seed: int,
        interval_s: float,
        start_s: float,
        loading: Loading | None = None,
        control_resistances_ohm: tuple[float, ...] = (),
    ) -> None:
        self.card, self.seed = card, seed
        self.interval_s, self.start_s, self.loading = interval_s, start_s, loading
        self.control_resistances_ohm = control_resistances_ohm
        self._trial = 0

    def reaches(self, connection: Connection) -> bool:
        """Whether the model can be connected like this: one neuron, in every way."""
        return self.card.circuit == "neuron" or connection.gate != "follower"

    def play(self, stimulus: Stimulus, connection: Connection = OPEN) -> Response:
        """Simulate one stimulus."""
        if isinstance(stimulus, Sweep):
            return self._sweep(stimulus, connection)
        trace = answer(
            connected(self.card, connection),
            stimulus,
            seed=self.seed,
            trial=self._trial,
            interval_s=self.interval_s,
            start_s=self.start_s,
            loading=self.loading,
        )
        self._trial += 1
        if connection.gate == "follower":
            trace = replace(trace, channels={**trace.channels, "gate": trace.channels["node"]})
        return Response(stimulus, trace, self._seen(connection))

    def _sweep(self, sweep: Sweep, connection: Connection) -> Response:
        if self.card.circuit == "memristor" and sweep.bias.get("gate") == 0.0:
            # Its other end is ground.
            sweep = replace(sweep, bias={})
        elif sweep.terminal == "input" and "gate" in sweep.bias:
            connection = replace(connection, gate="grounded")
        trace = simulate_sweep(self.card, sweep, connection, seed=self.seed, trial=self._trial)
        self._trial += 1
        return Response(sweep, trace, self._seen(connection))

    def _seen(self, connection: Connection) -> Connection:
        """Return the connection with what the card says about the output."""
        if self.card.circuit == "memristor" or connection.gate == "grounded":
            return connection
        names = ("control_resistance_ohm", "load_resistance_ohm", "supply_v")
        return replace(
            connection, **{name: getattr(connection, name) or self.card[name] for name in names}
        )

    def safe(self) -> None:
        """Have nothing to switch off."""
