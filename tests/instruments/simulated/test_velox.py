"""The simulated prober: the stock driver as it is, heights, steps, moves in time, errors."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pyvisa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymeasure.instruments.formfactor import Velox

from instruments.simulated.bench import SimulatedBench, bench_of
from instruments.simulated.faults import Fault
from labbench.errors import BenchError

PROBER = "GPIB0::28::INSTR"
Ask = Callable[[str], str]


def wafer_file(folder: Path, wafer: str, more: str = "") -> Path:
    path = folder / "wafer.toml"
    path.write_text(
        f"""[simulated]
seed = 7
card = "b1"
[simulated.wafer]
{wafer}
[[simulated.instruments]]
address = "{PROBER}"
model = "Velox"
{more}
"""
    )
    return path


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[pyvisa.ResourceManager]:
    path = wafer_file(tmp_path, "columns = 3\nrows = 2\nsites = 2")
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    yield manager
    manager.close()


@pytest.fixture
def bench(manager: pyvisa.ResourceManager) -> SimulatedBench:
    return bench_of(manager)


@pytest.fixture
def ask(manager: pyvisa.ResourceManager) -> Ask:
    prober = manager.open_resource(PROBER, timeout=40_000)
    return lambda command: str(prober.query(command)).strip()


def test_stock_driver_steps_over_the_whole_wafer(
    manager: pyvisa.ResourceManager, bench: SimulatedBench
) -> None:
    prober = Velox(PROBER, visa_library=manager.visalib)
    assert prober.id.startswith("FormFactor,Velox,")
    assert prober.version == "3.4.1"
    assert prober.wafermap.enabled
    met = []
    place = prober.wafermap.step_first_die()
    while not prober.wafermap.end_reached:
        met.append(place)
        prober.chuck.move_contact()
        assert bench.wafer is not None
        assert bench.wafer.touched == (*place[:2], 0)
        prober.chuck.move_separation(50)
        assert bench.wafer.touched is None
        place = prober.wafermap.step_next_die()
    assert [tuple(each[:2]) for each in met] == [(1, 1), (2, 1), (3, 1), (3, 2), (2, 2), (1, 2)]
    assert {tuple(each[2:]) for each in met} == {(0, 2)}
    assert (prober.error_code, prober.error_message) == (703, "End of wafer.")


def test_stock_driver_moves(manager: pyvisa.ResourceManager, bench: SimulatedBench) -> None:
    prober = Velox(PROBER, visa_library=manager.visalib)
    assert prober.chuck.index == [5000, 5000]
    prober.wafermap.step_to_die(2, 2)
    assert prober.ask("ReadChuckPosition") == "5000.00 5000.00 9700.00"
    prober.chuck.move_align()
    prober.chuck.move(-100, 50, "relative")
    assert prober.ask("ReadChuckPosition Y H") == "4900.00 5050.00 9900.00"
    prober.chuck.move_index(2, 0)
    assert prober.ask("ReadChuckPosition X").startswith("2.00 0.00")
    prober.chuck.index = (100, 200)
    assert prober.chuck.index == [100, 200]
    with pytest.raises(ConnectionError, match="20: Motion outside"):
        prober.chuck.move(1e9, 0)
    assert prober.error_code == 20


def test_moves_take_time(ask: Ask, bench: SimulatedBench) -> None:
    before_s = bench.clock.now()
    ask("MoveChuck 50000 0 H Y 100")
    fast_s = bench.clock.now() - before_s
    ask("MoveChuck 0 0 H Y 10")
    assert fast_s == pytest.approx(1.2, abs=0.01)
    assert bench.clock.now() - before_s - fast_s == pytest.approx(10.2, abs=0.01)


def test_needles_leave_at_once_and_touch_on_arrival(
    manager: pyvisa.ResourceManager, bench: SimulatedBench
) -> None:
    prober, wafer = manager.open_resource(PROBER), bench.wafer
    assert wafer is not None
    prober.write("MoveChuckContact")
    bench.clock.sleep(0.1)
    assert wafer.touched is None
    assert prober.read().strip() == "0:"
    assert wafer.touched == (1, 1, 0)
    prober.write("StepNextDie")
    bench.clock.sleep(0.01)
    assert wafer.touched is None
    assert prober.read().strip() == "0: 2 1 0 2"


def test_subdies_and_pads(ask: Ask, bench: SimulatedBench) -> None:
    wafer = bench.wafer
    assert wafer is not None
    assert ask("StepNextDie 2 1 1") == "0: 2 1 1 2"
    ask("MoveChuckContact")
    assert wafer.touched == (2, 1, 1)
    assert ask("StepNextSubDie") == "704: End of subdie table."
    assert ask("StepNextSubDie 0") == "0: 0"
    ask("MoveChuckSubsite 15 -15")
    ask("MoveChuckContact")
    assert wafer.touched == (2, 1, 0)
    ask("MoveChuckSubsite 25 0")
    ask("MoveChuckContact")
    assert wafer.touched is None


def test_heights(ask: Ask, bench: SimulatedBench) -> None:
    wafer = bench.wafer
    assert wafer is not None
    assert ask("ReadChuckHeights") == "0: 10000.00 0.00 100.00 300.00 100.00"
    ask("SetChuckHeight O V Y 40")
    ask("SetChuckMode 1 2 2 2 2 2")
    ask("MoveChuckContact 100")
    assert ask("ReadChuckPosition").endswith(" 10040.00")
    assert ask("ReadChuckStatus").split()[7] == "O"
    assert ask("MoveChuckZ 50 C Y") == "24: Height is above contact: 10050 um"
    assert wafer.touched is not None
    assert ask("MoveChuckZ -1 C Y") == "0:"
    assert wafer.touched is None
    assert ask("SetChuckHeight C R") == "0:"
    for command in ("MoveChuckContact", "MoveChuckAlign", "MoveChuckSeparation"):
        assert ask(command) == "21: Contact height is not set."
    assert ask("ReadChuckHeights I").startswith("0: -1.00 ")
    assert ask("SetChuckHeight S 0").startswith("2: Invalid parameter")


def test_interlock_automatic_lift_and_platen(ask: Ask, bench: SimulatedBench) -> None:
    wafer = bench.wafer
    assert wafer is not None
    ask("MoveChuckContact")
    ask("SetChuckMode 2 2 1")
    assert ask("MoveChuckIndex 1 0") == "22: Interlock: chuck is in contact."
    ask("SetChuckMode 2 1 0")
    ask("MoveChuckIndex 1 0")
    assert wafer.touched == (2, 1, 0)
    ask("MovePlatenSeparation")
    assert wafer.touched is None
    ask("MovePlatenContact")
    assert wafer.touched == (2, 1, 0)
    ask("*RST")
    assert wafer.touched is None


def test_open_door_stops_all_moves(ask: Ask, bench: SimulatedBench) -> None:
    bench.ports[PROBER].add_fault(Fault(kind="interlock", on="MoveChuckContact"))
    assert ask("MoveChuckContact") == "23: Interlock: chamber door is open."
    bench.ports[PROBER].add_fault(Fault(kind="trip"))
    with pytest.raises(BenchError, match="no fault 'trip'"):
        ask("*IDN?")


def test_bins_and_map(ask: Ask) -> None:
    assert ask("GetNumSelectedDies") == "0: 6"
    assert ask("GetDieDataAsNum 4") == "0: 4 3 2 0"
    assert ask("BinStepDie 3") == "0: 2 1 0 2"
    assert ask("GetDieResult 1 1") == "0: 3"
    assert ask("ReadMapPosition2") == "0: 2 1 5000.00 0.00 0 2 2"
    assert ask("GetSubDieData 1") == "0: 1 0.00 200.00 site1"
    assert ask("StepFirstDie") == "0: 1 1 0 2"
    assert ask("GetDieResult 1 1") == "0: 0"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("Fly", "1: Unknown command: Fly"),
        ("StepNextDie 9 9", "702: Die does not exist: column 9, row 9, subdie 0"),
        ("MoveChuck 1 x", "2: Invalid parameter: x"),
        (
            "MoveChuckContact 101",
            "2: Invalid parameter: velocity 101 is not above 0 to 100 percent",
        ),
        ("SetChuckIndex 1", "3: Missing parameter."),
        ("GetDieDataAsNum 7", "702: Die does not exist: number 7"),
        ("MoveChuckIndex 0.5 0", "2: Invalid parameter: 0.5 is not an integer"),
        ("*OPC?", "1"),
        ("ISAPPREGISTERED wafermap", "0: 1"),
    ],
)
def test_answers(ask: Ask, command: str, answer: str) -> None:
    assert ask(command) == answer


def test_scope(ask: Ask) -> None:
    ask("MoveScope 100 200")
    ask("MoveScope 5 0 R Y 50")
    ask("MoveScopeZ 1000")
    assert ask("ReadScopePosition") == "0: 105.00 200.00 1000.00"
    assert ask("MoveScope 1e6 0").startswith("20: ")


def test_without_a_wafer_there_is_no_map(tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text(f'[simulated]\n[[simulated.instruments]]\naddress="{PROBER}"\nmodel="Velox"\n')
    manager = pyvisa.ResourceManager(f"{path}@labbench")
    prober = Velox(PROBER, visa_library=manager.visalib)
    assert not prober.wafermap.enabled
    with pytest.raises(ConnectionError, match="701: No wafer map"):
        prober.wafermap.step_first_die()
    manager.close()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(
        [
            "MoveChuck",
            "MoveChuckIndex",
            "MoveChuckSubsite",
            "MoveChuckZ",
            "SetChuckHeight",
            "SetChuckMode",
            "SetChuckHome",
            "StepNextDie",
            "StepNextSubDie",
            "StepToDie",
            "MoveScope",
            "BinMapDie",
            "ReadChuckPosition",
            "MoveChuckContact",
            "GetSubDieData",
            "MovePlatenContact",
        ]
    ),
    st.lists(
        st.sampled_from(
            [
                "0",
                "1",
                "2",
                "-1",
                "1e3",
                "1e30",
                "nan",
                "0.5",
                "C",
                "V",
                "Y",
                "X",
                "R",
                "H",
                "nonsense",
            ]
        )
    ),
)
def test_every_command_has_one_answer(ask: Ask, command: str, parameters: list[str]) -> None:
    answer = ask(" ".join([command, *parameters]))
    assert answer.partition(":")[0].isdigit()
    assert ask("*OPC?") == "1"
