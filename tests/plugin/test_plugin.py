"""The plugin as its user sees it: files are collected, played, shown when they fail, and summed up."""

from __future__ import annotations

import json
from pathlib import Path

import fake_project  # loaded once here, not anew by every run of pytest within a test
import pytest

import pytest_rasa.agree
import pytest_rasa.plugin

LOADED = (fake_project, pytest_rasa.agree, pytest_rasa.plugin)
DOMAIN = """
version: "3.1"
responses:
  utter_hello:
    - text: "Hello! You said {text}."
  utter_bought:
    - text: "Bought. Anything else?"
  utter_wait:
    - text: "One moment."
"""
HEAD = "fixtures:\n  - ann: {likes: tea}\n  - bob: {likes: milk}\n"


@pytest.fixture
def bot(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the fake assistant; conversation tests go to ``talks/``."""
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[2]}")  # for its child processes
    pytester.makeini(
        "[pytest]\nrasa_conversations = talks\naddopts = -p pytest_rasa.plugin -p no:cacheprovider -p no:asyncio -p no:hypothesispytest\n"
    )
    pytester.makeconftest(
        "from pathlib import Path\nfrom fake_project import project\n\n\n"
        "def pytest_rasa_project(config):\n    return project(Path(__file__).parent)\n"
    )
    (pytester.path / "domain.yml").write_text(DOMAIN)
    return pytester


def talk(bot: pytest.Pytester, steps: str, name: str = "a", more: str = "") -> Path:
    """A file with one case that has these steps (indented by six)."""
    file = bot.path / "talks" / "flow" / f"{name}.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"{HEAD}test_cases:\n  - test_case: one\n    fixtures: [ann, bob]\n{more}    steps:\n{steps}", encoding="utf-8"
    )
    return file


def run(bot: pytest.Pytester, *options: str) -> pytest.RunResult:
    return bot.runpytest_inprocess(*options)


def test_cases_are_tests_with_names(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n      - utter: utter_hello\n")
    result = run(bot, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["talks/flow/a.yml::one PASSED*", "*1 over inprocess: 1 turns, median * ms*"])


def test_a_failure_reads_like_a_chat(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n      - utter: utter_bought\n")
    result = run(bot)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ flow/a::one _*",
            "talks/flow/a.yml:9",
            "*ann | hi",
            "*bot | Hello! You said hi.",
            "line 9, utter: utter_bought",
            "*> expected the bot to say utter_bought, but it said utter_hello",
            "*> expected: 'Bought. Anything else?'",
            "*> *found: 'Hello! You said hi.'",
            "at that point",
            "*intent: inform",
            "*actions: action_sell",
            "*slots: heard='hi'",
        ]
    )
    assert "Traceback" not in result.stdout.str()


def test_rows_are_counted_before_and_after_and_money_has_a_currency(bot: pytest.Pytester) -> None:
    talk(
        bot,
        """      - user: buy
        times: 2
      - database:
          - {table: sale, added: 2, count: 2, currency: EUR, amount: EUR 10.50, at: +0m}
          - {table: sale, buyer_name: bob, count: 0}
          - {table: sale, count: 2, sum: {amount: EUR 21.00}}
      - user: hi
      - database:
          - {table: sale, added: 0}
""",
    )
    run(bot).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{table: sale, added: 1, count: 2}", "*expected 1 more row(s) of sale, found 2 more"),
        ("{table: sale, count: 2, amount: USD 10.50}", "*amount: expected 'USD 10.50', found 1050"),
        ("{table: sale, count: 2, amount: EUR 10.51}", "*amount: expected 'EUR 10.51', found 1050"),
        ("{table: sail}", "*there is no table 'sail'; there are: sale"),
        ("{table: sale, count: 2, amout: 1}", "*sale has no column 'amout'; it has: id, amount, currency, buyer, at"),
        ("{table: sale, count: 2, at: +2h}", "*at: expected '+2h', found *"),
    ],
)
def test_rows_that_are_not_as_expected(bot: pytest.Pytester, row: str, problem: str) -> None:
    talk(bot, f"      - {{user: buy, times: 2}}\n      - database:\n          - {row}\n")
    result = run(bot)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([problem])


def test_buttons_time_faults_pushes_and_the_projects_own_steps(bot: pytest.Pytester) -> None:
    talk(
        bot,
        """      - user: buy
      - buttons: ["Yes", /^No/]
      - press: "No"
      - bot: Pressed /no.
      - press_old: "Yes"
      - bot: Pressed /yes.
      - clock: +25h
      - user: buy
      - database:
          - {table: sale, added: 1, count: 2}
      - seller: approve
      - faults: {actions: down, connection: lost}
      - as: bob
      - user: later
      - utter: utter_wait
      - expect_pushed: Here it is.
""",
    )
    run(bot).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("      - user: hi\n      - press: Yes\n", "*there is no button 'Yes' to press; there are: none"),
        (
            "      - user: buy\n      - press: Maybe\n",
            "*there is no button 'Maybe' to press; there are: Yes, No, thanks",
        ),
        ("      - seller: fail\n", "*the seller can do nothing here"),
        ("      - user: crash\n", "*the assistant did not answer"),
        ("      - user: hi\n      - utter: utter_helo\n", "*the domain has no response 'utter_helo'"),
        ("      - user: hi\n      - bot: Hello! You say hi.\n", "*they differ from character 14 on"),
        ("      - user: hi\n      - bot_did_not_utter: [HELLO]\n", "*expected the bot not to say 'HELLO', but it did"),
        ("      - user: hi\n      - slot_was_set: [heard: ho]\n", "*slot heard: expected 'ho', found 'hi'"),
        ("      - user: hi\n      - slot_was_not_set: [heard]\n", "*slot heard is set to 'hi'"),
    ],
)
def test_steps_that_fail_say_why(bot: pytest.Pytester, steps: str, problem: str) -> None:
    talk(bot, steps)
    result = run(bot)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([problem])


def test_several_messages_in_a_row_and_rows_after_a_push(bot: pytest.Pytester) -> None:
    talk(
        bot,
        """      - user: [buy, later]
      - expect_pushed: Here it is.
      - utter: [utter_bought, utter_wait]
      - database:
          - {table: sale, added: 1}
""",
    )
    run(bot).assert_outcomes(passed=1)


def test_assertions_of_rasa_pro(bot: pytest.Pytester) -> None:
    talk(
        bot,
        """      - user: buy
        assertions:
          - action_executed: action_sell
          - slot_was_set: [{name: heard, value: buy}]
          - slot_was_not_set: [{name: empty}]
          - bot_uttered:
              utter_name: utter_bought
              text_matches: ^Bought
              buttons: [{title: "Yes", payload: /yes}, {title: "No, thanks", payload: /no}]
          - bot_did_not_utter: {utter_name: utter_wait}
""",
    )
    run(bot).assert_outcomes(passed=1)


def test_assertions_in_the_wrong_order(bot: pytest.Pytester) -> None:
    talk(
        bot,
        """      - user: buy
        assertion_order_enabled: true
        assertions:
          - slot_was_set: [{name: heard}]
          - action_executed: action_sell
""",
    )
    result = run(bot)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*{'action_executed': 'action_sell'} did not come in this order"])


def test_a_case_for_one_world_only_is_skipped_with_its_reason(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n", more="    only: {over: stack, because: it kills real processes}\n")
    result = run(bot, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*only over stack: it kills real processes*"])
    run(bot, "--over=stack").assert_outcomes(passed=1)


def test_a_world_that_does_not_exist(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n")
    result = run(bot, "--over=moon")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--over=moon: there is no such world; there are: inprocess, stack, broken*"])


def test_a_world_that_does_not_start_is_said_without_a_traceback(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n")
    result = run(bot, "--over=broken")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["talks/flow/a.yml:5", "the assistant did not start: no model"])


def test_transcripts_are_kept_and_compared(bot: pytest.Pytester) -> None:
    more = "    transcript: true\n"
    talk(bot, "      - user: about {name}\n", more=more)
    run(bot).stdout.fnmatch_lines(["*no transcript is kept yet; --update-transcripts writes one-*.txt"])
    run(bot, "--update-transcripts").assert_outcomes(passed=1)
    (kept,) = (bot.path / "talks" / "flow" / "transcripts" / "a").iterdir()
    assert "ann | about {name}" in kept.read_text()
    run(bot).assert_outcomes(passed=1)
    talk(bot, "      - user: about {name}!\n", more=more)
    result = run(bot)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*+*about {name}!"])


def test_only_failures_are_run_again(bot: pytest.Pytester) -> None:
    bot.makeini("[pytest]\nrasa_conversations = talks\naddopts = -p pytest_rasa.plugin -p no:asyncio\n")
    talk(bot, "      - user: hi\n", name="good")
    talk(bot, "      - user: hi\n      - bot: no\n", name="bad")
    run(bot).assert_outcomes(passed=1, failed=1)
    talk(bot, "      - user: hi\n      - bot: Hello! You said hi.\n", name="bad")
    run(bot, "--lf").assert_outcomes(passed=1)


def test_several_processes_and_files_for_ci(bot: pytest.Pytester) -> None:
    for number in range(4):
        talk(bot, "      - user: hi\n", name=f"file{number}")
    result = run(bot, "-n", "2", "--junitxml=junit.xml", "--conversation-results=out/results.json")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["4 over inprocess: 4 turns*"])
    rows = json.loads((bot.path / "out" / "results.json").read_text())
    assert [row["id"] for row in rows] == [f"flow/file{number}::one" for number in range(4)]
    assert all(row["outcome"] == "passed" and "Hello! You said hi." in row["transcript"] for row in rows)
    assert (bot.path / "junit.xml").read_text().count('name="one"') == 4


def test_two_worlds_must_agree(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n")
    run(bot, "--conversation-results=a.json")
    run(bot, "--over=stack", "--conversation-results=b.json")
    same = bot.run("python", "-m", "pytest_rasa.agree", "a.json", "b.json")
    assert same.ret == 0
    same.stdout.fnmatch_lines(["1 conversations were played over inprocess and stack: the same in both."])
    other = json.loads((bot.path / "b.json").read_text())
    other[0]["transcript"] = other[0]["transcript"].replace("Hello", "Hallo")
    (bot.path / "b.json").write_text(json.dumps(other))
    differs = bot.run("python", "-m", "pytest_rasa.agree", "a.json", "b.json")
    assert differs.ret == 1
    differs.stdout.fnmatch_lines(["flow/a::one: the transcripts differ", "*+*Hallo*", "*1 differ."])
    assert bot.run("python", "-m", "pytest_rasa.agree", "a.json", "none.json").ret == 2


def test_editors_get_a_schema(bot: pytest.Pytester) -> None:
    assert run(bot, "--conversation-schema=schema.json").ret == 0
    step = json.loads((bot.path / "schema.json").read_text())["$defs"]["Step"]["properties"]
    assert step["seller"]["anyOf"][0]["enum"] == ["approve", "fail"]
    assert step["clock"]["description"].startswith("Time passes")


def test_too_little_coverage_fails_a_run_that_passed(bot: pytest.Pytester) -> None:
    talk(bot, "      - user: hi\n")
    result = run(bot, "--assistant-coverage=out")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ERROR over inprocess nothing says what was exercised; measure it in another world"])


@pytest.mark.parametrize("percent", ["abc", "101", "respnse=95", ""])
def test_a_minimum_that_is_none(bot: pytest.Pytester, percent: str) -> None:
    talk(bot, "      - user: hi\n")
    result = bot.runpytest_subprocess(f"--fail-under-coverage={percent}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --fail-under-coverage: *"])


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ("      - user: buy\n      - press: /[/\n", "*this cannot be checked (*unterminated character set*"),
        ("      - clock: 2026-13-24T10:00Z\n", "*this cannot be checked (ValueError: *"),
        (
            "      - user: buy\n      - database:\n          - {table: sale, count: 0, nope: 1}\n",
            "*sale has no column 'nope'*",
        ),
        ("      - user: hi\n      - bot_did_not_utter: utter_nope\n", "*the domain has no response 'utter_nope'"),
    ],
)
def test_what_cannot_be_checked_is_no_success(bot: pytest.Pytester, steps: str, problem: str) -> None:
    talk(bot, steps)
    result = run(bot)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([problem])
    assert "Traceback" not in result.stdout.str()
