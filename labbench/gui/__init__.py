"""Windows on a lab database; the only room that knows Qt.

What a window shows is held by a Qt-free `RunBrowser`; widgets subscribe to it and draw.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from labbench.errors import LabbenchError


def main(argv: Sequence[str] | None = None) -> int:
    """Open a window on a lab database and return the exit code once it is closed."""
    parser = argparse.ArgumentParser(
        prog="labbench-gui",
        description="Look at the runs and traces of a lab database, also while a bench writes it.",
    )
    parser.add_argument("--db", required=True, metavar="DB", help="the lab database")
    path = parser.parse_args(argv).db

    from labbench.store import Store

    try:
        with Store.open(path) as store:
            try:
                from labbench.gui.window import show_window
            except ImportError as error:
                return _fail(f"No window without Qt ({error}): install labbench[gui].")
            return show_window(store)
    except LabbenchError as error:
        return _fail(str(error))


def _fail(message: str) -> int:
    sys.stderr.write(f"labbench-gui: {' '.join(message.split())}\n")
    return 1
