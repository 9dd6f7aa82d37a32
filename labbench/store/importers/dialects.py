"""All kinds of files that are understood, in the order in which they are looked for."""

from __future__ import annotations

from labbench.store.importers import (
    bare,
    bracketed,
    easyexpert,
    keithley_smu,
    keithley_text,
    plain,
    scope,
    tektronix,
)
from labbench.store.importers.block import Dialect
from labbench.store.importers.text import SourceText

DIALECTS = (
    easyexpert.DIALECT,
    tektronix.DIALECT,
    scope.DIALECT,
    keithley_smu.DIALECT,
    keithley_text.DIALECT,
    bracketed.DIALECT,
    plain.DIALECT,
    bare.DIALECT,
)


def recognise(source: SourceText) -> Dialect:
    """Return the dialect of a text, by its content.

    Raises
    ------
    ImportFileError
        If it is of none.
    """
    for dialect in DIALECTS:
        if dialect.recognises(source.lines):
            return dialect
    known = "; ".join(f"{dialect.name}: {dialect.what}" for dialect in DIALECTS)
    raise source.error(
        1, f"found {source.lines[0][:60]!r}, which is none of the known kinds of files. {known}."
    )
