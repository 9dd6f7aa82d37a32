"""The window of a bench; the only room that knows Qt.

What is shown is held by Qt-free models in `labbench.gui.models`; panels subscribe to them and draw.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from labbench.errors import LabbenchError


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window on a lab database and return the exit code once it is closed."""
    parser = argparse.ArgumentParser(
        prog="labbench-gui",
        description="Run a bench, watch it, and look at what a lab database holds.",
    )
    parser.add_argument("--db", required=True, metavar="DB", help="the lab database")
    parser.add_argument("--bench", default="", metavar="BENCH", help="a bench file, to connect")
    parser.add_argument("--create", action="store_true", help="make the database, if there is none")
    given = parser.parse_args(argv)

    from labbench.store import Store

    try:
        with Store.open(given.db, create=given.create) as store:
            try:
                from labbench.gui.window import show_window
            except ImportError as error:
                return _fail(f"No window without Qt ({error}): install labbench[gui].")
            return show_window(store, given.bench)
    except LabbenchError as error:
        return _fail(str(error))


def _fail(message: str) -> int:
    sys.stderr.write(f"labbench-gui: {' '.join(message.split())}\n")
    return 1
