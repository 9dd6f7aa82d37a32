"""Recordings of other tools, read into the shapes that our own measurements have.

Reading only: what to save, and where, is the caller's.
"""

from labbench.store.importers.block import Dialect
from labbench.store.importers.describe import describe_file
from labbench.store.importers.dialects import DIALECTS
from labbench.store.importers.options import ReadOptions
from labbench.store.importers.recording import Recording, read_recording
from labbench.store.importers.text import file_bytes

__all__ = [
    "DIALECTS",
    "Dialect",
    "ReadOptions",
    "Recording",
    "describe_file",
    "file_bytes",
    "read_recording",
]
