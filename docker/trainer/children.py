"""The processes below this one: those that it started, and those that lost their parent."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import time
from typing import Container, Dict, Iterator, List, Tuple

PR_SET_CHILD_SUBREAPER = 36
# How long the kernel may take to end what was killed.
KILL_SECONDS = 5.0


class Children:
    """Waits for all of them; no other part of the process does. Of the main thread only."""

    def __init__(self) -> None:
        # Wait status and usage of those that have ended, by process id.
        self.ended: Dict[int, Tuple[int, resource.struct_rusage]] = {}
        self.wakes, wake = os.pipe()
        os.set_blocking(self.wakes, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        # Without a handler of Python's the wake-up says nothing.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.adopts = become_subreaper()

    def rest(self, seconds: float, *descriptors: int) -> List[int]:
        """Waits until a child ends, one of the descriptors can be read, or the time is over. Returns the readable."""
        readable = select.select([self.wakes, *descriptors], [], [], seconds)[0]
        if self.wakes in readable:
            readable.remove(self.wakes)
            try:
                while os.read(self.wakes, 512):
                    pass
            except BlockingIOError:
                pass
        self.reap()
        return readable

    def reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.ended[pid] = (status, usage)

    def end_all_but(self, kept: Container[int]) -> None:
        """Kills what a script left behind, also what has left its session, and forgets what has ended."""
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            self.reap()
            strays = [pid for pid in children_of(os.getpid()) if pid not in kept]
            if not strays:
                break
            for pid in strays:
                end(pid, signal.SIGKILL)
            self.rest(0.02)
        self.ended = {pid: end for pid, end in self.ended.items() if pid in kept}


def become_subreaper() -> bool:
    """Makes orphans below this process its own children, where the system can do that."""
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def children_of(parent: int) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        # A zombie is waited for, not killed.
        if int(fields[1]) == parent and fields[0] != b"Z":
            yield int(name)


def end(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass


def exit_code(status: int) -> int:
    """As of a shell's `$?`, and the negative number of the signal that ended it. (Python 3.8 has no function for it.)"""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
