"""Commands of the simulated bench."""

from __future__ import annotations

import json
import signal
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def serve(
    bench: Annotated[
        Path | None, typer.Option("--bench", help="Bench file with a [simulated] part.")
    ] = None,
    pace: Annotated[
        float,
        typer.Option("--pace", min=0.0, help="Bench seconds in a real one; 0: no waiting."),
    ] = 1.0,
    first_port: Annotated[
        int, typer.Option("--first-port", min=0, max=65_000, help="0: any that are free.")
    ] = 0,
) -> None:
    """Serve simulated instruments on 127.0.0.1 until stopped; addresses on stdout, as JSON."""
    from instruments.simulated.bench import read_bench
    from instruments.simulated.links.serve import BenchServer
    from labbench.errors import BenchError

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    simulated = read_bench(bench, pace)
    try:
        server = BenchServer(simulated, first_port)
    except OSError as error:
        raise BenchError(f"The simulated bench cannot be served: {error}.") from error
    with server:
        document = {"pace": pace, "instruments": [asdict(one) for one in server.served]}
        print(json.dumps(document), flush=True)
        while not stopped.wait(0.5):
            pass
