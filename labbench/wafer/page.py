"""The page of a sweep at work: a map of the wafer, what came of each device, the last words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from labbench.wafer.plan import Place, Plan
from labbench.wafer.progress import Progress

# Seconds after which a browser asks for the page again.
REFRESH_S = 5
CELL = 24


def render_sweep(plan: Plan, progress: Progress, state: str, notices: Sequence[str]) -> str:
    """Return the page as HTML, complete in itself.

    Parameters
    ----------
    plan : Plan
    progress : Progress
    state : str
        "running" (the page refreshes itself), "done", "stopped" or "failed".
    notices : sequence of str
        The last lines of the log.
    """
    environment = Environment(
        loader=PackageLoader("labbench.wafer"), autoescape=True, undefined=StrictUndefined
    )
    cells = [
        {
            **_corner(plan, place),
            "state": progress.devices.get(place.name, "planned"),
            "name": place.name,
        }
        for place in plan.places()
    ]
    share = 100.0 * (progress.total - progress.left) / progress.total if progress.total else 0.0
    page: str = environment.get_template("sweep.html.j2").render(
        plan=plan,
        progress=progress,
        state=state,
        share=f"{share:.1f}",
        cells=cells,
        width=CELL * plan.wafer.columns,
        height=CELL * plan.wafer.rows,
        notices=list(reversed(notices)),
        refresh_s=REFRESH_S if state == "running" else 0,
        written=f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}",
    )
    return page


def _corner(plan: Plan, place: Place) -> dict[str, float]:
    """Return where a device is drawn: its die's square, in stripes for its sites; row 1 on top."""
    height = (CELL - 2) / plan.wafer.sites
    return {
        "x": CELL * (place.column - 1) + 1,
        "y": round(CELL * (place.row - 1) + 1 + place.site * height, 2),
        "width": CELL - 2,
        "height": round(height, 2),
    }
