"""Limits that the kernel does not know, and why a training ended.

The kernel bounds memory, processes and the temporary folders of the container; it ends a process that goes beyond
them, or refuses, and the script then shows a signal or a traceback. What is found here names the limit behind that.
What a training may write and print is bounded here.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Mapping

CGROUPS = Path("/sys/fs/cgroup")
# Where the kernel counts, as seen in a container: version 2 of control groups, then version 1.
MEMORY_EVENTS = (CGROUPS / "memory.events", CGROUPS / "memory/memory.oom_control")
PROCESS_EVENTS = (CGROUPS / "pids.events", CGROUPS / "pids/pids.events")

# Walking over what a training wrote may take a twentieth of the time, and is done every two seconds at the most.
WALK_SECONDS = 2.0
WALK_SHARE = 0.05
# A script that was refused a process may well go on with fewer; one that tries on and on is ended: it was refused
# some in each of so many spans of so many seconds.
REFUSED_SECONDS = 3.0
REFUSED_SPANS = 3
# With less than this a file system counts as full.
FULL_BYTES = 1024 * 1024
# Kept free for the result while a training may fill the disk.
RESERVED_BYTES = 256 * 1024
LOG_TAIL_BYTES = 16 * 1024
NO_SPACE = (b"No space left on device", b"Disk quota exceeded")

Cause = Dict[str, Any]


class Watch:
    """Looks after one training: its limits while it runs, and the cause of its end."""

    def __init__(self, run: Path, limits: Mapping[str, int]) -> None:
        """``limits`` are bytes: ``disk`` for what the training writes, ``output`` for what it prints."""
        self.run = run
        self.limits = limits
        self.found: Cause | None = None
        self.memory_kills = memory_kills()
        self.refused_processes = refused_processes()
        self.refused_lately = self.refused_processes
        self.refused_spans = 0
        self.next_span = time.monotonic() + REFUSED_SECONDS
        self.caches = [Path(path) for path in folders_in("PUSHTUNE_CACHES")]
        self.cached: int | None = None
        self.next_walk = time.monotonic() + WALK_SECONDS
        self.free = free_bytes(run)
        self.allowance = limits.get("disk", sys.maxsize)
        self.reserve = run / ".reserve"
        reserve(self.reserve)

    def exceeded(self) -> Cause | None:
        """The limit that the training is beyond, and for which it is to be killed at once; quick enough for each poll."""
        self.found = self.found or self._output() or self._disk() or self._processes()
        return self.found

    def cause(self, *, failed: bool) -> Cause | None:
        """Why a training that is over did not end well. Called once, before its temporary files are removed."""
        full = full_folder([self.run, *map(Path, folders_in("PUSHTUNE_TEMPORARY"))])
        self.reserve.unlink(missing_ok=True)
        if not failed or self.found:
            return self.found
        if memory_kills() > self.memory_kills:
            return {"kind": "out_of_memory"}
        if full is not None:
            return {"kind": "disk_full", **({} if full[0] == self.run else {"place": str(full[0]), "bytes": full[1]})}
        if any(text in log_tail(self.run) for text in NO_SPACE):
            return {"kind": "disk_full"}
        if refused_processes() > self.refused_processes:
            return {"kind": "too_many_processes"}
        return None

    def _output(self) -> Cause | None:
        try:
            size = (self.run / "log").stat().st_size
        except OSError:
            return None
        return {"kind": "too_much_output"} if size > self.limits.get("output", sys.maxsize) else None

    def _disk(self) -> Cause | None:
        if "disk" not in self.limits:
            return None
        now = time.monotonic()
        # Others write to the same disk, so what it lost is no proof, but reason enough to look at once.
        if now < self.next_walk and self.free - free_bytes(self.run) <= self.allowance:
            return None
        self.free = free_bytes(self.run)
        cached = sum(folder_size(cache) for cache in self.caches)
        # What earlier trainings put into the caches is not this one's; what it did before the first walk is let pass.
        self.cached = cached if self.cached is None else self.cached
        written = folder_size(self.run) + max(0, cached - self.cached)
        self.allowance = self.limits["disk"] - written
        took = time.monotonic() - now
        self.next_walk = now + max(WALK_SECONDS, took / WALK_SHARE)
        return {"kind": "too_much_written"} if self.allowance < 0 else None

    def _processes(self) -> Cause | None:
        now = time.monotonic()
        if now < self.next_span:
            return None
        self.next_span = now + REFUSED_SECONDS
        refused = refused_processes()
        self.refused_spans = self.refused_spans + 1 if refused > self.refused_lately else 0
        self.refused_lately = refused
        return {"kind": "too_many_processes"} if self.refused_spans == REFUSED_SPANS else None


def cause_of(error: BaseException) -> Cause | None:
    """What stands behind an error of the agent's own."""
    return {"kind": "disk_full"} if is_full(error) else None


def is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def when_there_is_space(write: Callable[[], None]) -> None:
    """Writes what must not be lost, however long the disk is full."""
    told = False
    while True:
        try:
            return write()
        except OSError as error:
            if not is_full(error):
                raise
            if not told:
                print(f"agent: waiting for space on the disk: {error}", file=sys.stderr, flush=True)
            told = True
            time.sleep(1.0)


def reserve(path: Path) -> None:
    # Written, since a hole takes no space, and not every file system and C library can allocate otherwise.
    path.write_bytes(bytes(RESERVED_BYTES))


def memory_kills() -> int:
    """Processes of the container that the kernel killed because there was no memory left."""
    return counter(MEMORY_EVENTS, "oom_kill")


def refused_processes() -> int:
    """How often the kernel refused a process or thread because there were too many."""
    return counter(PROCESS_EVENTS, "max")


def counter(files: Iterable[Path], name: str) -> int:
    for file in files:
        try:
            lines = file.read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0


def folder_size(folder: Path) -> int:
    """Bytes on disk of all that lies in the folder and on its file system; no link is followed."""
    total = 0
    linked: set[int] = set()
    waiting = [str(folder)]
    try:
        device = os.lstat(folder).st_dev
    except OSError:
        return 0
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            # The script removed it, or closed it even to itself.
            continue
        with entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                    if status.st_ino in linked:
                        continue
                    linked.add(status.st_ino)
                total += status.st_blocks * 512
                if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    waiting.append(entry.path)
    return total


def free_bytes(folder: Path) -> int:
    try:
        status = os.statvfs(folder)
    except OSError:
        return 0
    return status.f_bavail * status.f_frsize


def full_folder(folders: Iterable[Path]) -> tuple[Path, int] | None:
    """The first of the folders whose file system is full, and how many bytes that has."""
    for folder in folders:
        try:
            status = os.statvfs(folder)
        except OSError:
            continue
        out_of_files = status.f_files > 0 and status.f_favail == 0
        if status.f_bavail * status.f_frsize < min(FULL_BYTES, status.f_blocks * status.f_frsize // 8) or out_of_files:
            return folder, status.f_blocks * status.f_frsize
    return None


def log_tail(run: Path) -> bytes:
    try:
        with open(run / "log", "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - LOG_TAIL_BYTES))
            return log.read(LOG_TAIL_BYTES)
    except OSError:
        return b""


def folders_in(variable: str) -> list[str]:
    return [path for path in os.environ.get(variable, "").split(":") if path]


class TemporaryFolders:
    """The folders of the container that are emptied after each run, except of what was there before the first."""

    def __init__(self) -> None:
        # Without the variable nothing is removed: the agent may run outside of a container.
        self.folders = [Path(path) for path in folders_in("PUSHTUNE_TEMPORARY")]
        self.kept = {entry for folder in self.folders for entry in entries_of(folder)}

    def empty(self) -> None:
        for folder in self.folders:
            for entry in entries_of(folder):
                if entry not in self.kept and not os.path.ismount(entry):
                    remove(entry)


def entries_of(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def remove(path: Path) -> None:
    """Removes a file or folder, whatever its permissions; what can't be removed stays."""

    def open_and_retry(function: Callable[..., Any], failed: str, _error: Any) -> None:
        try:
            os.chmod(os.path.dirname(failed), 0o700)
            if os.path.isdir(failed) and not os.path.islink(failed):
                os.chmod(failed, 0o700)
                shutil.rmtree(failed, ignore_errors=True)
            else:
                function(failed)
        except OSError as problem:
            print(f"agent: {failed} can't be removed: {problem}", file=sys.stderr, flush=True)

    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, onerror=open_and_retry)
        else:
            path.unlink()
    except (OSError, RecursionError) as problem:
        print(f"agent: {path} can't be removed: {problem!r}", file=sys.stderr, flush=True)


def sacrifice_first(pid: int) -> None:
    """Has the kernel kill this process and those it starts before any other, when there is no memory left."""
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")
    except OSError as error:
        # It has ended already.
        if error.errno not in (errno.ENOENT, errno.ESRCH):
            print(f"agent: the kernel may kill the agent first: {error}", file=sys.stderr, flush=True)
