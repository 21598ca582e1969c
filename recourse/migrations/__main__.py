"""``python -m recourse.migrations upgrade``, ``downgrade REVISION`` and ``revision "what changed"``."""

from __future__ import annotations

import argparse

from recourse.core.settings import settings
from recourse.migrations import downgrade, new_revision, upgrade


def main() -> None:
    """Work on the database of this process's settings (RECOURSE_DATABASE_URL)."""
    parser = argparse.ArgumentParser(prog="python -m recourse.migrations", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("upgrade", help="bring the database to the newest schema")
    back = commands.add_parser("downgrade", help="go back to an older schema; what only the newer one holds is lost")
    back.add_argument("revision", help="for example 0001")
    revision = commands.add_parser("revision", help="write a new step from the present schema to the models")
    revision.add_argument("message", help="what changes, in a few words")
    chosen = parser.parse_args()
    if chosen.command == "upgrade":
        upgrade(settings().database_url)
    elif chosen.command == "downgrade":
        downgrade(settings().database_url, chosen.revision)
    else:
        print(new_revision(settings().database_url, chosen.message))


if __name__ == "__main__":
    main()
