"""The model as a player: it answers stimuli without any instrument."""

from __future__ import annotations

from labbench.features import Response
from labbench.model import Loading, ModelCard, simulate
from labbench.stimulus import Stimulus


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
    """

    def __init__(
        self,
        card: ModelCard,
        seed: int,
        interval_s: float,
        start_s: float,
        loading: Loading | None = None,
    ) -> None:
        self.card, self.seed = card, seed
        self.interval_s, self.start_s, self.loading = interval_s, start_s, loading
        self._trial = 0

    def play(self, stimulus: Stimulus) -> Response:
        """Simulate one stimulus."""
        simulation = simulate(
            self.card,
            stimulus,
            seed=self.seed,
            trial=self._trial,
            interval_s=self.interval_s,
            start_s=self.start_s,
            loading=self.loading,
        )
        self._trial += 1
        return Response(stimulus, simulation.trace)

    def safe(self) -> None:
        """Have nothing to switch off."""
