"""Entry of every training image.

``agent``         serves the requests of a Pushtune worker (long-lived container)
no argument       trains the repository mounted at /workspace and exits with the script's code
anything else     is run as a command, such as ``jupyter notebook``
"""

from __future__ import annotations

import os
import sys

if sys.version_info < (3, 9):
    sys.exit(f"pushtune: the image has Python {sys.version.split()[0]}, and 3.9 or newer is needed")

import agent
import standalone


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["agent"]:
        return agent.serve(os.environ["PUSHTUNE_RUNS"], os.environ["PUSHTUNE_AGENT"])
    standalone.become_owner_of_workspace()
    if not arguments:
        return standalone.train()
    return standalone.run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
