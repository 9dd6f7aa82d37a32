"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

# Text and no Path, which would take the second slash away from a URL.
_DATABASE = "Lab database: a file, or postgresql://USER@HOST:PORT/DATABASE."
Database = Annotated[str, typer.Option("--db", help=_DATABASE)]
DatabaseArgument = Annotated[str, typer.Argument(help=_DATABASE, metavar="DB")]
Device = Annotated[str, typer.Option("--device", help="Name of the device.")]
BenchFile = Annotated[Path, typer.Option("--bench", help="Bench file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Same seed, same numbers.")]
