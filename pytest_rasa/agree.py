"""``python -m pytest_rasa.agree ONE.json OTHER.json``: did the same conversations go the same way in both worlds?

Reads two files that ``--conversation-results`` wrote. Exit code 0: every case that was played in both had the same outcome and the
same masked transcript; 1: some did not, and each is shown; 2: the files cannot be compared.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from pathlib import Path
from typing import Any


def differences(one: list[dict[str, Any]], other: list[dict[str, Any]], part: bool = False) -> list[str]:
    """What differs, case by case, in words. A case that only one side played (``only:`` in its file) is no difference; one that
    only one side has at all is, unless the other is a ``part``."""
    ours, theirs = {row["id"]: row for row in one}, {row["id"]: row for row in other}
    if part:
        ours = {id_: row for id_, row in ours.items() if id_ in theirs}
    found = [f"{id_}: only in {_over(one if id_ in ours else other)}" for id_ in sorted(ours.keys() ^ theirs.keys())]
    for id_ in sorted(ours.keys() & theirs.keys()):
        a, b = ours[id_], theirs[id_]
        if "skipped" in (a["outcome"], b["outcome"]):
            continue
        if a["outcome"] != b["outcome"]:
            found.append(f"{id_}: {a['outcome']} over {a['over']}, {b['outcome']} over {b['over']}")
        elif a["transcript"] != b["transcript"]:
            lines = difflib.unified_diff(
                a["transcript"].splitlines(), b["transcript"].splitlines(), a["over"], b["over"], lineterm="", n=1
            )
            found.append(f"{id_}: the transcripts differ\n" + "\n".join(f"    {line}" for line in lines))
    return found


def _over(rows: list[dict[str, Any]]) -> str:
    return str(rows[0]["over"]) if rows else "one of the files"


def main(argv: list[str] | None = None) -> int:
    """Compare, print, and answer with the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pytest_rasa.agree", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("one", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("--part", action="store_true", help="the other is of a part of the conversations only")
    given = parser.parse_args(argv)
    try:
        one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (given.one, given.other))
    except (OSError, ValueError) as error:
        print(f"cannot be compared: {error}", file=sys.stderr)
        return 2
    if not all(isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in (one, other)):
        print("cannot be compared: these are not files of --conversation-results", file=sys.stderr)
        return 2
    played = sum("skipped" not in (a["outcome"], b["outcome"]) for a in one for b in other if a["id"] == b["id"])
    if not played:
        print("cannot be compared: no case was played in both", file=sys.stderr)
        return 2
    found = differences(one, other, given.part)
    for line in found:
        print(line)
    print(f"{played} conversations were played over {_over(one)} and {_over(other)}: ", end="")
    print("the same in both." if not found else f"{len(found)} differ.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
