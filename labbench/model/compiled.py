"""How functions of this room are compiled, and where the result is kept.

Numba keeps compiled functions on disk by the time stamp of their own file, and would not notice
that a function they call has changed. So they lie in a folder named after the contents of all
files of this room.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba

_ROOM = Path(__file__).parent
# Numba makes its settings at run time.
_config: Any = numba.config


def _cache_folder() -> Path:
    """Return the folder of this version of the room; those of others are removed."""
    digest = sha256()
    for file in sorted(_ROOM.rglob("*.py")):
        digest.update(file.read_bytes())
    kept = Path(_config.CACHE_DIR) if _config.CACHE_DIR else _ROOM / "__pycache__"
    if not (_config.CACHE_DIR or os.access(kept if kept.exists() else _ROOM, os.W_OK)):
        kept = Path.home() / ".cache" / "labbench"
    folder = kept / f"compiled-{digest.hexdigest()[:16]}"
    for other in kept.glob("compiled-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return folder


_FOLDER = str(_cache_folder())


def _keeping(**options: Any) -> Callable[[Any], Any]:
    """Return a decorator that compiles, keeps the result on disk and releases the GIL."""

    def decorate(function: Any) -> Any:
        before, _config.CACHE_DIR = _config.CACHE_DIR, _FOLDER
        try:
            # C division. Fused multiply-add and shared reciprocals change the last bit only, and
            # the signs of zeros mean nothing here; infinities keep their meaning.
            return numba.njit(
                cache=True,
                error_model="numpy",
                nogil=True,
                fastmath={"contract", "arcp", "nsz"},
                **options,
            )(function)
        finally:
            _config.CACHE_DIR = before

    return decorate


compiled = _keeping()
# Merged into whatever calls it: a call of its own would count references of every array.
inlined = _keeping(forceinline=True)
parallel = _keeping(parallel=True)
