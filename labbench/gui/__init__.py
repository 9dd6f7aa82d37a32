"""Windows on a lab database; the only room that knows Qt.

What a window shows is held by a Qt-free `RunBrowser`; widgets subscribe to it and draw.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from labbench.errors import LabbenchError


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window of a bench and a lab database; return the exit code once it is closed."""
    parser = argparse.ArgumentParser(
        prog="labbench-gui",
        description="Work at a bench, and look at what its lab database holds.",
    )
    parser.add_argument("--bench", metavar="B", help="bench file to begin with (TOML)")
    parser.add_argument(
        "--db", default="lab.db", metavar="DB", help="lab database; made if there is a bench"
    )
    given = parser.parse_args(argv)

    from labbench.store import Store

    try:
        with Store.open(given.db, create=given.bench is not None) as store:
            try:
                from labbench.gui.main_window import show_main_window
            except ImportError as error:
                return _fail(f"No window without Qt ({error}): install labbench[gui].")
            return show_main_window(store, given.db, given.bench)
    except LabbenchError as error:
        return _fail(str(error))


def _fail(message: str) -> int:
    sys.stderr.write(f"labbench-gui: {' '.join(message.split())}\n")
    return 1
