"""Tables that are only ever added to: the database itself refuses anything else.

Triggers belong to their table: a revision that rebuilds such a table must make them again.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event

_REFUSE = {
    "sqlite": (
        """CREATE TRIGGER {table}_no_{what} BEFORE {action} ON {table}
{condition}BEGIN
    SELECT RAISE(ABORT, '{message}');
END""",
    ),
    "postgresql": (
        """CREATE FUNCTION {table}_no_{what}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation';
END $$""",
        """CREATE TRIGGER {table}_no_{what} BEFORE {action} ON {table} FOR EACH ROW
{condition}EXECUTE FUNCTION {table}_no_{what}()""",
    ),
}

# A dose is entered before the trigger of its stimulus, and changes once, when that is recorded.
_CONFIRMED = {
    "sqlite": "WHEN OLD.recorded = 1 OR NEW.recorded = 0 "
    "OR NEW.run_id <> OLD.run_id OR NEW.ordinal <> OLD.ordinal\n",
    "postgresql": "WHEN (OLD.recorded OR NOT NEW.recorded "
    "OR NEW.run_id <> OLD.run_id OR NEW.ordinal <> OLD.ordinal)\n",
}
_ALWAYS = dict.fromkeys(_REFUSE, "")


def only_inserted(table: Table) -> None:
    """Refuse to change or delete rows of a table."""
    _refuse(table, "DELETE", _ALWAYS, f"rows of {table.name} are never deleted")
    _refuse(table, "UPDATE", _ALWAYS, f"rows of {table.name} are never changed")


def only_confirmed(table: Table) -> None:
    """Refuse to delete rows of the ledger, and to change those that are recorded."""
    _refuse(table, "DELETE", _ALWAYS, f"rows of {table.name} are never deleted")
    message = f"rows of {table.name} change only once, when they are recorded"
    _refuse(table, "UPDATE", _CONFIRMED, message)


def _refuse(table: Table, action: str, condition: dict[str, str], message: str) -> None:
    words = {"table": table.name, "what": action.lower(), "action": action, "message": message}
    for dialect, statements in _REFUSE.items():
        for statement in statements:
            text = statement.format(**words, condition=condition[dialect])
            made = DDL(text)  # type: ignore[no-untyped-call]
            event.listen(table, "after_create", made.execute_if(dialect=dialect))
