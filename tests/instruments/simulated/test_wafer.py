"""The wafer: who is drawn, who is bad, what is remembered."""

from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.simulated.bench import SimulatedBench, parse_simulated
from instruments.simulated.circuit import Cable
from instruments.simulated.prober.wafer import Wafer
from labbench.errors import BenchError


def open_wafer(seed: int = 1, **wafer: object) -> tuple[SimulatedBench, Wafer]:
    bench = SimulatedBench(
        parse_simulated({"seed": seed, "card": "b1", "wafer": wafer, "instruments": []})
    )
    assert bench.wafer is not None
    assert bench.truth is None
    return bench, bench.wafer


def test_a_round_wafer_has_no_corners() -> None:
    _, wafer = open_wafer(columns=5, rows=5, diameter_m=0.021)
    assert (1, 1) not in wafer.dies
    assert (3, 1) in wafer.dies
    assert len(wafer.dies) == 13
    with pytest.raises(BenchError, match="column 1, row 1, site 0"):
        wafer.truth((1, 1))


def test_devices_differ_by_place_and_seed_only() -> None:
    _, wafer = open_wafer(spread=0.2, sites=2)
    _, again = open_wafer(spread=0.2, sites=2)
    _, other = open_wafer(2, spread=0.2, sites=2)
    one = wafer.truth((2, 3), 1).card
    assert one.values == again.truth((2, 3), 1).card.values
    assert one.values != wafer.truth((2, 3), 0).card.values
    assert one.values != other.truth((2, 3), 1).card.values


def test_radial_trend() -> None:
    _, wafer = open_wafer(columns=3, rows=3, radial={"r_off_ohm": 0.5})
    middle, edge, corner = (wafer.truth(d).card["r_off_ohm"] for d in ((2, 2), (1, 2), (3, 3)))
    assert corner == pytest.approx(1.5 * middle)
    assert edge == pytest.approx(1.25 * middle)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_share_of_bad_devices(seed: int) -> None:
    _, wafer = open_wafer(seed, columns=20, rows=10, opens=0.2, shorts=0.1)
    states = [wafer.truth(die).state for die in wafer.dies]
    assert states.count("open") == pytest.approx(40, abs=25)
    assert states.count("short") == pytest.approx(20, abs=20)


def test_misses_are_drawn_anew_for_each_touchdown_and_device() -> None:
    _, wafer = open_wafer(columns=2, rows=1, misses=0.4)
    here = [wafer.touch((1, 1), 0) for _ in range(300)]
    there = [wafer.touch((2, 1), 0) for _ in range(300)]
    assert fmean(here) == pytest.approx(0.6, abs=0.1)
    assert here != there
    assert abs(np.corrcoef(here, there)[0, 1]) < 0.2
    _, again = open_wafer(columns=2, rows=1, misses=0.4)
    # What happened to the other device before makes no difference.
    assert [again.touch((2, 1), 0) for _ in range(300)] == there


def test_shorts_and_opens_are_felt() -> None:
    bench, wafer = open_wafer(columns=1, rows=1, shorts=1.0, short_ohm=20.0)
    probe = bench.circuit.terminal(Cable("input"))
    probe.connect("voltage", 20.0, 1.0)
    probe.drive([0.0], [1.0])
    for touched_v, lifted in ((0.5, False), (1.0, True)):
        wafer.lift() if lifted else wafer.touch((1, 1), 0)
        start_s = bench.clock.now()
        probe.watch(start_s)
        bench.clock.sleep(1e-3)
        assert probe.voltage(np.array([start_s + 5e-4]))[0] == pytest.approx(touched_v)
        probe.unwatch()
    assert wafer.truth((1, 1)).state == "short"


def test_a_device_keeps_its_state_while_the_probes_are_elsewhere() -> None:
    bench, wafer = open_wafer(columns=2, rows=1)
    probe = bench.circuit.terminal(Cable("input"))
    probe.connect("voltage", 50.0)
    wafer.touch((1, 1), 0)
    probe.drive([bench.clock.now()], [0.05])
    bench.clock.sleep(1e-3)
    device = wafer._devices[1, 1, 0]
    wafer.touch((2, 1), 0)
    met_s = device.time_s
    bench.clock.sleep(0.5)
    bench.circuit.advance()
    assert device.time_s == met_s
    wafer.touch((1, 1), 0)
    assert wafer._devices[1, 1, 0] is device
    assert device.time_s == bench.clock.now()


@pytest.mark.parametrize(
    ("wafer", "words"),
    [
        ({"opens": 0.7, "shorts": 0.7}, "at most 1 together"),
        ({"sites": 100, "site_pitch_m": 1e-3}, "do not fit"),
        ({"radial": {"nonsense": 0.1}}, "no parameter nonsense"),
        ({"columns": 0}, "greater than or equal to 1"),
        ({"slot": "nowhere"}, "nowhere"),
        ({"diameter_m": 1e-6, "columns": 2, "rows": 2}, "No die lies"),
    ],
)
def test_impossible_wafers(wafer: dict[str, object], words: str) -> None:
    with pytest.raises(BenchError, match=words):
        open_wafer(**wafer)


def test_a_bench_without_the_section_has_no_wafer(tmp_path: Path) -> None:
    bench = SimulatedBench(parse_simulated({"card": "b1", "instruments": []}))
    assert bench.wafer is None
    assert bench.truth is not None
