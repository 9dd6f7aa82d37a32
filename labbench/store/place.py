"""Where a database lies: whether programmes can share it there, and how much space is left."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from pathlib import Path

from sqlalchemy.exc import StatementError

from labbench.errors import StoreWarning

# Their locks and shared memory are not those of one computer, which WAL needs.
_REMOTE = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre"),
    *("ncpfs", "nfs", "nfs4", "prl_fs", "smb", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs"),
    *("fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "fuse.vmhgfs-fuse"),
)
_MOUNTS = Path("/proc/self/mountinfo")
# With less than this, a write that failed has failed for want of space, whatever it says.
_NOTHING_BYTES = 1_000_000


def file_system(path: Path, mounts: str | None = None) -> str | None:
    """Return the kind of file system that a file lies on, such as "ext4".

    Parameters
    ----------
    path : Path
    mounts : str, optional
        What Linux tells in ``/proc/self/mountinfo``, read there by default.

    Returns
    -------
    str or None
        None where nobody tells, on other systems.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
        except OSError:
            return None
    place = path.resolve()
    found, longest = None, -1
    for line in mounts.splitlines():
        mount, separator, kind = line.partition(" - ")
        fields = mount.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = Path(_plain(fields[4]))
        # The last one mounted at a place hides the others.
        if place.is_relative_to(point) and len(point.parts) >= longest:
            found, longest = kind.split(" ")[0], len(point.parts)
    return found


def warn_if_remote(path: Path) -> None:
    """Warn the caller's caller if a database lies on a network file system."""
    kind = file_system(path)
    if kind in _REMOTE:
        warnings.warn(
            f"The database {path} lies on a network file system ({kind}): programmes on two "
            "computers can damage it, and a lost link can cost records. Keep it on a disk of the "
            "computer that measures, and copy it from there.",
            StoreWarning,
            stacklevel=3,
        )


def free_bytes(path: str | Path) -> int:
    """Return how much can still be written beside a file."""
    return shutil.disk_usage(Path(path).parent).free


def is_full(error: BaseException, path: str) -> bool:
    """Return whether a database complains because no space is left for it."""
    cause = error.orig if isinstance(error, StatementError) else error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return True
    try:
        # The index of the log says "disk I/O error" when it cannot grow.
        return code == sqlite3.SQLITE_IOERR and free_bytes(path) < _NOTHING_BYTES
    except OSError:
        return False


def say_full(path: str) -> str:
    """Return what a StoreFullError says."""
    try:
        left = f"{free_bytes(path) / 1e6:.1f} MB are free in {Path(path).resolve().parent}"
    except OSError as error:
        left = f"how much is free there cannot be seen: {error}"
    return (
        f"No space is left for the database {path} ({left}); nothing of this record was stored, "
        "and all before it is safe: free some space and go on."
    )


def _plain(escaped: str) -> str:
    """Return a path of mountinfo, where blanks are written as octal numbers."""
    for code in ("040", "011", "012", "134"):
        escaped = escaped.replace("\\" + code, chr(int(code, 8)))
    return escaped
