"""Reading a file: what is wrong is said with file, line, and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_project import Buyer, project

from pytest_rasa.format import json_schema
from pytest_rasa.loading import FormatError, Loaded, load
from pytest_rasa.rows import span

BUYER = "fixtures:\n  - buyer: {likes: tea}\n"


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "flow.yml"
    file.write_text(text)
    return load(file, folder, project(folder))


def errors(folder: Path, text: str) -> list[str]:
    with pytest.raises(FormatError) as raised:
        loaded(folder, text)
    return [line.removeprefix(f"{folder / 'flow.yml'}:") for line in str(raised.value).splitlines()]


def case(steps: str) -> str:
    return f"{BUYER}test_cases:\n  - test_case: one\n    fixtures: [buyer]\n    steps:\n{steps}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (case("      - user: hi\n      - uter: utter_greet\n"), "8: unknown key 'uter'; allowed here: user, press, press_old, as,"),
        ("fixtures:\n  - buyer: {like: tea}\n", "2: unknown key 'like'; allowed here: likes"),
        (case("      - {user: hi, press: Yes}\n"), "7: a step has exactly one of user, press,"),
        (case("      - {bot: hi, times: 2}\n"), "7: 'times' goes with user or press, not with 'bot'"),
        (case("      - user: hi\n").replace("[buyer]", "[byer]"), "5: there is no fixture 'byer'; there are: buyer"),
        (case("      - as: nobody\n"), "7: there is no person 'nobody'; there are: buyer"),
        (case("      - seller: aprove\n"), "7: seller: Input should be 'approve' or 'fail'"),
        (case("      - faults: {acton: down}\n"), "7: unknown key 'acton'; allowed here: connection, actions"),
        (case("      - faults: {actions: broken}\n"), "7: actions: Input should be 'down' or 'up'"),
        (case("      - clock: tomorrow\n"), "7: clock: "),
        (case("      - database:\n          - {count: 1}\n"), "8: the key 'table' is missing"),
        (case("      - user: hi\n        assertions:\n          - {}\n"), "9: an assertion has exactly one of bot_uttered,"),
        (case("      - user: hi\n").replace("    steps", "    chanel: rest\n    steps"), "6: unknown key 'chanel'; allowed"),
        ("test_cases:\n  - {a: b\n", "3: "),
        (
            case("      - user: hi\n").replace("    steps", "    only: {over: moon, because: it is far away}\n    steps"),
            "4: there is no world 'moon'; there are: broken, inprocess, stack",
        ),
        (BUYER, "1: there are no test_cases; what files share belongs in conftest.yml"),
        (BUYER + "  - buyer: {likes: milk}\ntest_cases: []\n", "1: there are two fixtures called 'buyer' in this file"),
        (case("      - user: \"a\x07b\"\n"), "1: this is no YAML: "),
        ("- a\n", "1: a test file is a mapping with the keys fixtures, metadata, stub_custom_actions, test_cases"),
        ("test_cases:\n  - test_case: one\n", "2: the key 'steps' is missing"),
        (
            case("      - user: hi\n") + "  - test_case: one\n    steps: [{user: hi}]\n",
            "8: there is already a test case called 'one' in this file",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = errors(tmp_path, text)
    assert found.startswith(problem)


def test_each_key_of_rasa_pro_that_has_no_meaning_here_is_refused_with_its_reason(tmp_path: Path) -> None:
    found = errors(
        tmp_path,
        case(
            """      - user: hi
        assertions:
          - flow_started: {operator: all, flow_ids: [cancel_order]}
          - bot_uttered: {utter_name: utter_greet}
          - generative_response_is_grounded: {threshold: 0.9}
"""
        ),
    )
    assert found == [
        "9: 'flow_started' is not supported: it belongs to CALM, which this Rasa does not have",
        "11: 'generative_response_is_grounded' is not supported: it asks a language model, so it would not give the same "
        "result twice",
    ]


def test_a_file_of_rasa_pro_is_read(tmp_path: Path) -> None:
    read = loaded(
        tmp_path,
        """
fixtures:
  - premium:
      - membership: premium
      - mocked_datetime: "2025-06-15T10:00:00+00:00"
metadata:
  - first: {turn_idx: 1}
stub_custom_actions:
  action_check:
    events: [{event: slot, name: eligible, value: true}]
    responses: [{text: "It can."}]
  late::action_check:
    events: []
    responses: []
test_cases:
  - test_case: late
    fixtures: [premium]
    metadata: first
    steps:
      - user: "yes"
        metadata: first
        assertion_order_enabled: true
        assertions:
          - slot_was_set: [{name: eligible, value: null}]
      - slot_was_set:
          - eligible
          - membership: premium
""",
    )
    (late,) = read.cases
    assert read.fixtures["premium"][0] == {"membership": "premium"}
    assert read.stubs_of(late) == {"action_check": {"events": [], "responses": []}}
    slots = late.steps[1].slot_was_set
    assert [(slot.name, slot.has_value, slot.value) for slot in slots] == [
        ("eligible", False, None),
        ("membership", True, "premium"),
    ]
    assert late.steps[0].assertions[0].slot_was_set[0].has_value


def test_the_nearest_shared_fixture_wins(tmp_path: Path) -> None:
    folder = tmp_path / "flow"
    folder.mkdir()
    (tmp_path / "conftest.yml").write_text("fixtures:\n  - buyer: {likes: tea}\n  - other: {likes: milk}\n")
    (folder / "conftest.yml").write_text("fixtures:\n  - buyer: {likes: water}\n")
    file = folder / "a.yml"
    file.write_text("test_cases:\n  - test_case: one\n    fixtures: [buyer, other]\n    steps: [{user: hi}]\n")
    assert load(file, tmp_path, project(tmp_path)).fixtures == {
        "buyer": Buyer(likes="water"),
        "other": Buyer(likes="milk"),
    }


def test_yes_and_no_are_words_and_lines_are_known(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, case("      - user: yes\n      - user: no\n      - user: 12\n")).cases
    assert [step.value for step in one.steps] == ["yes", "no", "12"]
    assert [step.line for step in one.steps] == [7, 8, 9]
    assert one.line == 4


def test_the_schema_knows_the_projects_own_keys(tmp_path: Path) -> None:
    schema = json_schema(project(tmp_path))
    step = schema["$defs"]["Step"]["properties"]
    assert {"user", "as", "clock", "database", "seller", "assertions"} <= step.keys()
    assert step["seller"]["anyOf"][0]["enum"] == ["approve", "fail"]
    assert "channel" in schema["$defs"]["Case"]["properties"]
    assert schema["$defs"]["Step"]["additionalProperties"] is False


def test_spans() -> None:
    assert span("+23h59m").total_seconds() == 86_340
    assert span("-1d").total_seconds() == -86_400
