"""The simulated switch system, as a program that talks to it finds it."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.simulated.clock import VirtualClock
from instruments.simulated.keithley7001 import COLUMNS, ROWS, SwitchSystem

ALL = [(row, column) for row, column in product(range(1, ROWS + 1), range(1, COLUMNS + 1))]


def built() -> tuple[SwitchSystem, VirtualClock]:
    clock = VirtualClock()
    return SwitchSystem("switch", clock, {}, np.random.default_rng(0)), clock


def ask(switch: SwitchSystem, text: str) -> str:
    switch.message(text.encode())
    while not switch.answers:
        switch.clock.sleep(max(switch.next_answer_s - switch.clock.now(), 0.0))
    return switch.answers.popleft().decode().strip()


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        (":ROUT:CLOS (@1!1!1)", "(@1!1!1)"),
        (":clos (@1!1!1, 1!2!3 : 1!2!5)", "(@1!1!1,1!2!3:1!2!5)"),
        (":ROUTe:CLOSe (@1!1!9:1!2!2);:OPEN (@1!1!10)", "(@1!1!9,1!2!1:1!2!2)"),
        (":CLOS (@1!1!1:1!4!10);:OPEN ALL", "(@)"),
        (":CLOS (@1!4!10);:ROUT:OPEN:ALL", "(@)"),
        (":CLOS (@1!4!10);*RST", "(@)"),
    ],
)
def test_lists(sent: str, state: str) -> None:
    switch, _ = built()
    switch.message(sent.encode())
    assert ask(switch, ":ROUT:CLOS:STAT?") == state
    assert ask(switch, "SYST:ERR?") == '0,"No error"'


@given(st.sets(st.sampled_from(ALL)))
def test_every_channel_says_what_the_list_says(closed: set[tuple[int, int]]) -> None:
    switch, _ = built()
    names = ",".join(f"1!{row}!{column}" for row, column in closed)
    if closed:
        switch.message(f":CLOS (@{names})".encode())
    bits = ask(switch, ":CLOS? (@1!1!1:1!4!10)").split(",")
    assert [bit == "1" for bit in bits] == [each in closed for each in ALL]
    opposite = ask(switch, ":OPEN? (@1!1!1:1!4!10)").split(",")
    assert all(one != other for one, other in zip(bits, opposite, strict=True))
    text = ask(switch, ":CLOS:STAT?")
    switch.message(b":OPEN ALL")
    if closed:
        switch.message(f":CLOS {text}".encode())
    assert ask(switch, ":CLOS:STAT?") == text


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (":CLOS", -109),
        (":CLOS 1!1!1", -102),
        (":CLOS (@1!1)", -102),
        (":CLOS (@1!5!1)", -222),
        (":CLOS (@1!1!11)", -222),
        (":CLOS (@2!1!1)", -222),
        (":CLOS (@1!1!2:1!1!1)", -222),
        (":SHUT (@1!1!1)", -113),
        (":ROUT:CONF:SLOT1:STIM -1", -222),
    ],
)
def test_what_is_refused_moves_nothing(sent: str, code: int) -> None:
    switch, _ = built()
    switch.message(sent.encode())
    assert ask(switch, "SYST:ERR?").startswith(f"{code},")
    assert ask(switch, ":CLOS:STAT?") == "(@)"


def test_relays_take_their_time() -> None:
    switch, clock = built()
    switch.message(b":CLOS (@1!1!1)")
    assert ask(switch, "*OPC?") == "1"
    assert clock.now() == pytest.approx(3e-3)
    switch.message(b":ROUT:CONF:SLOT1:STIM 0.05")
    switch.message(b":OPEN ALL;:CLOS (@1!2!2)")
    assert switch.is_pending, "the second waits for the first"
    assert ask(switch, "*OPC?") == "1"
    assert clock.now() == pytest.approx(3e-3 + 2 * 53e-3)


def test_what_is_in_it() -> None:
    switch, _ = built()
    assert ask(switch, ":ROUT:CONF:SLOT1:CTYP?;:ROUT:CONF:SLOT2:CTYP?") == "C7012;NONE"
