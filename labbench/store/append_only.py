"""Tables that are only ever added to: the database itself refuses anything else.

Triggers belong to their table: a revision that rebuilds such a table must make them again.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event

_REFUSE = {
    "sqlite": (
        "CREATE TRIGGER {name} BEFORE {action} ON {table}{when}\n"
        "BEGIN\n    SELECT RAISE(ABORT, '{message}');\nEND",
    ),
    "postgresql": (
        "CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '{message}' "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW{when} "
        "EXECUTE FUNCTION {name}()",
    ),
}

# A dose is entered before the trigger of its stimulus, and changes once, when that is recorded.
_CONFIRMED = (
    " WHEN (OLD.recorded OR NOT NEW.recorded "
    "OR NEW.run_id <> OLD.run_id OR NEW.ordinal <> OLD.ordinal)"
)


def only_inserted(table: Table) -> None:
    """Refuse to change or delete rows of a table."""
    _refuse(table, "delete", "DELETE", "", f"rows of {table.name} are never deleted")
    _refuse(table, "update", "UPDATE", "", f"rows of {table.name} are never changed")


def only_confirmed(table: Table) -> None:
    """Refuse to delete rows of the ledger, and to change those that are recorded."""
    _refuse(table, "delete", "DELETE", "", f"rows of {table.name} are never deleted")
    message = f"rows of {table.name} change only once, when they are recorded"
    _refuse(table, "update", "UPDATE", _CONFIRMED, message)


def _refuse(table: Table, what: str, action: str, when: str, message: str) -> None:
    words = {"name": f"{table.name}_no_{what}", "table": table.name, "message": message}
    for dialect, statements in _REFUSE.items():
        for statement in statements:
            ddl = DDL(statement.format(**words, action=action, when=when))  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", ddl.execute_if(dialect=dialect))
