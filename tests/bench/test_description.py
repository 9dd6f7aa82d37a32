"""Bench files: one clear line for whatever is wrong with them."""

import pytest

from labbench.bench import Limits, open_bench, read_bench
from labbench.errors import BenchError, LinkError


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("voltage_v = 4.0", "voltage_v = -4.0", "limits.voltage_v"),
        ("voltage_v = 4.0", "voltag_v = 4.0", "limits.voltag_v"),
        ("supply_v = 0.5", "supply_v = 5.0", "wiring.supply_v asks for 5 V"),
        ('name = "simulated neuron bench"', "name = ", "not valid TOML"),
        ("[instruments.supply]", "[instruments.suply]", "instruments.suply"),
        ("output_channel = 2 ", "output_channel = 1 ", "a channel of the digitizer for itself"),
        ("output_channel = 2 ", "output_channel = 7 ", "wiring.output_channel"),
    ],
)
def test_a_wrong_file_names_the_entry(bench_file, old, new, said):
    bench_file.write_text(bench_file.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(BenchError) as caught:
        read_bench(bench_file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(BenchError, match="No bench file"):
        read_bench(tmp_path / "none.toml")


def test_an_unknown_driver_names_the_known_ones(bench_file):
    text = bench_file.read_text("utf-8").replace('driver = "infiniivision"', 'driver = "infini"')
    bench_file.write_text(text, "utf-8")
    with pytest.raises(BenchError, match="known are keysight33500, keysight81160a"):
        open_bench(bench_file)


def test_every_instrument_that_does_not_answer_is_named(bench_file):
    head, simulated = bench_file.read_text("utf-8").split("\n[simulated]\n")
    head = head.replace("scope.sim", "scope.gone").replace("GPIB0::24", "GPIB0::25")
    bench_file.write_text(head + "\n[simulated]\n" + simulated, "utf-8")
    with pytest.raises(LinkError) as caught:
        open_bench(bench_file)
    assert "digitizer" in str(caught.value)
    assert "supply" in str(caught.value)


def test_check_identifies_and_switches_nothing_on(bench):
    lines = bench.check()
    assert any("33512B" in line for line in lines)
    assert any("2400" in line for line in lines)
    assert "4 V for 0.05 s" in lines[-1]
    assert not bench.pulse_source.is_output_on
    assert not bench.supply.is_output_on


def test_looking_at_a_bench_does_not_stop_what_somebody_else_runs_on_it(bench_file):
    with open_bench(bench_file) as working:
        working.start()
        with open_bench(bench_file) as looking:
            looking.check()
            # The simulated instruments end with their last user, so keep the link open here.
            looking._close = lambda: None
        assert working.supply.is_output_on


def test_a_driver_in_the_wrong_role_is_refused(bench_file):
    text = bench_file.read_text("utf-8").replace(
        'driver = "keithley2400"', 'driver = "infiniivision"'
    )
    bench_file.write_text(text, "utf-8")
    with pytest.raises(BenchError, match="'infiniivision' cannot be the supply"):
        open_bench(bench_file)


def test_a_channel_that_a_generator_does_not_have(bench_file):
    text = bench_file.read_text("utf-8").replace(
        "channel = 1\n\n[instruments.dig", "channel = 3\n\n[instruments.dig"
    )
    bench_file.write_text(text, "utf-8")
    with pytest.raises(LinkError, match="has the channels 1, 2, not 3"):
        open_bench(bench_file)


def test_a_missing_interface_library_is_one_clear_error(bench_file):
    text = bench_file.read_text("utf-8").replace('visa = "@labbench"', 'visa = "@py"')
    bench_file.write_text(text, "utf-8")
    with pytest.raises(LinkError, match="supply"):
        open_bench(bench_file)


@pytest.mark.parametrize(
    ("given", "expected_a"),
    [
        ({}, {"input": 1e-3, "gate": 1e-3, "supply": 2e-3}),
        ({"compliance_a": 1e-6}, {"input": 1e-6, "gate": 1e-6, "supply": 2e-3}),
        (
            {"compliance_a": {"input": 1e-6, "supply": 1e-5}},
            {"input": 1e-6, "gate": 1e-3, "supply": 1e-5},
        ),
    ],
)
def test_a_compliance_for_each_terminal(given, expected_a):
    limits = Limits(supply_compliance_a=2e-3, **given)
    assert {name: limits.compliance_of(name) for name in expected_a} == expected_a
