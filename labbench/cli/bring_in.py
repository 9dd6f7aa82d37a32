"""The command that brings in recordings of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labbench.cli.terminal import print_features
from labbench.errors import FeatureError, ImportFileError

if TYPE_CHECKING:
    from labbench.features import Feature
    from labbench.store.importers import Recording

_LISTED, _SHOWN = "--list", "--show"


def import_recordings(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Recordings of other tools, known by content.")
    ] = None,
    db: Annotated[str | None, typer.Option("--db", help="Lab database.")] = None,
    device: Annotated[str | None, typer.Option("--device", help="Name of the device.")] = None,
    kind: Annotated[
        str, typer.Option(help="Of a new device: memristor, neuron, transistor, resistor.")
    ] = "memristor",
    column: Annotated[
        list[str] | None,
        typer.Option(help="What a column holds: voltage=NAME or voltage=2; current, time, ..."),
    ] = None,
    unit: Annotated[
        list[str] | None, typer.Option(help="Units the file does not tell: voltage=V,current=uA.")
    ] = None,
    dwell_s: Annotated[
        float | None, typer.Option(help="Time at each voltage, for sweeps without times.")
    ] = None,
    compliance_a: Annotated[float | None, typer.Option(help="Current limit of the source.")] = None,
    shunt_ohm: Annotated[
        float | None, typer.Option(help="Resistor whose voltage (--column drop=NAME) is measured.")
    ] = None,
    shape: Annotated[
        str | None, typer.Option("--as", help="sweep, pulse, or record (without features).")
    ] = None,
    missing: Annotated[
        list[str] | None, typer.Option(help="Text of cells without a number; kept as NaN.")
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Leave out unreadable rows, and count them.")
    ] = False,
    encoding: Annotated[str | None, typer.Option(help="Of the text, if it cannot be told.")] = None,
    show: Annotated[
        bool, typer.Option(_SHOWN, help="Say what is recognised; keep nothing.")
    ] = False,
    listed: Annotated[bool, typer.Option(_LISTED, help="The kinds of files, and exit.")] = False,
) -> None:
    """Import recordings of other tools, known by their content; --show only looks."""
    if listed:
        _list_dialects()
        return
    if not files:
        raise typer.BadParameter(f"name a file, or give {_LISTED}.")
    given = {
        "columns": _pairs(column, "--column"),
        "units": _pairs(unit, "--unit"),
        "dwell_s": dwell_s,
        "compliance_a": compliance_a,
        "shunt_ohm": shunt_ohm,
        "shape": shape,
        "missing": tuple(missing or ()),
        "lenient": lenient,
        "encoding": encoding,
    }
    if show:
        _show(files, given)
        return
    if db is None or device is None:
        raise typer.BadParameter(f"give --db and --device, or {_SHOWN} to look only.")
    _import(files, db, device, kind, given)


def _import(files: Sequence[Path], db: str, device: str, kind: str, given: dict[str, Any]) -> None:
    from labbench.report.device import save_features
    from labbench.store import Store
    from labbench.store.importers import read_recording

    # Everything that a file can be refused for comes before anything is written.
    recordings = [read_recording(file, **given) for file in files]
    drawn = [_draw(file, r) for file, r in zip(files, recordings, strict=True)]
    with Store.open(db, create=True) as store:
        is_known = any(record.name == device for record in store.devices())
        seen = [run.source_sha256 for run in store.runs(device=device)] if is_known else []
        for file, recording in zip(files, recordings, strict=True):
            if recording.sha256 in seen:
                raise ImportFileError(
                    f"{str(file)!r} is there already, for {device!r} in {store.name!r} or twice in "
                    "this call: nothing was imported."
                )
            seen.append(recording.sha256)
        device_id = store.add_device(device, kind)
        session_id = store.begin_session({"imported": True}, simulated=False)
        for file, recording, features in zip(files, recordings, drawn, strict=True):
            run_id = store.begin_run(
                session_id,
                device_id,
                recording.procedure,
                "1",
                recording.settings,
                seed=None,
                source=recording.source,
            )
            try:
                for ordinal, response in enumerate(recording.responses):
                    store.save_response(run_id, ordinal, response)
                save_features(store, run_id, features)
            except BaseException as error:
                store.end_run(run_id, "failed", f"{type(error).__name__}: {error}")
                store.end_session(session_id)
                raise
            store.end_run(run_id, "finished")
            print(
                f"run {run_id}: {len(recording.responses)} responses from {file} "
                f"({recording.settings['dialect']})"
            )
            for note in recording.notes:
                print(f"  note: {note}")
            print_features(store.features(run_id=run_id))
        store.end_session(session_id)


def _draw(file: Path, recording: Recording) -> dict[str, list[Feature]]:
    from labbench.report.device import draw_features

    try:
        return draw_features(recording.procedure, recording.responses)
    except FeatureError as error:
        raise ImportFileError(
            f"{file.name}: {error} Or give --as record to keep it without features."
        ) from error


def _show(files: Sequence[Path], given: dict[str, Any]) -> None:
    from labbench.store.importers import describe_file

    for file in files:
        for line in describe_file(file, **given):
            print(line)


def _list_dialects() -> None:
    from labbench.store.importers import DIALECTS

    for dialect in DIALECTS:
        print(f"{dialect.name}: {dialect.what}\n    needs: {dialect.needs}")


def _pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """Return NAME=VALUE pairs, several in one word where every part is one."""
    pairs: dict[str, str] = {}
    for word in given or ():
        parts = word.split(",")
        for part in parts if all("=" in p for p in parts) else [word]:
            name, is_pair, value = part.partition("=")
            if not (is_pair and name.strip() and value.strip()):
                raise typer.BadParameter(f"{option} takes NAME=VALUE, not {word!r}.")
            if name.strip() in pairs:
                raise typer.BadParameter(f"{option} {name.strip()} is given twice.")
            pairs[name.strip()] = value.strip()
    return pairs
