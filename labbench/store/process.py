"""Which process runs a run, and whether it is certainly gone.

A process number is given to another process sooner or later, so that a process is known by its
number together with when it started (Linux: in clock ticks since the boot, which is named too).
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of some computer.

    Attributes
    ----------
    host : str
    pid : int
    token : str
        Boot, space of process numbers and start, separated by "/".
    """

    host: str
    pid: int
    token: str


def this_process() -> Process:
    """Return the process that asks."""
    pid = os.getpid()
    return Process(platform.node(), pid, f"{_place()}/{_started(pid)}")


def is_gone(process: Process) -> bool:
    """Return whether a process of this computer has certainly ended.

    False for one that lives, and wherever nobody here can tell: on another computer, or in a
    container with process numbers of its own.
    """
    if process.host != platform.node():
        return False
    boot, space, started = process.token.split("/", 2)
    own_boot, own_space = _place().split("/")
    if boot != own_boot:
        return True
    return space == own_space and _started(process.pid) not in (None, started)


def _place() -> str:
    """Return the boot and the space of process numbers; empty where the system has no such."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    space = Path("/proc/self/ns/pid")
    try:
        return f"{boot.read_text('ascii').strip()}/{space.readlink()}"
    except OSError:
        return "/"


def _started(pid: int) -> str | None:
    """Return when a process started, as the system writes it; empty if it has ended.

    None if it is there, and the system does not show it to this user.
    """
    if sys.platform == "win32":
        return _started_on_windows(pid)
    if not Path("/proc/self/stat").exists():
        asked = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    try:
        # The name in brackets may hold anything, blanks and brackets included.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return ""
        except OSError:
            pass
        return None
    return "" if fields[0] in "ZX" else fields[19]


def _started_on_windows(pid: int) -> str:
    # os.kill(pid, 0), the question of other systems, ends the process here.
    import ctypes

    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined]
    kernel.OpenProcess.restype = ctypes.c_void_p
    limited_information, still_active = 0x1000, 259
    handle = ctypes.c_void_p(kernel.OpenProcess(limited_information, False, pid))
    if not handle:
        return ""
    try:
        code, times = ctypes.c_ulong(), [ctypes.c_uint64() for _ in range(4)]
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.GetProcessTimes(handle, *map(ctypes.byref, times))
    finally:
        kernel.CloseHandle(handle)
    return str(times[0].value) if code.value == still_active else ""
