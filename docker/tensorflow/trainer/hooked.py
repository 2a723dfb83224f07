"""The environment of a script whose interpreter starts with the hooks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping

HOOKS = Path(__file__).resolve().parent / "hooks"


def with_hooks(environment: Mapping[str, str]) -> dict[str, str]:
    """Python runs `hooks/sitecustomize.py` first; what the environment names on its path stays behind it."""
    path = [str(HOOKS), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": os.pathsep.join(filter(None, path))}
