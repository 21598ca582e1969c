"""Every response that the code names is in domain.yml with the values it needs, and none lies about unused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recourse.cancellations.rules import (
    BEFORE_EVERY_STATUS,
    BY_POLICY,
    ELIGIBILITY,
    GONE,
    REASONS_PAID,
    REASONS_UNPAID,
    REQUESTED,
)
from recourse.core.settings import PROJECT_ROOT
from recourse.core.words import Words
from recourse.orders.rules import STATES, projection
from recourse.refunds.rules import LEG_MACHINE

NAMED = re.compile(r"utter_\w*[a-z0-9](?![\w{])")
_DECIDERS = ("seller", "deadline", "platform")
BUILT = re.compile(r"utter_\w*(?=\{)")


def _sources() -> str:
    files = [*(PROJECT_ROOT / "actions").glob("*.py"), *(PROJECT_ROOT / "recourse").rglob("*.py")]
    files += [*(PROJECT_ROOT / "data" / "rules").glob("*.yml")]
    return "\n".join(Path(file).read_text(encoding="utf-8") for file in files)


@pytest.fixture(scope="module")
def sources() -> str:
    return _sources()


@pytest.fixture(scope="module")
def words() -> Words:
    return Words.load()


def test_every_named_response_exists(sources: str, words: Words) -> None:
    built = tuple(BUILT.findall(sources))
    named = {name for name in NAMED.findall(sources) if name not in built and name != "utter_message"}
    missing = {name for name in named if name not in words and name not in ("utter_action",)}
    assert not missing


def test_no_response_is_unused(sources: str) -> None:
    domain = (PROJECT_ROOT / "domain.yml").read_text(encoding="utf-8")
    defined = re.findall(r"^  (utter_\w+):", domain, re.MULTILINE)
    built = tuple(BUILT.findall(sources))
    named = set(NAMED.findall(sources))
    assert [name for name in defined if name not in named and not name.startswith(built)] == []


@pytest.mark.parametrize("state", STATES)
def test_every_status_has_a_label(state: str, words: Words) -> None:
    for label in {projection(state, frozen, pending) for frozen in (True, False) for pending in (True, False)}:
        assert f"utter_status_{label}" in words


def test_every_verdict_reason_leg_and_alternative_has_words(words: Words) -> None:
    rules = (*ELIGIBILITY.values(), *BEFORE_EVERY_STATUS.values(), *BY_POLICY.values(), GONE)
    refusals = [rule for rule in rules if rule.kind == "no" and rule is not REQUESTED]
    wanted = {f"utter_cancel_refused_{rule.why}" for rule in refusals} | {f"utter_cancel_{REQUESTED.why}"}
    wanted |= {f"utter_alternative_{name}" for rule in refusals for name in rule.alternatives}
    wanted |= {f"utter_silence_{rule}" for rule in ("approve", "reject", "escalate", "intercept")}
    wanted |= {f"utter_notice_{what}_by_{who}" for what in ("approved", "part_approved") for who in _DECIDERS}
    wanted |= {f"utter_notice_intercepted_by_{who}" for who in ("seller", "platform")}
    wanted |= {f"utter_quote_coupon_{effect}" for effect in ("balance", "restored", "released", "kept")}
    wanted |= {f"utter_reason_{reason.code}" for reason in (*REASONS_PAID, *REASONS_UNPAID)}
    wanted |= {f"utter_leg_{state}" for _, state in LEG_MACHINE}
    assert {name for name in wanted if name not in words} == set()
