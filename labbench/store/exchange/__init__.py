"""Runs on their way from one database to another, or to a stranger: export and import."""

from labbench.store.exchange.formats import FORMATS
from labbench.store.exchange.incoming import Imported, import_export, require_export
from labbench.store.exchange.outgoing import Exported, export

__all__ = ["FORMATS", "Exported", "Imported", "export", "import_export", "require_export"]
