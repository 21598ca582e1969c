"""From what was exercised to the reports, the minimum and the list of what is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_rasa.coverage import data, gate, texts
from pytest_rasa.coverage.allowed import LeftOut, load
from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.coverage.exercised import Exercised
from pytest_rasa.coverage.finish import Finished, finish
from pytest_rasa.coverage.inventory import KINDS, Inventory, Place
from pytest_rasa.coverage.measured import Coverage, percent
from pytest_rasa.coverage.store import merge, to_json

DOMAIN = """\
intents: [greet, order]
forms:
  order_form: {required_slots: [size]}
responses:
  utter_greet:
  - text: Hi
    buttons: [{title: Order, payload: /order}]
  - text: Hola
    condition: [{type: slot, name: language, value: es}]
  utter_bye:
  - text: Bye
"""
RULES = "rules:\n- rule: greeting\n- rule: ordering\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    (root / "data" / "rules.yml").write_text(RULES, encoding="utf-8")
    return root


def part(case: str, **counts: Mapping[str, int]) -> tuple[str, Any]:
    return to_json(case, Exercised(counts))


GREETED = part(
    "hello::greets", rule={"greeting": 2}, response={"utter_greet [en]": 1, "utter_greet": 1}, intent={"greet": 2}
)
ORDERED = part(
    "order::orders", rule={"ordering": 1}, intent={"order": 1}, button={"/order": 1, "utter_greet: /order": 1}
)


def allow(root: Path, text: str) -> Path:
    path = root / "coverage.yml"
    path.write_text(text, encoding="utf-8")
    return path


def made(keys: Mapping[str, list[str]], *parts: tuple[str, Any], left_out: Any = (), chosen: str = "") -> Coverage:
    """Coverage of an assistant that has ``keys``."""
    places = {kind: {key: Place("f.yml", 1) for key in keys.get(kind, [])} for kind in KINDS}
    return Coverage(Inventory(places), merge(parts), left_out, chosen)


def figures(coverage: Coverage) -> dict[str, tuple[int, int]]:
    return {row.name: (row.exercised, row.total) for row in coverage.rows if row.entries}


def unspaced(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


# --- Merging ---


def test_parts_of_other_processes_are_put_together() -> None:
    sent = json.loads(json.dumps([GREETED, ORDERED, GREETED]))
    merged = merge(sent)
    assert merged.cases == ["hello::greets", "order::orders"]
    assert merged.exercised.times("rule", "greeting") == 4
    assert merged.of("rule", "greeting") == {0}
    assert merged.of("intent", "order") == {1}
    assert merged.of("intent", "nobody") == set()


def test_what_was_counted_zero_times_was_not_exercised() -> None:
    coverage = made({"rule": ["a"]}, part("one", rule={"a": 0}))
    assert figures(coverage) == {"rule": (0, 1)}


# --- Measuring ---


def test_figures_of_a_small_project(root: Path, tmp_path: Path) -> None:
    finished = finish(root, [GREETED, ORDERED], tmp_path / "out")
    assert finished.failures == []
    report = json.loads((tmp_path / "out" / "coverage.json").read_text(encoding="utf-8"))
    assert {name: (one["exercised"], one["total"]) for name, one in report["kinds"].items()} == {
        "rule": (2, 2),
        "form_step": (0, 2),
        "slot": (0, 0),
        "action": (0, 0),
        "response": (1, 2),
        "response [es]": (0, 1),
        "button": (1, 1),
        "intent": (2, 2),
    }
    assert (report["total"]["exercised"], report["total"]["total"]) == (6, 10)


def test_each_further_language_is_a_row_and_none_counts_for_another() -> None:
    coverage = made({"response": ["utter_a", "utter_a [es]", "utter_b [es]"]}, part("c", response={"utter_a [es]": 1}))
    assert figures(coverage) == {"response": (0, 1), "response [es]": (1, 2)}


def test_buttons_that_actions_make_count_once_they_were_shown() -> None:
    shown = {"/choose{reason}": 3, "/order": 1}
    coverage = made(
        {"button": ["utter_greet: /order"]},
        part("c", button_shown=shown, button={"/choose{reason}": 1, "utter_any: /choose{reason}": 1}),
        part("d", button_shown={"/never": 1}),
    )
    assert figures(coverage) == {"button": (1, 3)}
    found = {entry.key: (entry.state, entry.where) for entry in coverage.total.entries}
    assert found == {
        "utter_greet: /order": ("missing", "f.yml:1"),
        "/choose{reason}": ("exercised", "made by an action, shown 3 times"),
        "/never": ("missing", "made by an action, shown once"),
    }
    assert coverage.unknown == []


def test_what_no_file_declares_is_a_note_and_not_counted() -> None:
    coverage = made(
        {"rule": ["a"], "form_step": ["f.size asked", "f.size filled"]},
        part(
            "c", rule={"b": 2}, form_step={"f.size filled": 1, "f.note filled": 1, "f.note asked": 1, "g.x filled": 1}
        ),
    )
    assert coverage.unknown == [("form_step", "f.note asked", 1), ("form_step", "g.x filled", 1), ("rule", "b", 2)]
    assert figures(coverage) == {"rule": (0, 1), "form_step": (1, 2)}
    assert "  rule b, 2 times" in list(texts.terminal(coverage, "x"))


def test_an_assistant_that_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text("", encoding="utf-8")
    finished = finish(tmp_path, [], tmp_path / "out", minimum=100)
    assert finished.failures == []
    assert finished.lines[0] == "what of the assistant the 0 conversations of this run exercised"
    assert "all 0 0 -" in unspaced(finished.lines)


@pytest.mark.parametrize(
    ("share", "text"), [(100.0, "100 %"), (99.99, "99.9 %"), (100 * 2 / 3, "66.6 %"), (0.0, "0 %"), (50.0, "50 %")]
)
def test_percentages_are_never_rounded_up(share: float, text: str) -> None:
    assert percent(share) == text


# --- The terminal, JSON, badge and Markdown ---


def test_the_terminal_says_what_is_missing_and_where(root: Path, tmp_path: Path) -> None:
    lines = finish(root, [GREETED], tmp_path / "out").lines
    assert lines[0] == "what of the assistant the 1 conversation of this run exercised"
    flat = unspaced(lines)
    assert "rule 1 2 50 %" in flat
    assert "ordering data/rules.yml:3" in flat
    assert "order_form.size asked domain.yml:3" in flat
    assert "utter_greet [es] domain.yml:8" in flat
    assert "greeting data/rules.yml:2" not in flat


def test_a_long_list_ends_with_where_the_rest_is() -> None:
    coverage = made({"rule": [f"rule {n}" for n in range(25)], "slot": [f"slot_{n}" for n in range(10)]})
    lines = list(texts.terminal(coverage, "out/index.html"))
    assert lines.count("  and 15 more, see out/index.html") == 1
    assert sum(line.startswith("  rule ") for line in lines) == 10 + 1, "ten of them, and the row of the figures"
    assert sum(line.startswith("  slot_") for line in lines) == 10


def test_long_names_are_shortened_in_the_terminal_only() -> None:
    name = "a rule whose name goes on and on " * 4
    coverage = made({"rule": [name]})
    assert max(len(line) for line in texts.terminal(coverage, "x")) <= 100
    assert name in texts.markdown(coverage)


def test_json_does_not_depend_on_the_order_of_the_cases(root: Path, tmp_path: Path) -> None:
    parts = [GREETED, ORDERED, ("a first::greets", GREETED[1])]
    finish(root, parts, tmp_path / "a")
    finish(root, reversed(parts), tmp_path / "b")
    first, second = ((tmp_path / name / "coverage.json").read_text(encoding="utf-8") for name in "ab")
    assert first == second
    report = json.loads(first)
    assert report["conversations"] == ["a first::greets", "hello::greets", "order::orders"]
    assert [(one["kind"], one["key"]) for one in report["entries"]] == sorted(
        (one["kind"], one["key"]) for one in report["entries"]
    )
    assert next(one for one in report["entries"] if one["key"] == "greeting") == {
        "kind": "rule",
        "key": "greeting",
        "file": "data/rules.yml",
        "line": 2,
        "state": "exercised",
        "why": None,
        "times": 4,
        "shown": 0,
        "conversations": ["a first::greets", "hello::greets"],
    }


@pytest.mark.parametrize(("exercised", "color"), [(10, "brightgreen"), (9, "green"), (7, "orange"), (0, "red")])
def test_the_badge_is_an_endpoint_of_shields_io(exercised: int, color: str) -> None:
    keys = [f"r{n}" for n in range(10)]
    coverage = made({"rule": keys}, part("c", rule=dict.fromkeys(keys[:exercised], 1)))
    assert data.badge(coverage) == {
        "schemaVersion": 1,
        "label": "assistant coverage",
        "message": f"{exercised * 10} %",
        "color": color,
    }


def test_markdown_for_a_ci_job(root: Path, tmp_path: Path) -> None:
    allowed = allow(root, "never:\n- {kind: response, key: utter_bye, why: 'only <after> hours'}\n")
    finish(root, [GREETED, ORDERED], tmp_path / "out", allowed=allowed)
    text = (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("### Assistant coverage: 66.6 %\n")
    assert "| rule | 2 | 2 | 100 % |\n" in text
    assert "| slot | 0 | 0 | - |\n" in text
    assert (
        "<details><summary>3 never exercised</summary>\n\n- form_step `order_form.size asked` (domain.yml:3)\n" in text
    )
    assert "- response `utter_bye`: only &lt;after> hours\n" in text


def test_a_part_of_the_conversations_says_so_everywhere(root: Path, tmp_path: Path) -> None:
    finished = finish(root, [GREETED], tmp_path / "out", minimum={"rule": 100}, chosen="-k greets")
    of = "the 1 conversation of this run only (-k greets)"
    assert finished.lines[0] == f"what of the assistant {of} exercised"
    assert finished.failures == [f"rule: 50 % exercised by {of}, 100 % wanted"]
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert all(of in files[name] for name in ("index.html", "coverage.json", "summary.md"))
    assert json.loads(files["coverage.json"])["partial"] is True
    assert json.loads(files["badge.json"])["message"] == "30 % of a part"


# --- The minimum ---


@pytest.mark.parametrize(
    ("text", "minimum"),
    [
        ("100", 100.0),
        (" 97.5% ", 97.5),
        ("0", 0.0),
        ("rule=100", {"rule": 100.0}),
        ("rule=100, response = 95%", {"rule": 100.0, "response": 95.0}),
        ("response[es]=80,response=100", {"response [es]": 80.0, "response": 100.0}),
    ],
)
def test_minimums_that_can_be_asked_for(text: str, minimum: object) -> None:
    assert gate.parse(text) == minimum


@pytest.mark.parametrize(
    "text", ["", "a lot", "101", "-1", "nan", "rule=", "rule=lots", "rules=100", "rule=100,,", "button_shown=1"]
)
def test_minimums_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(CoverageError) as error:
        gate.parse(text)
    assert "is no" in str(error.value)


def test_too_little_of_a_kind_is_said_for_each_kind() -> None:
    coverage = made({"rule": ["a", "b", "c"], "slot": ["s"]}, part("c", rule={"a": 1, "b": 1}, slot={"s": 1}))
    of = "exercised by the 1 conversation of this run"
    assert gate.below(coverage, 100) == [f"rule: 66.6 % {of}, 100 % wanted"]
    assert gate.below(coverage, {"slot": 100}) == []
    assert gate.below(coverage, {"rule": 66.7, "slot": 100}) == [f"rule: 66.6 % {of}, 66.7 % wanted"]
    assert gate.below(coverage, 66.6) == []


def test_one_of_a_thousand_missing_is_not_all() -> None:
    keys = [f"utter_{n}" for n in range(1000)]
    coverage = made({"response": keys}, part("c", response=dict.fromkeys(keys[1:], 1)))
    assert len(gate.below(coverage, 100)) == 1


def test_a_minimum_for_responses_holds_for_each_language() -> None:
    keys = ["utter_a", "utter_a [es]"]
    coverage = made({"response": keys}, part("c", response={"utter_a": 1}))
    assert [line.split(":")[0] for line in gate.below(coverage, {"response": 100})] == ["response [es]"]
    assert gate.below(coverage, {"response": 100, "response [es]": 0}) == []


# --- What is left out ---


def test_what_is_left_out_is_not_demanded_and_said_with_its_reason(root: Path, tmp_path: Path) -> None:
    allowed = allow(
        root,
        "never:\n"
        "- {kind: response, key: utter_bye, why: the shop never closes}\n"
        "- {kind: response, key: 'utter_greet [es]', why: not sold in Spain yet}\n",
    )
    finished = finish(root, [GREETED], tmp_path / "out", minimum={"response": 100}, allowed=allowed)
    assert finished.failures == []
    assert "  response utter_bye: the shop never closes" in finished.lines
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "the shop never closes" in page
    report = json.loads((tmp_path / "out" / "coverage.json").read_text(encoding="utf-8"))
    assert report["kinds"]["response"] == {"exercised": 1, "total": 1, "left_out": 1, "percent": 100.0}


def test_an_entry_that_is_not_needed_any_more_fails(root: Path) -> None:
    allowed = allow(root, "never:\n\n- {kind: rule, key: greeting, why: too hard}\n")
    finished = finish(root, [ORDERED, GREETED], None, allowed=allowed)
    assert finished.failures == [
        "coverage.yml:3: rule 'greeting' is exercised (by hello::greets), so take it out of the list"
    ]


def test_an_entry_for_something_that_is_not_there_fails(root: Path) -> None:
    allowed = allow(root, "never:\n- {kind: rule, key: greetings, why: too hard}\n")
    assert finish(root, [GREETED], None, allowed=allowed).failures == [
        "coverage.yml:2: there is no rule 'greetings'; correct the name, or take it out of the list"
    ]


def test_a_button_that_an_action_makes_is_only_there_when_it_is_shown() -> None:
    left_out = [LeftOut("button", "/open{page}", "the page is another site's", Place("coverage.yml", 2))]
    assert len(list(gate.outdated(made({}, left_out=left_out)))) == 1
    assert list(gate.outdated(made({}, left_out=left_out, chosen="-k refund"))) == []
    shown = made({}, part("c", button_shown={"/open{page}": 1}), left_out=left_out)
    assert list(gate.outdated(shown)) == []
    assert figures(shown) == {"button": (0, 0)}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("never:\n- {kind: rule, key: a}\n", ["coverage.yml:2: why is missing: say why no conversation can exercise it"]),
        ("never:\n- {kind: rule, key: a, why: ' '}\n", ["coverage.yml:2: why is missing: say why no conversation can exercise it"]),
        ("never:\n- {kind: rule, why: x}\n", ["coverage.yml:2: key is missing: the name as the report shows it"]),
        ("never:\n- {kind: rules, key: a, why: x}\n", [f"coverage.yml:2: kind must be one of {', '.join(KINDS)}"]),
        (
            "never:\n- {kind: rule, key: a, why: x, until: May}\n",
            ["coverage.yml:2: 'until' is not known; an entry has kind, key, why"],
        ),
        (
            "never:\n- {kind: rule, key: a, why: x}\n- {kind: rule, key: a, why: y}\n",
            ["coverage.yml:3: rule 'a' is left out already in line 2"],
        ),
        ("ever: []\n", ["coverage.yml: 'ever' is not known; there is only never"]),
        ("never: all\n", ["coverage.yml:1: never must be a list"]),
        ("never:\n- a\n", ["coverage.yml:2: each of never must be a mapping"]),
        ("never: [\n", None),
        (
            "never:\n- {kind: rule}\n",
            [
                "coverage.yml:2: key is missing: the name as the report shows it",
                "coverage.yml:2: why is missing: say why no conversation can exercise it",
            ],
        ),
    ],
)  # fmt: skip
def test_a_list_that_is_wrong_says_where(root: Path, text: str, problems: list[str] | None) -> None:
    finished = finish(root, [GREETED], None, allowed=allow(root, text))
    assert finished.lines == []
    if problems is None:
        assert finished.failures[0].startswith("coverage.yml:2: this is not YAML: ")
    else:
        assert finished.failures == problems


@pytest.mark.parametrize("text", ["", "never:\n", "never: []\n"])
def test_an_empty_list_leaves_nothing_out(root: Path, text: str) -> None:
    assert load(allow(root, text)) == []
    assert load(root / "nowhere.yml") == []


# --- What goes wrong at the end ---


def test_a_report_that_cannot_be_written_says_so(root: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert finish(root, [GREETED], blocked / "out") == Finished(
        [], [f"the coverage report cannot be written to {blocked / 'out'}: Not a directory"]
    )


def test_a_domain_that_cannot_be_read_says_so(root: Path) -> None:
    (root / "domain.yml").write_text("intents: greet\n", encoding="utf-8")
    assert finish(root, [GREETED], None) == Finished([], ["domain.yml:1: intents must be a list"])
