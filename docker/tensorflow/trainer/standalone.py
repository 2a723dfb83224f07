"""What the image does without a worker: train the mounted repository, or run a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from hooked import with_hooks

WORKSPACE = Path("/workspace")
USUAL_NAMES = ("train.py", "main.py", "model.py")
# Where the repository belongs to root.
NOBODYS_USER = 1000


def become_owner_of_workspace() -> None:
    """Files that the training writes belong to whoever owns the repository, not to root."""
    if os.getuid() != 0 or not WORKSPACE.is_dir():
        return
    owner = WORKSPACE.stat()
    if owner.st_uid != 0:
        become(owner.st_uid, owner.st_gid)


def become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    # The user has no line in the image's /etc/passwd, where getpass.getuser() would look otherwise.
    os.environ.setdefault("USER", "pushtune")


def train() -> int:
    """Replaces this process by the main script, so that its exit code is the container's."""
    script = find_main_script()
    if script is None:
        print(
            "pushtune: no script to train in /workspace. Mount a repository with "
            '-v "$PWD:/workspace"; looked for main: in .pushtune.yml, '
            f"{', '.join(USUAL_NAMES)}, or a single .py or .ipynb file.",
            file=sys.stderr,
        )
        return 2
    print(f"pushtune: training with {script}", file=sys.stderr)
    os.chdir(WORKSPACE)
    sys.stderr.flush()
    settings = configured()
    environment = {**seed_of(settings), **os.environ, **(settings.get("variables") or {})}
    arguments = settings.get("arguments") or []
    os.execvpe("python3", ["python3", "-u", *as_program(script), *arguments], with_hooks(environment))


def seed_of(settings: dict[str, Any]) -> dict[str, str]:
    seed = settings.get("seed")
    return {"PUSHTUNE_SEED": seed} if isinstance(seed, str) else {}


def as_program(script: str) -> list[str]:
    """Arguments of Python that run a script, or the cells of a notebook."""
    if not script.endswith(".ipynb"):
        return [script]
    return ["-c", '__import__("pushtune_hooks.cells").cells.run_file()', script]


def find_main_script() -> str | None:
    """The path of the main script, relative to the workspace."""
    main = configured().get("main")
    if isinstance(main, str) and main:
        return main
    for name in USUAL_NAMES:
        if (WORKSPACE / name).is_file():
            return name
    scripts = sorted(WORKSPACE.glob("*.py")) or sorted(WORKSPACE.glob("*.ipynb"))
    return scripts[0].name if len(scripts) == 1 else None


def configured() -> dict[str, Any]:
    """What .pushtune.yml says, every word of it as the text that is written there."""
    path = WORKSPACE / ".pushtune.yml"
    if not path.is_file():
        return {}
    # An image of the user's own need not have PyYAML.
    try:
        import yaml
    except ImportError:
        return {}
    settings = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    return settings if isinstance(settings, dict) else {}


def run_command(arguments: list[str]) -> NoReturn:
    if arguments[0].startswith("jupyter") and os.getuid() == 0:
        leave_root()
    try:
        os.execvp(arguments[0], arguments)
    except FileNotFoundError:
        sys.exit(f"pushtune: the image has no program {arguments[0]}")


def leave_root() -> None:
    """What listens to the network is never root's; a repository that is can then only be read."""
    become(NOBODYS_USER, NOBODYS_USER)
    if WORKSPACE.is_dir() and not os.access(WORKSPACE, os.R_OK | os.W_OK | os.X_OK):
        print(
            f"pushtune: /workspace belongs to root, and the notebook server runs as user {NOBODYS_USER}, who may not "
            f"change it. Give it away (chown -R {NOBODYS_USER} FOLDER), or run the image with --user UID:GID.",
            file=sys.stderr,
            flush=True,
        )
