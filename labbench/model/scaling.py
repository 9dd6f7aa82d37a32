"""From picojoules to attojoules per spike: three sizes of one neuron, simulated, not promised.

Each row plays the same drive, in its own time, to a card and puts the energy per spike beside the
published figure, with everything that had to be assumed. No value is tuned to reach a figure. What
is "second-hand" is a third party's transcription of the paper (doi 10.1038/s41928-025-01488-x) and
of its SI.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from labbench.features import Outcome
from labbench.model.card import ModelCard, read_card
from labbench.model.energy import EnergySplit, spike_energies
from labbench.model.output import Loading
from labbench.stimulus import Pulse, PulseTrain

PAPER, OURS = "second-hand", "ours"


@dataclass(frozen=True)
class Assumption:
    """One sentence, and who says so: "second-hand" from the paper, or "ours"."""

    sentence: str
    origin: str


@dataclass(frozen=True)
class ScalingRow:
    """One size of the neuron.

    Attributes
    ----------
    name : str
    card : ModelCard
    amplitude_v, period_s : float
        Of the pulse train that drives it, half of each period on.
    pulses : int
    outcome : Outcome
        Of the whole train; spikes before a latch-up count.
    spikes : int
        Whole spikes, the mean of which is `energy`.
    latched_s : float
        Time in which the gate did not return; not in `energy`.
    energy : EnergySplit or None
        Per spike, in J; None where there was no whole spike.
    gate_charge_j : float
        ``Cg u^2``, what the source gives for filling the gate once and no more.
    published_j : float
    published : str
        What is published, and where.
    assumptions : tuple of Assumption
    """

    name: str
    card: ModelCard
    amplitude_v: float
    period_s: float
    pulses: int
    outcome: Outcome
    spikes: int
    latched_s: float
    energy: EnergySplit | None
    gate_charge_j: float
    published_j: float
    published: str
    assumptions: tuple[Assumption, ...]

    @property
    def comparison(self) -> str:
        """How the simulation stands to the published figure, in a sentence."""
        if self.energy is None:
            return f"No whole spike ({self.outcome.value}): nothing to set beside the figure."
        source_j, supply_j = self.energy.source_j, self.energy.supply_j
        return (
            f"Published {self.published_j:.3g} J; simulated, the input takes {source_j:.3g} J "
            f"({source_j / self.published_j:.2g} times as much) and the supply {supply_j:.3g} J "
            f"({supply_j / self.published_j:.2g} times)."
        )


@dataclass(frozen=True)
class _Case:
    name: str
    card: str
    amplitude_v: float
    period_s: float
    edge_s: float
    pulses: int
    load_capacitance_f: float
    published_j: float
    published: str
    assumptions: tuple[Assumption, ...]


_COMMON = (
    Assumption("The drive is noiseless and so is the memristor.", OURS),
    Assumption("What makes and shapes the input's pulses takes nothing.", OURS),
    Assumption("The published figure is of the input; no source says what it counts.", OURS),
)

_BENCH = _Case(
    name="bench device",
    card="t1",
    amplitude_v=0.45,
    period_s=2e-3,
    edge_s=1e-6,
    pulses=900,
    load_capacitance_f=0.0,
    published_j=1e-12,
    published="about 1 pJ per spike at 0.45 V, main text",
    assumptions=(
        Assumption("The memristor is that of SI Table 1 (card t1), not a fitted one.", PAPER),
        Assumption("The gate has 10 pF.", PAPER),
        Assumption("The control resistor is 250 MOhm.", PAPER),
        Assumption("An ALD110902 transistor switches 47 kOhm on a supply of 0.5 V.", PAPER),
        Assumption("The slope factor of the transistor is 1.4.", OURS),
        Assumption(
            "The drive is the train of Fig. 2e, 1 ms of every 2 ms, but at 0.45 V, the input of "
            "the published figure; its course in time is not known.",
            OURS,
        ),
        Assumption(
            "Only the spikes before the gate latches count. With these rates it latches, as the "
            "paper's devices do not; which of the last spikes come depends on the tolerance, and "
            "the mean on it by a fiftieth.",
            OURS,
        ),
    ),
)

_NODE_65 = _Case(
    name="65 nm",
    card="65nm",
    amplitude_v=0.45,
    period_s=2e-3,
    edge_s=1e-6,
    pulses=250,
    load_capacitance_f=1e-12,
    published_j=1.39e-12,
    published="1.39 pJ per spike, SI Table 7",
    assumptions=(
        Assumption("The filament grows twice as fast per volt as in SI Table 1.", PAPER),
        Assumption("The gate keeps the 10 pF of the bench.", PAPER),
        Assumption("Control and load resistor are 1 GOhm; the drain has 1 pF.", PAPER),
        Assumption("The drive is that of the bench device; Table 7's is not known.", OURS),
        Assumption(
            "Transistor and supply are those of the bench: 3 nA with the gate at zero are more "
            "than 1 GOhm passes at 0.5 V, so the drain never rises and the supply always flows.",
            OURS,
        ),
        Assumption("Only the spikes before the gate latches count.", OURS),
    ),
)

_NODE_3 = _Case(
    name="3 nm FinFET",
    card="3nm",
    amplitude_v=0.45,
    period_s=2e-8,
    edge_s=1e-11,
    pulses=2000,
    load_capacitance_f=1e-18,
    published_j=1e-18,
    published="about 1 aJ per spike, SI Table 8",
    assumptions=(
        Assumption(
            "The filament forms and dissolves a hundred thousand times faster than at 65 nm; the "
            "SI says 10 ns pulses suffice.",
            PAPER,
        ),
        Assumption("The gate has 4.14 aF.", PAPER),
        Assumption("No wire or memristor adds to the gate's capacitance.", OURS),
        Assumption("The closed filament has 100 MOhm and no filament 4e18 Ohm.", PAPER),
        Assumption("The control resistor is 242 GOhm.", PAPER),
        Assumption("A resistor of that size can be made without capacitance of its own.", OURS),
        Assumption("The load is 242 kOhm and the drain has 1 aF.", PAPER),
        Assumption(
            "That R_l is no slip for 242 GOhm, the value of Rc (they are equal in Table 7), with "
            "which the supply could give no more than 1 aJ per microsecond.",
            OURS,
        ),
        Assumption(
            "Charge is continuous: the gate holds five electrons at 0.2 V, and kT/C noise is 32 mV "
            "at 300 K; the model knows neither.",
            OURS,
        ),
        Assumption(
            "Nothing leaks: not the gate's oxide, not the memristor beyond its model.", OURS
        ),
        Assumption(
            "The drive is the train of 65 nm, 0.45 V, its times a hundred thousand times shorter.",
            OURS,
        ),
        Assumption("Transistor and supply are those of the bench.", OURS),
        Assumption(
            "Spikes come on the verge of latching, so which pulse fires depends on the tolerance; "
            "the mean over the train moves by a tenth.",
            OURS,
        ),
    ),
)


def scaling_table() -> tuple[ScalingRow, ...]:
    """Simulate the neuron on the bench, at 65 nm and at 3 nm; a row each, the largest first."""
    return tuple(_row(case) for case in (_BENCH, _NODE_65, _NODE_3))


def _row(case: _Case) -> ScalingRow:
    card = read_card(case.card)
    account = spike_energies(
        card,
        _train(case.amplitude_v, case.period_s, case.edge_s, case.pulses),
        loading=Loading(inf, case.load_capacitance_f),
    )
    return ScalingRow(
        name=case.name,
        card=card,
        amplitude_v=case.amplitude_v,
        period_s=case.period_s,
        pulses=case.pulses,
        outcome=account.outcome,
        spikes=len(account.spikes),
        latched_s=account.duration_s("latched"),
        energy=account.per_spike,
        gate_charge_j=card["gate_capacitance_f"] * case.amplitude_v**2,
        published_j=case.published_j,
        published=case.published,
        assumptions=(*case.assumptions, *_COMMON),
    )


def _train(amplitude_v: float, period_s: float, edge_s: float, pulses: int) -> PulseTrain:
    pulse = (
        Pulse(i * period_s, 0.5 * period_s, amplitude_v, edge_s, edge_s) for i in range(pulses)
    )
    return PulseTrain(tuple(pulse), duration_s=pulses * period_s)
