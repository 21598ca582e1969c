"""docs/policy.md is what the rules say."""

from recourse.core.settings import PROJECT_ROOT
from recourse.policy_page import render


def test_the_page_matches_the_rules() -> None:
    page = (PROJECT_ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert page == render(), "docs/policy.md is out of date; run `.venv/bin/recourse policy > docs/policy.md`"
