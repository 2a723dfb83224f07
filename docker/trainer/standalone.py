"""What the image does without a worker: train the mounted repository, or run a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from hooked import with_hooks

WORKSPACE = Path("/workspace")
USUAL_NAMES = ("train.py", "main.py", "model.py")


def become_owner_of_workspace() -> None:
    """Files that the training writes belong to whoever owns the repository, not to root."""
    if os.getuid() != 0 or not WORKSPACE.is_dir():
        return
    owner = WORKSPACE.stat()
    if owner.st_uid == 0:
        return
    os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)


def train() -> int:
    """Replaces this process by the main script, so that its exit code is the container's."""
    script = find_main_script()
    if script is None:
        print(
            "pushtune: no script to train in /workspace. Mount a repository with "
            '-v "$PWD:/workspace"; looked for main: in .pushtune.yml, '
            f"{', '.join(USUAL_NAMES)}, or a single .py file.",
            file=sys.stderr,
        )
        return 2
    print(f"pushtune: training with {script}", file=sys.stderr)
    os.chdir(WORKSPACE)
    sys.stderr.flush()
    os.execvpe("python3", ["python3", "-u", script], with_hooks(os.environ))


def find_main_script() -> str | None:
    """The path of the main script, relative to the workspace."""
    configured = configured_main()
    if configured is not None:
        return configured
    for name in USUAL_NAMES:
        if (WORKSPACE / name).is_file():
            return name
    scripts = sorted(path.name for path in WORKSPACE.glob("*.py"))
    return scripts[0] if len(scripts) == 1 else None


def configured_main() -> str | None:
    path = WORKSPACE / ".pushtune.yml"
    if not path.is_file():
        return None
    # An image of the user's own need not have PyYAML.
    try:
        import yaml
    except ImportError:
        return None
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    main = settings.get("main") if isinstance(settings, dict) else None
    return main if isinstance(main, str) else None


def run_command(arguments: list[str]) -> NoReturn:
    try:
        os.execvp(arguments[0], arguments)
    except FileNotFoundError:
        sys.exit(f"pushtune: the image has no program {arguments[0]}")
