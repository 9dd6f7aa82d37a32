"""Every table is exported, also one that nobody has thought of yet."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table

from labbench.store import schema
from labbench.store.exchange.cells import describe
from labbench.store.exchange.scope import EXCEPTIONS, MADE_ANEW, Scope


def test_every_table_is_exported_or_an_exception_with_a_reason():
    scope = Scope()
    groups = {t.name for t in scope.shared + scope.run + scope.results}
    assert groups.isdisjoint(EXCEPTIONS)
    missing = set(schema.metadata.tables) - groups - set(EXCEPTIONS)
    assert not missing, f"No export has {missing}: let them refer to what they belong to."
    for name, reason in EXCEPTIONS.items():
        assert name in schema.metadata.tables
        assert len(reason) > 20
    for table, column in MADE_ANEW:
        assert column in schema.metadata.tables[table].c


def test_every_column_has_a_kind_and_every_real_one_a_unit_or_none():
    without = {
        f"{table.name}.{name}"
        for table in schema.metadata.sorted_tables
        for name, said in describe(table).items()
        if said["kind"] == "real" and "unit" not in said
    }
    assert not without, f"Nobody who reads an export knows the unit of {without}."


def _table(metadata: MetaData, name: str, *to: str, nullable: bool = False) -> Table:
    references = [
        Column(f"{other}_id", Integer, ForeignKey(f"{other}.id"), nullable=nullable) for other in to
    ]
    return Table(name, metadata, Column("id", Integer, primary_key=True), *references)


@pytest.fixture
def later() -> Scope:
    """Return the scope of a schema with tables of all sorts that are not there yet."""
    metadata = MetaData()
    for table in schema.metadata.sorted_tables:
        table.to_metadata(metadata)
    _table(metadata, "maker")
    _table(metadata, "lot")
    _table(metadata, "slice", "lot")
    metadata.tables["device"].append_column(Column("slice_id", ForeignKey("slice.id")))
    _table(metadata, "maker_of_state", "instrument_state", "maker")
    _table(metadata, "glimpse", "waveform")
    _table(metadata, "remark", "run", "device", "lot", "fit", nullable=True)
    _table(metadata, "fit_detail", "fit")
    _table(metadata, "stranger")
    return Scope(metadata)


def test_new_tables_find_their_group(later):
    shared, run, results = (
        {table.name for table in group} for group in (later.shared, later.run, later.results)
    )
    assert {"device", "session", "instrument_state", "budget", "comparison"} < shared
    assert {"lot", "slice", "maker", "maker_of_state", "model_card"} < shared
    assert {"run", "stimulus", "pulse", "waveform", "glimpse", "dose", "feature"} < run
    assert {
        "fit",
        "fit_input",
        "fit_detail",
        "remark",
        "journal",
        "sweep_point",
    } == results
    assert "stranger" not in shared | run | results
    assert run.isdisjoint(shared | results)


def test_parents_come_before_their_children(later):
    for group in (later.shared, later.run, later.results):
        names = [table.name for table in group]
        for table in group:
            for key in table.foreign_keys:
                if key.column.table.name in names:
                    assert names.index(key.column.table.name) <= names.index(table.name)


def test_other_devices_of_a_wafer_are_not_followed(later):
    tables = {table.name: table for table in later.shared}
    assert later.follows(tables["device"]) == ()
    assert later.follows(tables["slice"]) == ()
    assert later.follows(tables["instrument_state"]) == ("session_id",)
    assert later.follows(tables["comparison"]) == ("device_id",)
    assert later.follows(tables["model_card"]) == ()
