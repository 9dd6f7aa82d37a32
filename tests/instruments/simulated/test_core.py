"""The core under hard use: messages on lines of their own, locks, timeouts, absurd numbers."""

import numpy as np
import pytest
import pyvisa
from pyvisa.constants import AccessModes, BufferOperation
from pyvisa.errors import VisaIOError

from instruments.simulated.generators.waveforms import Burst, Program, sine
from instruments.simulated.scpi.message import complete_messages, split_message, unquoted

from ..conftest import AWG


def test_absurd_numbers_are_out_of_range_and_break_nothing(
    manager: pyvisa.ResourceManager,
) -> None:
    awg = manager.open_resource(AWG)
    for message in ("*SRE 1e400", "*ESE 1e99999", f"SOUR{'1' * 5000}:FREQ 1"):
        awg.write(message)
    codes = [int(awg.query("SYST:ERR?").split(",")[0]) for _ in range(4)]
    assert codes == [-222, -222, -114, 0]
    awg.write("*SRE 255")
    assert awg.query("*SRE?").strip() == "191"


def test_each_line_is_a_message_and_a_string_holds_no_block(
    manager: pyvisa.ResourceManager,
) -> None:
    awg = manager.open_resource(AWG)
    awg.write("FREQ 1000\nVOLT 2")
    assert float(awg.query("VOLT?")) == 2
    assert complete_messages(b'A "#9999999999"\nB\n', b"\n")[0] == [b'A "#9999999999"\n', b"B\n"]
    assert complete_messages(b"-- #3100\nx\n", b"\n", has_blocks=False)[1] == b""
    assert split_message(b'A "#1 b"') == [(":A", ['"#1 b"'])]
    assert unquoted("'it''s'") == "it's"


def test_locks_keep_others_out_and_only_their_owner_unlocks(
    manager: pyvisa.ResourceManager,
) -> None:
    first, second = manager.open_resource(AWG), manager.open_resource(AWG)
    first.lock_excl()
    for act in (lambda: second.query("*IDN?"), second.unlock, lambda: second.lock_excl(10)):
        with pytest.raises(VisaIOError, match="LOCK"):
            act()
    first.unlock()
    key = first.lock()
    with pytest.raises(VisaIOError, match="LOCK"):
        second.query("*IDN?")
    second.lock(requested_key=key)
    assert second.query("*IDN?")
    first.close()
    second.close()
    third = manager.open_resource(AWG, access_mode=AccessModes.exclusive_lock)
    assert third.lock_state == AccessModes.exclusive_lock


def test_flush_leaves_the_instrument_alone_and_end_may_be_held_back(
    manager: pyvisa.ResourceManager,
) -> None:
    awg = manager.open_resource(AWG)
    awg.write("*IDN?")
    awg.flush(BufferOperation.discard_read_buffer)
    assert awg.read().startswith("Agilent")
    awg.send_end = False
    awg.write_raw(b"*OP")
    awg.send_end = True
    awg.write_raw(b"C?\n")
    awg.timeout = None
    assert awg.read().strip() == "1"
    assert awg.resource_manufacturer_name == "labbench"


def test_a_fast_course_never_runs_backwards() -> None:
    program = Program(0.0, lambda level: level, [Burst(0.01559205, sine(5e-8))])
    from_s = 0.01559205
    for _ in range(8):
        corner_s, _, until_s = program.corners(from_s, 1.0)
        assert corner_s[0] >= from_s
        assert corner_s[-1] <= until_s
        assert np.all(np.diff(corner_s) >= 0.0)
        from_s = until_s
