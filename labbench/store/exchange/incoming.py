"""Import: the runs of an export, restored in another database.

Each run is one transaction, and a run that is there already is known by what was recorded: an
import that was interrupted is finished by repeating it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert

from labbench.errors import ImportFileError, NewerSchemaError
from labbench.store import schema
from labbench.store.codec import Encoded, encode
from labbench.store.engine import reading, writing
from labbench.store.exchange.cells import Cells, describe, from_cells
from labbench.store.exchange.formats import open_reader
from labbench.store.exchange.formats.layout import AT_ONCE, ExportReader
from labbench.store.exchange.identity import find_run, samples_sha256
from labbench.store.exchange.merge import Ids, UnknownReferenceError, add, find, has_own_id, remap
from labbench.store.exchange.origin import note_ids, note_origin
from labbench.store.exchange.outgoing import ADDED, VERSION
from labbench.store.exchange.scope import Scope, parents
from labbench.store.migrate import known_revisions
from labbench.store.reader import Reader

_Packed = list[tuple[Cells, Encoded]]


@dataclass
class Imported:
    """What became of an export.

    Attributes
    ----------
    runs : dict of int to int
        Restored runs: their id in the export, and here.
    known : dict of int to int
        Runs that were here already.
    notes : list of str
        What is not as in the export, and why.
    """

    runs: dict[int, int] = field(default_factory=dict)
    known: dict[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_export(store: Reader, path: Path) -> Imported:
    """Restore the runs of an export, with all that belongs to them.

    Parameters
    ----------
    store : Store
        Of any lab; runs that it has already are left as they are.
    path : Path
        What `export` wrote.

    Raises
    ------
    ImportFileError
        If it is damaged or no export; nothing was written then.
    NewerSchemaError
        If a newer labbench wrote it.
    StoreError
        If the database cannot be written; runs that were restored before stay.
    """
    with closing(open_reader(path)) as export:
        return Import(store, export, path).run()


def require_export(path: Path) -> None:
    """Check that a path is an export that `import_export` can read, every byte of it.

    Raises
    ------
    ImportFileError
        If it is damaged or no export.
    NewerSchemaError
        If a newer labbench wrote it.
    """
    with closing(open_reader(path)) as export:
        _require_known(export.manifest, path)


class Import:
    """One export on its way into one database."""

    def __init__(self, store: Reader, export: ExportReader, path: Path) -> None:
        self._engine = store.engine
        self._export = export
        self._scope = Scope()
        self._path = path.absolute()
        self._origin: int | None = None  # the session that says where the runs came from
        self._ids: Ids = {}
        self._made = Imported()
        _require_known(export.manifest, path)

    def run(self) -> Imported:
        """Restore all of it."""
        manifest = self._export.manifest
        with writing(self._engine) as connection:
            self._merge(connection, self._scope.shared, manifest["shared"])
        for run in manifest["runs"]:
            self._run(run)
        with writing(self._engine) as connection:
            self._merge(connection, self._scope.results, manifest["results"])
            if self._origin is not None:
                note_ids(connection, self._origin, manifest, str(self._path), self._ids["run"])
        return self._made

    def _merge(
        self, connection: Connection, tables: Iterable[Table], counts: Mapping[str, int]
    ) -> None:
        incomplete = self._export.manifest["incomplete"]
        for table in tables:
            ids = self._ids.setdefault(table.name, {})
            n = counts.get(table.name, 0)  # none of a table that is younger than the export
            for cells in self._export.rows(table.name, n) if n else ():
                old = cells.get("id")
                if str(old) in incomplete.get(table.name, {}):
                    others = ", ".join(map(str, incomplete[table.name][str(old)]))
                    self._made.notes.append(
                        f"{table.name} {old!s} is not restored: it was also made of run {others}, "
                        "which the export does not hold."
                    )
                    continue
                self._merge_row(connection, table, cells, ids)

    def _merge_row(
        self, connection: Connection, table: Table, cells: Cells, ids: dict[int, int]
    ) -> None:
        old = cells.get("id")
        try:
            row = remap(table, from_cells(table, cells), self._ids)
        except UnknownReferenceError:
            if not self._is_about_incomplete(table, cells):
                raise
            return
        found = find(connection, table, row)
        if found is None:
            new = add(connection, table, row)
        else:
            new, differing = found
            if differing:
                self._made.notes.append(
                    f"{table.name} {row.get('name', old)!s} is here already, and stays as it is: "
                    f"{', '.join(differing)} differ."
                )
        if isinstance(old, int) and new is not None:
            ids[old] = new

    def _is_about_incomplete(self, table: Table, cells: Cells) -> bool:
        incomplete = self._export.manifest["incomplete"]
        return any(
            str(cells.get(name)) in incomplete.get(to.name, {})
            for name, to in parents(table).items()
        )

    def _run(self, said: Mapping[str, Any]) -> None:
        (cells,) = self._export.rows("run", 1)
        old, counts = int(said["id"]), said["rows"]
        with reading(self._engine) as connection:
            taken = self._ids.get("run", {}).values()
            known = find_run(connection, said["device"], cells, said["content_sha256"], taken)
        if known is not None:
            self._made.known[old] = known
            self._ids.setdefault("run", {})[old] = known
            for table in self._scope.run[1:]:
                for _ in self._in_parts(table, counts.get(table.name, 0)):
                    pass
            return
        packed = self._pack(counts["waveform"])  # the slow part, before the transaction
        with writing(self._engine) as connection:
            if self._origin is None:
                self._origin = note_origin(connection, self._export.manifest, str(self._path))
            self._restore(connection, cells, counts, packed)
        self._made.runs[old] = self._ids["run"][old]

    def _in_parts(self, table: Table, n: int) -> Iterator[list[Cells]]:
        for start in range(0, n, AT_ONCE):
            yield self._export.rows(table.name, min(AT_ONCE, n - start))

    def _pack(self, n: int) -> _Packed:
        packed = []
        for rows in self._in_parts(schema.waveform, n):
            for cells in rows:
                raw = self._export.samples(cells)
                if samples_sha256(raw) != cells["sha256"] or raw.size != cells["n"]:
                    raise ImportFileError(
                        f"The samples {cells['samples']!r} of the export {self._path} do not "
                        f"fit their sha256 (waveform {cells['id']!r}): get a new copy."
                    )
                packed.append((cells, encode(raw, str(cells["codec"]))))
        return packed

    def _restore(
        self, connection: Connection, run: Cells, counts: Mapping[str, int], packed: _Packed
    ) -> None:
        for table in self._scope.run:
            if table is schema.run:
                self._insert(connection, table, [run])
            elif table is schema.waveform:
                self._insert_waveforms(connection, packed)
            else:
                for rows in self._in_parts(table, counts.get(table.name, 0)):
                    self._insert(connection, table, rows)

    def _insert(self, connection: Connection, table: Table, rows: list[Cells]) -> None:
        made = [remap(table, from_cells(table, cells), self._ids) for cells in rows]
        if has_own_id(table) and self._is_referred_to(table):
            ids = self._ids.setdefault(table.name, {})
            for row in made:
                new = add(connection, table, row)
                assert new is not None
                ids[row["id"]] = new
        elif made:
            numbered = has_own_id(table)
            values = [
                {n: v for n, v in row.items() if not (numbered and n == "id")} for row in made
            ]
            connection.execute(insert(table), values)

    def _is_referred_to(self, table: Table) -> bool:
        return any(table in parents(other).values() for other in schema.metadata.sorted_tables)

    def _insert_waveforms(self, connection: Connection, packed: _Packed) -> None:
        ids = self._ids.setdefault("waveform", {})
        for cells, encoded in packed:
            row = remap(schema.waveform, from_cells(schema.waveform, cells), self._ids)
            new = add(connection, schema.waveform, {**row, "crc32": encoded.crc32})
            assert new is not None
            ids[row["id"]] = new
            samples = {"waveform_id": new, "data": encoded.data}
            connection.execute(insert(schema.waveform_data), samples)


def _require_known(manifest: Mapping[str, Any], path: Path) -> None:
    if manifest.get("kind") != "labbench export":
        raise ImportFileError(f"{path} is not an export of labbench: correct the path.")
    newest = known_revisions()[-1]
    if manifest["version"] > VERSION or manifest["schema_revision"] > newest:
        raise NewerSchemaError(
            f"The export {path} has version {manifest['version']} and schema revision "
            f"{manifest['schema_revision']}, and this labbench knows {VERSION} and {newest}: "
            "import it with the newer labbench that wrote it."
        )
    for name, columns in manifest["tables"].items():
        table = schema.metadata.tables.get(name)
        if table is None:
            raise ImportFileError(f"The export {path} has a table {name}, which nobody here knows.")
        known = {**describe(table), **ADDED.get(name, {})}
        strange = sorted(columns.keys() - known.keys())
        missing = [
            n
            for n, said in known.items()
            if n not in columns and not said["nullable"] and table.c[n].default is None
        ]
        if strange or missing:
            raise ImportFileError(
                f"The table {name} of the export {path} does not fit this labbench (unknown: "
                f"{', '.join(strange) or 'none'}; missing: {', '.join(missing) or 'none'}): import "
                f"it with labbench {manifest['labbench_version']}, then run `labbench db upgrade`."
            )
