"""The schema that editors use is the one of the format as it is."""

from __future__ import annotations

import json
from pathlib import Path

from recourse_world.project import project

from pytest_rasa.format import json_schema

SCHEMA = Path(__file__).parents[1] / "conversations" / "schema.json"


def test_the_stored_schema_is_up_to_date() -> None:
    how = f"run: .venv/bin/python -m pytest tests/conversations --conversation-schema={SCHEMA.relative_to(Path.cwd())}"
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == json_schema(project()), how
