"""The GPUs of the container: whether the framework sees one, and the most memory that was in use during a run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from typing import Any, Optional

SAMPLE_SECONDS = 2.0
# A driver that hangs answers never.
ANSWER_SECONDS = 10.0
# Importing a framework for the first time and opening the driver take their time.
CHECK_SECONDS = 180.0

# Print how many GPUs a framework sees, and what it is.
CHECKS = {
    "tensorflow": """
import tensorflow
print(len(tensorflow.config.list_physical_devices("GPU")))
print("TensorFlow", tensorflow.__version__, "" if tensorflow.test.is_built_with_cuda() else "(without CUDA)")
""",
    "torch": """
import torch
print(torch.cuda.device_count() if torch.cuda.is_available() else 0)
print("PyTorch", torch.__version__, "" if torch.version.cuda else "(without CUDA)")
""",
}


class GpuCheck:
    """Whether the frameworks see what the container was given. Once they did, they are not asked again."""

    def __init__(self) -> None:
        self.is_wanted = os.environ.get("PUSHTUNE_GPUS", "0") != "0"

    def blind(self) -> Optional[str]:
        """The frameworks that are installed, when none of them sees a GPU that was asked for."""
        if not self.is_wanted:
            return None
        found = [name for name in CHECKS if importlib.util.find_spec(name) is not None]
        blind: list[str] = []
        for name in found:
            count, description = ask_framework(name)
            if count > 0:
                self.is_wanted = False
                return None
            blind.append(description)
        # A script without a framework may use the GPU in a way of its own.
        return " and ".join(blind) or None


def ask_framework(name: str) -> tuple[int, str]:
    """In a process of its own: this one stays small, and what opened a GPU's driver must not be forked."""
    try:
        process = subprocess.run(
            [sys.executable, "-c", CHECKS[name]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
        )
        count, description = process.stdout.splitlines()[-2:]
        return int(count), description.strip()
    except subprocess.TimeoutExpired:
        return 0, f"{name} (no answer within {CHECK_SECONDS:.0f} s)"
    except ValueError:
        return 0, f"{name} ({(process.stderr.strip().splitlines() or ['it printed nothing'])[-1][:200]})"


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
