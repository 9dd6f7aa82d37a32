"""How functions of this room are compiled."""

from numba import njit

# Cached on disk, C division, without the GIL. Fused multiply-add and shared reciprocals change the
# last bit only, and the signs of zeros mean nothing here; infinities keep their meaning.
compiled = njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract", "arcp", "nsz"})
