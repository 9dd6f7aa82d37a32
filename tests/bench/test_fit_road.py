"""From a device on the simulated bench to its card: characterized, stored, fitted."""

import pytest

from labbench.bench import open_bench
from labbench.bench.characterize import characterize
from labbench.bench.run import begin_session
from labbench.report.device import load_device
from labbench.report.fits import fit_device


@pytest.fixture
def spread_bench(bench_file):
    text = bench_file.read_text("utf-8").replace("spread = 0.0", "spread = 0.3")
    bench_file.write_text(text.replace("seed = 0", "seed = 11"), "utf-8")
    with open_bench(bench_file) as opened:
        yield opened


def test_the_truth_lies_within_the_intervals(spread_bench, store):
    found = characterize(
        spread_bench, store, begin_session(spread_bench, store), store.add_device("n1", "neuron"),
        effort=0.15,
    )  # fmt: skip
    assert found.is_complete
    result = fit_device(store, load_device(store, "n1"))
    assert result.discrepancy == ""
    fitted = {p.name: p for p in result.parameters}
    for name, parameter in fitted.items():
        off = parameter.value - spread_bench.truth[name]
        assert abs(off) < 4 * parameter.stderr, (name, off / parameter.stderr)
    for name in ("mu_per_v_s", "gamma1_per_s", "gate_capacitance_f", "kappa_per_s", "eta"):
        assert fitted[name].is_identifiable
    assert fitted["gamma1_per_s"].stderr < 0.03 * fitted["gamma1_per_s"].value
    # This amplifier does not see picoampere: what only they tell is named, with what would.
    assert not fitted["r_off_ohm"].is_identifiable
    assert "off_current" in fitted["r_off_ohm"].remedy
    assert any("absent" in stage and "off_current" in stage for stage in result.stages)
