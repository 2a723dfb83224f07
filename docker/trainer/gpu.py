"""The most memory of the GPUs that was in use during a run."""

from __future__ import annotations

import shutil
import subprocess
import threading
from typing import Any, Optional

SAMPLE_SECONDS = 2.0
# A driver that hangs answers never.
ANSWER_SECONDS = 10.0


class GpuMemory:
    """Asks `nvidia-smi` again and again, in a thread; where there is none, nothing is known."""

    def __init__(self) -> None:
        # Bytes, of all GPUs that the container sees.
        self.peak: Optional[int] = None
        self.is_over = threading.Event()

    def __enter__(self) -> GpuMemory:
        program = shutil.which("nvidia-smi")
        if program is not None:
            threading.Thread(target=self.watch, args=(program,), daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.is_over.set()

    def watch(self, program: str) -> None:
        while not self.is_over.is_set():
            used = used_bytes(program)
            if used is not None:
                self.peak = max(self.peak or 0, used)
            self.is_over.wait(SAMPLE_SECONDS)


def used_bytes(program: str) -> Optional[int]:
    command = [program, "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_SECONDS).stdout
        # One line of MiB for each GPU.
        return sum(int(line) for line in answer.split()) * 1024**2 if answer.strip() else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
