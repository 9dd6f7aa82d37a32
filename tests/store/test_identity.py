from __future__ import annotations

from datetime import date

import pytest

from labbench.errors import StoreError
from labbench.store.engine import reading
from labbench.store.identity import parse_identity

CASES = {
    "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1234567,C30  Mar 17 1999 09:29:29/A02  /K/M": (
        "KEITHLEY INSTRUMENTS INC.",
        "MODEL 2400",
        "1234567",
        "C30  Mar 17 1999 09:29:29/A02  /K/M",
    ),
    "Agilent Technologies, DSO-X 3024T, MY1, 7.50.2021,extra": (
        "Agilent Technologies",
        "DSO-X 3024T",
        "MY1",
        "7.50.2021,extra",
    ),
    "K,1": ("", "K,1", "", None),
    "a prober": ("", "a prober", "", None),
    ",,1,2": ("", ",,1,2", "", None),
    "V,M,0,": ("V", "M", "0", None),
}


@pytest.mark.parametrize("idn", CASES)
def test_an_identity_has_four_parts_or_is_kept_whole(idn):
    assert tuple(parse_identity(idn)) == CASES[idn]


def test_no_answer_is_no_instrument():
    assert parse_identity(" \n") is None


def test_the_same_instrument_is_known_again(store):
    for due in (None, date(2027, 1, 31)):
        session = store.begin_session({}, simulated=False)
        for role in ("supply", "meter"):
            store.add_instrument_state(
                session, role, "GPIB0::24", "k", "K,2400,7,C30", {}, date(2026, 1, 31), due
            )
        store.add_instrument_state(session, "switch", "GPIB0::7", "k", "", {})
    supply, _, switch = store.session(2).instruments
    assert (supply.vendor, supply.model, supply.serial, supply.firmware) == (
        "K",
        "2400",
        "7",
        "C30",
    )
    assert (supply.calibrated_at, supply.calibration_due) == (date(2026, 1, 31), date(2027, 1, 31))
    assert (switch.vendor, switch.model, switch.firmware) == (None, None, None)
    with reading(store.engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM instrument").scalar() == 1


def test_a_session_ends_once(store):
    session = store.begin_session({}, simulated=True)
    assert store.session(session).ended_at is None
    store.end_session(session)
    found = store.session(session)
    assert found.ended_at >= found.started_at
    with pytest.raises(StoreError, match="ended at"):
        store.end_session(session)
    with pytest.raises(StoreError, match="no session 9"):
        store.end_session(9)
