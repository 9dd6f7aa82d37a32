"""How an export lies on disk: a folder of Parquet or CSV files, or one HDF5 file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from labbench.errors import ImportFileError, LabbenchError, OutputError
from labbench.store.exchange.formats.layout import MANIFEST, ExportReader, ExportWriter, read_json
from labbench.store.exchange.formats.seal import require_sealed_folder

FORMATS = ("parquet", "hdf5", "csv")
_NEEDS = {"parquet": "pyarrow", "hdf5": "h5py"}


def make_writer(format_name: str, path: Path, about: dict[str, Any]) -> ExportWriter:
    """Return what writes an export.

    Parameters
    ----------
    format_name : {"parquet", "hdf5", "csv"}
    path : Path
        An empty place: a folder is made there, or for HDF5 a file.
    about : dict
        What is known before the first row: provenance, and each table's columns.

    Raises
    ------
    OutputError
        If there is no such format, or its package is not installed.
    """
    if format_name not in FORMATS:
        raise OutputError(f"An export is written as {', '.join(FORMATS)}, not as {format_name!r}.")
    module = _module(format_name, OutputError)
    writer: ExportWriter = module.Writer(path, about)
    return writer


def open_reader(path: Path) -> ExportReader:
    """Return what reads an export, once every byte of it is found to be as it was written.

    Raises
    ------
    ImportFileError
        If it is no export, is damaged, or its package is not installed.
    """
    if not path.exists():
        raise ImportFileError(f"There is no export at {path}: correct the path.")
    if path.is_dir():
        require_sealed_folder(path)
        format_name = read_json(path / MANIFEST).get("format")
    else:
        format_name = "hdf5"
    if format_name not in FORMATS:
        raise ImportFileError(f"The export {path} is in a format that is not known here.")
    try:
        reader: ExportReader = _module(format_name, ImportFileError).Reader(path)
    except (KeyError, ValueError, OSError) as error:
        raise ImportFileError(f"The export {path} cannot be read: {error}.") from error
    return reader


def _module(format_name: str, error_type: type[LabbenchError]) -> Any:
    try:
        return import_module(f"labbench.store.exchange.formats.{format_name}")
    except ImportError as error:
        needed = _NEEDS.get(format_name)
        if needed is None or error.name is None or error.name.partition(".")[0] != needed:
            raise
        raise error_type(
            f"Exports as {format_name} need {needed}, which is not installed: "
            f"run `python -m pip install {needed}`, or install labbench with its extra [export]."
        ) from error
