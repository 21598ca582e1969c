"""The runner itself: errors that help, and comparisons that notice what is different."""

from __future__ import annotations

from pathlib import Path

import pytest
from runner import checking
from runner.format import SlotValue
from runner.loading import FormatError, load
from runner.rows import span
from runner.transcript import Button, Message, Reply

_BUYER = "fixtures:\n  - buyer: {orders: []}\n"


def _error(folder: Path, text: str) -> str:
    file = folder / "flow.yml"
    file.write_text(text)
    with pytest.raises(FormatError) as raised:
        load(file, folder)
    return str(raised.value).removeprefix(str(file))


def _case(steps: str) -> str:
    return f"{_BUYER}test_cases:\n  - test_case: one\n    fixtures: [buyer]\n    steps:\n{steps}"


def test_unknown_key_in_a_step(tmp_path: Path) -> None:
    assert _error(tmp_path, _case("      - user: hi\n      - uter: utter_greet\n")).startswith(
        ":8: unknown key 'uter'; allowed here: user, press, "
    )


def test_unknown_key_in_a_fixture(tmp_path: Path) -> None:
    text = "fixtures:\n  - buyer:\n      orders:\n        - {as: lamp, scenario: shipped, item: KETTLE}\n"
    assert _error(tmp_path, text) == ":4: unknown key 'item'; allowed here: as, scenario, items, title"


def test_a_step_does_one_thing(tmp_path: Path) -> None:
    assert ":7: a step has exactly one of" in _error(tmp_path, _case("      - {user: hi, press: Yes}\n"))


def test_an_option_in_the_wrong_place(tmp_path: Path) -> None:
    assert (
        _error(tmp_path, _case("      - {bot: hi, times: 2}\n"))
        == ":7: 'times' goes with user or press, not with 'bot'"
    )


def test_unknown_fixture(tmp_path: Path) -> None:
    text = _case("      - user: hi\n").replace("fixtures: [buyer]", "fixtures: [byer]")
    assert _error(tmp_path, text) == ":4: there is no fixture 'byer'; there are: buyer"


def test_unknown_buyer(tmp_path: Path) -> None:
    assert _error(tmp_path, _case("      - as: nobody\n")) == ":7: there is no buyer 'nobody'; there are: buyer"


def test_a_name_twice(tmp_path: Path) -> None:
    text = _case("      - user: hi\n") + "  - test_case: one\n    fixtures: [buyer]\n    steps: [{user: hi}]\n"
    assert _error(tmp_path, text).startswith(":8: there is already a test case called 'one'")


def test_broken_yaml(tmp_path: Path) -> None:
    assert _error(tmp_path, "test_cases:\n  - {a: b\n").startswith(":3: ")


def test_missing_key(tmp_path: Path) -> None:
    assert (
        _error(tmp_path, "test_cases:\n  - test_case: one\n    steps: [{user: hi}]\n")
        == ":2: the key 'fixtures' is missing"
    )


def test_the_nearest_shared_fixture_wins(tmp_path: Path) -> None:
    folder = tmp_path / "flow"
    folder.mkdir()
    (tmp_path / "conftest.yml").write_text("fixtures:\n  - buyer: {like: b-1001}\n  - other: {like: b-1002}\n")
    (folder / "conftest.yml").write_text("fixtures:\n  - buyer: {like: b-1003}\n")
    file = folder / "a.yml"
    file.write_text("test_cases:\n  - test_case: one\n    fixtures: [buyer, other]\n    steps: [{user: hi}]\n")
    loaded = load(file, tmp_path)
    assert {name: fixture.like for name, fixture in loaded.fixtures.items()} == {"buyer": "b-1003", "other": "b-1002"}


def test_yes_and_no_are_words(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(_case("      - user: yes\n      - user: no\n      - user: 12\n"))
    (case,) = load(file, tmp_path).cases
    assert [step.value for step in case.steps] == ["yes", "no", "12"]
    assert [step.line for step in case.steps] == [7, 8, 9]


REPLY = Reply((Message("Hello! What can I do for you?", (Button("My orders", "btn_1"),)), Message("Second.")))


def test_a_response_is_recognised_with_values() -> None:
    assert checking.is_response("All right, RC-1 stays as it is. Nothing was submitted.", "utter_cancel_kept")
    assert not checking.is_response("All right, RC-1 stays as it is. Nothing was submitted. Or?", "utter_cancel_kept")
    assert checking.utter(REPLY, ["utter_greet"]) is None


def test_another_response_is_named() -> None:
    problem = checking.utter(REPLY, ["utter_help"])
    assert problem is not None
    assert "expected the bot to say utter_help, but it said utter_greet" in problem


def test_a_text_that_differs_shows_where() -> None:
    assert checking.bot(REPLY, "Second.") is None
    problem = checking.bot(REPLY, "Hello! What may I do for you?")
    assert problem is not None
    assert "differ from character 13 on" in problem


def test_buttons_by_beginning_or_expression() -> None:
    assert checking.buttons(REPLY, ["My"]) is None
    assert checking.buttons(REPLY, ["/orders$/"]) is None
    assert checking.buttons(REPLY, ["orders"]) is not None
    assert checking.buttons(REPLY, []) is not None


def test_what_must_not_be_said() -> None:
    assert checking.did_not_utter(REPLY, ["utter_help", "third"]) is None
    assert checking.did_not_utter(REPLY, ["utter_greet"]) is not None
    assert checking.did_not_utter(REPLY, ["SECOND"]) is not None


def test_slots() -> None:
    found = {"a": 1, "b": None}
    assert checking.slots_set([SlotValue(name="a"), SlotValue(name="b", value=None)], found) is None
    assert checking.slots_set([SlotValue(name="b")], found) is not None
    assert checking.slots_not_set([SlotValue(name="b"), SlotValue(name="a", value=2)], found) is None
    assert checking.slots_not_set([SlotValue(name="a")], found) is not None


def test_spans() -> None:
    assert span("+23h59m").total_seconds() == 86_340
    assert span("-1d").total_seconds() == -86_400
