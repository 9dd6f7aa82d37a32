"""What keeps a window quick while a bench computes in the same process."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pyqtgraph.util.garbage_collector import GarbageCollector

# One picture enters Python some hundred times, and waits so long each time for a thread that
# computes: with Python's usual 5 ms, plots stutter while a simulated bench is busy.
_SWITCH_S = 5e-5
# Loaded on first use, in whatever thread, these would stop all threads for some 50 ms each.
_LARGE = ("h5py", "numba.typed", "pyarrow.parquet")


@contextmanager
def responsive() -> Iterator[None]:
    """Threads take turns often, and nothing stops all of them for as long as a person notices.

    Garbage is collected in Qt's thread only: a widget that dies in another one can stop the
    programme for ever (seen). What was loaded until now is no longer looked through: one walk
    through all libraries takes 160 ms. There must be a QApplication.
    """
    for name in _LARGE:
        importlib.import_module(name)
    before_s = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    collector = GarbageCollector()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
        collector.timer.stop()
        gc.collect()
        gc.unfreeze()
        gc.enable()
