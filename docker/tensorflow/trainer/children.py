"""The processes below this one: those that it started, and those that lost their parent."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Container, Dict, FrozenSet, Iterable, Iterator, List, Optional, Set, Tuple

PR_SET_CHILD_SUBREAPER = 36
# How long the kernel may take to end what was killed.
KILL_SECONDS = 10.0


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

    def kill_all_but(self, kept: Iterable[int]) -> None:
        """Ends all that descends from this process, whatever sessions it made, but for these children and theirs.

        They are stopped before the first is killed: those that fork without end would be ahead of any list of them.
        """
        deadline = time.monotonic() + KILL_SECONDS
        spared = frozenset(kept)
        while time.monotonic() < deadline:
            stopped: Set[int] = set()
            while True:
                running = descendants(os.getpid(), spared) - stopped
                if not running:
                    break
                for pid in running:
                    send(pid, signal.SIGSTOP)
                stopped |= running
            if not stopped:
                return
            for pid in stopped:
                send(pid, signal.SIGKILL)
            while any(is_alive(pid) for pid in stopped) and time.monotonic() < deadline:
                self.rest(0.005)
        print("agent: processes of a run could not be ended", file=sys.stderr, flush=True)

    def forget_all_but(self, kept: Container[int]) -> None:
        """What has ended and was none of these is of no interest any more."""
        self.reap()
        self.ended = {pid: end for pid, end in self.ended.items() if pid in kept}


def become_subreaper() -> bool:
    """Makes orphans below this process its own children, where the system can do that."""
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def descendants(ancestor: int, spared: FrozenSet[int]) -> Set[int]:
    """Living processes below ``ancestor``; what lies below one that is spared is spared, too."""
    below: Dict[int, List[int]] = {}
    states: Dict[int, str] = {}
    for pid, parent, state in processes():
        below.setdefault(parent, []).append(pid)
        states[pid] = state
    found: Set[int] = set()
    waiting = [ancestor]
    while waiting:
        for pid in below.get(waiting.pop(), []):
            if pid not in spared and pid not in found:
                waiting.append(pid)
                found.add(pid)
    return {pid for pid in found if states[pid] not in "ZX"}


def is_alive(pid: int) -> bool:
    found = read_process(pid)
    return found is not None and found[2] not in "ZX"


def processes() -> Iterator[Tuple[int, int, str]]:
    """Number, parent and state of each process in the container."""
    for name in os.listdir("/proc"):
        if name.isdecimal():
            found = read_process(int(name))
            if found is not None:
                yield found


def read_process(pid: int) -> Optional[Tuple[int, int, str]]:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The second field is a name in brackets that may hold anything (man 5 proc).
    state, parent = text[text.rindex(b")") + 2 :].split(b" ", 2)[:2]
    return pid, int(parent), state.decode("ascii")


def end_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        pass


def exit_code(status: int) -> int:
    """As of a shell's `$?`, and the negative number of the signal that ended it. (Python 3.8 has no function for it.)"""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
