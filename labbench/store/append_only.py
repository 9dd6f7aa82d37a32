"""Tables that are only ever added to: the database itself refuses anything else.

Triggers belong to their table: a revision that rebuilds such a table must make them again.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event

_REFUSE_ON_SQLITE = """CREATE TRIGGER {table}_no_{what} BEFORE {action} ON {table}
{condition}BEGIN
    SELECT RAISE(ABORT, '{message}');
END"""

# A dose is entered before the trigger of its stimulus, and changes once, when that is recorded.
_CONFIRMED = (
    "WHEN OLD.recorded = 1 OR NEW.recorded = 0 "
    "OR NEW.run_id <> OLD.run_id OR NEW.ordinal <> OLD.ordinal\n"
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


def _refuse(table: Table, what: str, action: str, condition: str, message: str) -> None:
    statement = _REFUSE_ON_SQLITE.format(
        table=table.name, what=what, action=action, condition=condition, message=message
    )
    event.listen(table, "after_create", DDL(statement).execute_if(dialect="sqlite"))
