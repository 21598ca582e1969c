"""What there is to exercise, with its lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.coverage.inventory import KINDS, Inventory, inventory

RECOURSE = Path(__file__).parents[2]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the files of a small project and answers with its root."""

    def write(**files: str) -> Path:
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/")
            path = path.with_name(path.name + ".yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return tmp_path

    return write


def places(found: Inventory, kind: str) -> dict[str, str]:
    return {key: str(place) for key, place in found.places[kind].items()}


DOMAIN = """\
version: "3.1"
intents:
  - greet
  - tell: {use_entities: []}
slots:
  size: {type: text, mappings: [{type: custom}]}
  drink:
    type: text
    mappings: [{type: custom}]
forms:
  order_form:
    required_slots:
      - size
      - drink
  empty_form: {}
  bare_form:
actions:
  - action_pay
  - validate_order_form
  - action_big: {send_domain: true}
  - utter_greet
responses:
  utter_greet:
    - text: "Hi"
      buttons: &menu
        - {title: Order, payload: /order}
        - {title: Big, payload: '/tell{"size": "big", "drink": "tea"}'}
        - {title: Say, payload: "just words"}
    - text: "Hello"
    - text: "Hola"
      condition:
        - {type: slot, name: language, value: es}
  utter_bye:
    - text: "Bye"
      buttons: *menu
  utter_same: &same
    - text: "Same"
  utter_other: *same
  utter_locale:
    - condition: [{type: slot, name: locale, value: en}]
      text: "Hi"
    - condition: [{type: slot, name: locale, value: de}]
      text: "Hallo"
  utter_slack:
    - {text: "Hi", channel: slack}
  utter_nothing: []
"""


def test_each_kind_with_its_line(write: Write) -> None:
    found = inventory(write(domain=DOMAIN))
    assert places(found, "intent") == {"greet": "domain.yml:3", "tell": "domain.yml:4"}
    assert places(found, "slot") == {"size": "domain.yml:6", "drink": "domain.yml:7"}
    assert places(found, "action") == {
        "action_pay": "domain.yml:18",
        "validate_order_form": "domain.yml:19",
        "action_big": "domain.yml:20",
    }
    assert places(found, "form_step") == {
        "order_form.size asked": "domain.yml:13",
        "order_form.size filled": "domain.yml:13",
        "order_form.drink asked": "domain.yml:14",
        "order_form.drink filled": "domain.yml:14",
    }


def test_a_response_for_each_language(write: Write) -> None:
    assert places(inventory(write(domain=DOMAIN)), "response") == {
        "utter_greet": "domain.yml:24",
        "utter_greet [es]": "domain.yml:30",
        "utter_bye": "domain.yml:34",
        "utter_same": "domain.yml:37",
        "utter_other": "domain.yml:38",
        "utter_locale": "domain.yml:40",
        "utter_locale [de]": "domain.yml:42",
        "utter_slack [slack]": "domain.yml:45",
        "utter_nothing": "domain.yml:46",
    }


def test_the_assistants_own_language_is_the_one_of_the_config(write: Write) -> None:
    found = inventory(write(domain=DOMAIN, config="language: es\n"))
    assert {"utter_greet", "utter_locale [en]", "utter_locale [de]"} <= found.places["response"].keys()
    assert "utter_greet [es]" not in found.places["response"]
    assert found.key("response", "utter_greet [es]") == "utter_greet"


def test_buttons_and_where_an_alias_is_used(write: Write) -> None:
    assert places(inventory(write(domain=DOMAIN)), "button") == {
        "utter_greet: /order": "domain.yml:26",
        "utter_greet: /tell{drink, size}": "domain.yml:27",
        "utter_bye: /order": "domain.yml:35",
        "utter_bye: /tell{drink, size}": "domain.yml:35",
    }


def test_what_is_merged_in_stands_where_it_is_used(write: Write) -> None:
    domain = "responses:\n  utter_a: &a\n  - &one {text: A}\n  utter_b:\n  - <<: *one\n    channel: slack\n"
    assert places(inventory(write(domain=domain)), "response") == {
        "utter_a": "domain.yml:3",
        "utter_b [slack]": "domain.yml:5",
    }


def test_rules_and_retrieval_responses_of_data(write: Write) -> None:
    rules = "rules:\n- rule: greeting\n  steps:\n  - intent: greet\n\n- rule: 'yes'\n  steps: []\n"
    nlu = "nlu:\n- intent: greet\n  examples: |\n    - hi\n    rules: not the key\nresponses:\n  utter_faq/price:\n  - text: a lot\n"
    stories = "stories:\n- story: long\n  steps: []\n"
    root = write(domain="", data__a__rules=rules, data__nlu=nlu, data__stories=stories)
    found = inventory(root)
    assert places(found, "rule") == {"greeting": "data/a/rules.yml:2", "yes": "data/a/rules.yml:6"}
    assert places(found, "response") == {"utter_faq/price": "data/nlu.yml:8"}


def test_a_domain_of_several_files(write: Write) -> None:
    found = inventory(
        write(
            domain__intents="intents: [greet]\n",
            domain__more__forms="slots: {size: {}}\nforms:\n  f: {required_slots: [size]}\n",
            domain__words="responses:\n  utter_greet: [{text: Hi}]\nactions:\n- utter_greet\n- action_x\n",
        )
    )
    assert places(found, "intent") == {"greet": "domain/intents.yml:1"}
    assert places(found, "form_step") == {
        "f.size asked": "domain/more/forms.yml:3",
        "f.size filled": "domain/more/forms.yml:3",
    }
    assert places(found, "action") == {"action_x": "domain/words.yml:5"}


@pytest.mark.parametrize("domain", ["", "version: '3.1'\n", "intents:\nslots:\nforms:\nactions: []\nresponses: {}\n"])
def test_an_empty_domain_has_nothing(write: Write, domain: str) -> None:
    assert inventory(write(domain=domain)).places == {kind: {} for kind in KINDS}


def test_the_fallback_of_the_pipeline_is_an_intent(write: Write) -> None:
    config = "language: de\npipeline:\n- name: Keyword\n- name: FallbackClassifier\n  threshold: 0.4\n"
    found = inventory(write(domain="intents: [greet]\n", config=config))
    assert places(found, "intent") == {"greet": "domain.yml:1", "nlu_fallback": "config.yml:4"}
    assert found.language == "de"


def test_without_a_fallback_there_is_no_such_intent(write: Write) -> None:
    found = inventory(write(domain="intents: [greet]\n", config="pipeline:\n- name: Keyword\n"))
    assert list(found.places["intent"]) == ["greet"]
    assert found.language == "en"


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ("intents: greet\n", "domain.yml:1: intents must be a list"),
        ("a: 1\nslots:\n- size\n", "domain.yml:2: slots must be a mapping"),
        ("forms:\n  f: [size]\n", "domain.yml:2: what has required_slots must be a mapping"),
        ("responses:\n  utter_a:\n  - Hello\n", "domain.yml:3: each of utter_a must be a mapping"),
        ("- a\n", "domain.yml:1: the file must be a mapping"),
        ("a: 1\nb: [1\n", "domain.yml:3: this is not YAML: "),
        ("a: 1\na: 2\n", "domain.yml:2: this is not YAML: found duplicate key"),
    ],
)
def test_a_domain_that_cannot_be_read_says_where(write: Write, domain: str, message: str) -> None:
    with pytest.raises(CoverageError) as error:
        inventory(write(domain=domain))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_no_domain_at_all(tmp_path: Path) -> None:
    with pytest.raises(CoverageError, match=r"has no domain\.yml and no folder domain"):
        inventory(tmp_path)


def test_recourse_itself_is_read_whole_and_quickly() -> None:
    started = time.perf_counter()
    found = inventory(RECOURSE)
    assert time.perf_counter() - started < 1.0

    def lines(path: str, start: str) -> int:
        return sum(line.startswith(start) for line in (RECOURSE / path).read_text(encoding="utf-8").splitlines())

    rules = sum(lines(f"data/rules/{path.name}", "  - rule: ") for path in (RECOURSE / "data" / "rules").glob("*.yml"))
    assert len(found.places["rule"]) == rules > 60
    assert len(found.places["response"]) == lines("domain.yml", "  utter_") > 200
    assert {"choose_reason", "nlu_fallback"} <= found.places["intent"].keys()
    assert {"cancel_form.cancel_reason asked", "refund_form.refund_order filled"} <= found.places["form_step"].keys()
    assert "validate_cancel_form" in found.places["action"]
    assert "utter_help: /cancel_order" in found.places["button"]
    for kind in ("rule", "slot", "response"):
        for key, place in found.places[kind].items():
            near = (RECOURSE / place.file).read_text(encoding="utf-8").splitlines()[place.line - 2 : place.line]
            assert key in "\n".join(near), f"{key} is not at {place}"
