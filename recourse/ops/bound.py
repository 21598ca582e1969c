"""``python bound.py SIGNAL PROGRAM ARG...``: become PROGRAM, which gets SIGNAL when the process that started it dies.

The supervisor is started this way, and so is each process under it: whoever is killed outright takes those below along.
The kernel does that on Linux; elsewhere the next start cleans up. Standard library only, run by path.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Never returns: the process becomes the program."""
    number, program = int(sys.argv[1]), sys.argv[2:]
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - that is what this is for


if __name__ == "__main__":
    main()
