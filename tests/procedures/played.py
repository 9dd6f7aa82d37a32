"""What identification procedures are tested with: played to the model, quiet or not."""

from labbench.features import PROPERTIES
from procedures import configure, find_procedure
from procedures.players import ModelPlayer

# Of card B1: the threshold on a ramp, the latency at 1.25 of it.
SCALE = {"threshold_v": 0.73, "latency_s": 5.07e-4}


class Blind(ModelPlayer):
    """A wiring without an amplifier at the gate."""

    def reaches(self, connection):
        return connection.gate == "open"


def quiet(card, **values):
    """Return a card without jumps, some values changed."""
    return card.with_values({"kappa_per_s": 0.0, **values})


def play(name, card, settings, *, seed=0, interval_s=1e-6, player=ModelPlayer):
    """Return the responses of a procedure."""
    procedure = configure(find_procedure(name), settings)
    responses = []
    procedure.player = player(card, seed, interval_s=interval_s, start_s=-1e-4)
    procedure.record = lambda ordinal, response: responses.append(response)
    procedure.should_stop = lambda: False
    procedure.emit = lambda topic, value: None
    procedure.execute()
    return responses


def features(name, card, settings, **options):
    """Return the features of all properties of a procedure, by label."""
    responses = play(name, card, settings, **options)
    return {
        feature.label: feature
        for each in find_procedure(name).properties
        for feature in PROPERTIES[each][0](responses)
    }
