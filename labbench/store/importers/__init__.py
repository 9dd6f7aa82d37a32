"""Recordings of other tools, read into the shapes that our own measurements have.

Reading only: what to save, and where, is the caller's.
"""

from labbench.store.importers.recording import Recording, read_recording

__all__ = ["Recording", "read_recording"]
