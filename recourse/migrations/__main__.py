"""``python -m recourse.migrations upgrade`` and ``python -m recourse.migrations revision "what changed"``."""

from __future__ import annotations

import argparse

from recourse.core.settings import settings
from recourse.migrations import new_revision, upgrade


def main() -> None:
    """Work on the database of this process's settings (RECOURSE_DATABASE_URL)."""
    parser = argparse.ArgumentParser(prog="python -m recourse.migrations", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upgrade", help="bring the database to the newest schema")
    revision = commands.add_parser("revision", help="write a new step from the present schema to the models")
    revision.add_argument("message", help="what changes, in a few words")
    chosen = parser.parse_args()
    if chosen.command == "upgrade":
        upgrade(settings().database_url)
    else:
        print(new_revision(settings().database_url, chosen.message))


if __name__ == "__main__":
    main()
