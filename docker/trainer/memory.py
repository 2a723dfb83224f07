"""How often the kernel has ended a process of this container because its memory was used up."""

from __future__ import annotations

from pathlib import Path

# Version 2 of control groups, then version 1 (kernel's cgroup-v2.rst and memory.rst); both have a line `oom_kill <n>`.
COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


def kills() -> int:
    """The count since the container was started; 0 where the kernel does not tell."""
    for path in COUNTERS:
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for name, _, value in (line.partition(" ") for line in lines):
            if name == "oom_kill":
                return int(value)
    return 0
