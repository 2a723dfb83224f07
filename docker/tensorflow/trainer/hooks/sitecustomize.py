"""Python runs this file before the script, because its folder stands first on the script's PYTHONPATH.

Nothing heavy is imported here and nothing of Keras is touched until the script itself imports it.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

FOLDER = os.path.dirname(os.path.abspath(__file__))


def run_next_sitecustomize() -> None:
    """The file of that name which Python would have run without ours, such as a distribution's."""
    path = [folder for folder in sys.path if os.path.abspath(folder) != FOLDER]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def install_hooks() -> None:
    try:
        from pushtune_hooks import imports

        imports.install(FOLDER)
    except Exception as error:  # noqa: BLE001  the script must run whatever is wrong with us
        print(f"pushtune: the hooks are off: {error!r}", file=sys.stderr)


install_hooks()
run_next_sitecustomize()
