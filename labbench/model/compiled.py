"""How functions of this room are compiled: cached on disk, C division, without the GIL."""

from numba import njit

compiled = njit(cache=True, error_model="numpy", nogil=True)
