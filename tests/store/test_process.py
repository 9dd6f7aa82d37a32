"""Processes: alive, gone, or not ours to tell."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from labbench.store.process import is_gone, this_process

SAY_WHO = "from labbench.store.process import this_process as t; p = t(); print(p.pid, p.token)"


@pytest.fixture
def other(request):
    command = [sys.executable, "-c", SAY_WHO + "; input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, cwd=request.config.rootpath, **pipes) as child:
        pid, token = child.stdout.readline().split()
        yield replace(this_process(), pid=int(pid), token=token), child


def test_a_living_process_is_not_gone_and_an_ended_one_is(other):
    process, child = other
    assert not is_gone(this_process())
    assert not is_gone(process)
    child.communicate("\n")
    assert is_gone(process)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="zombies as Linux shows them")
def test_a_process_that_nobody_waited_for_is_gone(other):
    process, child = other
    child.kill()
    while child.stdout.read():
        pass
    from os import P_PID, WEXITED, WNOWAIT, waitid

    waitid(P_PID, child.pid, WEXITED | WNOWAIT)
    assert is_gone(process)


def test_the_same_number_given_to_another_process(other):
    process, _ = other
    me = this_process()
    assert is_gone(replace(process, pid=me.pid)), "started at another time"


def test_nobody_tells_for_another_computer_or_another_container():
    me = this_process()
    boot, space, started = me.token.split("/")
    assert not is_gone(replace(me, host="elsewhere", pid=1))
    assert not is_gone(replace(me, pid=1, token=f"{boot}/pid:[1]/{started}"))
    assert is_gone(replace(me, token=f"{boot}x/{space}/{started}")), "before the last boot"
