"""``python -m recourse.cli`` is the same as ``recourse``."""

from recourse.cli.main import main

main()
