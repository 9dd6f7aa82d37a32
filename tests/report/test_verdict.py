from labbench.compare import Comparison, Estimate, Scorecard
from labbench.report.verdict import property_verdicts


def row(name, verdict):
    nothing = Estimate(1.0, 0.1, 5)
    return Comparison(name, "x", "1", nothing, nothing, 0.0, 1.0, verdict)


def verdicts(*rows, energy=None):
    card = Scorecard("d", "c", None, (), rows, energy or {})
    return {v.property: v.verdict for v in property_verdicts(card)}


def test_one_feature_that_disagrees_decides():
    rows = [row("stochasticity", v) for v in ("agrees", "disagrees", "cannot tell")]
    assert verdicts(*rows)["stochasticity"] == "disagrees"
    assert verdicts(*rows[::2])["stochasticity"] == "agrees"
    assert verdicts(rows[2])["stochasticity"] == "cannot tell"


def test_a_neuron_shows_all_seven_and_what_is_only_inferred():
    found = verdicts(row("stochasticity", "agrees"), energy={"energy_j": {"source": 5e-12}})
    assert len(found) == 7
    assert found["leaky_integration"] == "not measured"
    assert found["energy_per_spike"] == "inferred"


def test_a_memristor_shows_what_it_has():
    assert verdicts(row("relaxation", "agrees")) == {"relaxation": "agrees"}
