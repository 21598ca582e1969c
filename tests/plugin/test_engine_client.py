"""Rasa in a child process and its custom actions in this one, with a tiny assistant."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import httpx
import psutil
import pytest
from mini_rasa import BOT, RASA_PYTHON, train

from pytest_rasa.engine.actions import ActionServer
from pytest_rasa.engine.client import EngineTurn, RasaClient
from pytest_rasa.engine.errors import EngineDown, EngineError
from pytest_rasa.engine.process import Assistant
from pytest_rasa.engine.transport import RasaTransport
from pytest_rasa.plain import find_actions


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory)


@pytest.fixture(scope="module")
def started(model: Path) -> Iterator[RasaClient]:
    client = RasaClient(Assistant(BOT, model, RASA_PYTHON), ActionServer(find_actions(BOT, "mini_actions")))
    client.start()
    yield client
    client.close()


@pytest.fixture
def rasa(started: RasaClient) -> RasaClient:
    """As after a start: nothing remembered, nothing stubbed."""
    started.actions.reset()
    started.forget()
    started.set_initial_slots({})
    started.take_turns()
    return started


def texts(turn: EngineTurn) -> list[str]:
    return [str(message.get("text")) for message in turn.messages]


def names(turn: EngineTurn, kind: str) -> list[str]:
    return [event["name"] for event in turn.events if event["event"] == kind]


def test_a_form_is_filled_by_button_and_text(rasa: RasaClient) -> None:
    asked = rasa.send("ann", "tea please")
    assert texts(asked) == ["Green or black?"]
    green = asked.messages[0]["buttons"][0]
    assert green["title"] == "Green tea"
    assert texts(rasa.send("ann", green["payload"])) == ["How many cups?"]
    ordered = rasa.send("ann", "2")
    assert texts(ordered) == ["2 × green tea"]
    assert ordered.calls == ["validate_tea_form", "action_order"]
    assert rasa.tracker("ann")["slots"]["tea"] is None, "the action has set it back"


def test_the_events_of_a_turn_begin_with_its_message(rasa: RasaClient) -> None:
    rasa.send("ann", "tea please")
    turn = rasa.send("ann", "thanks", {"seq": 7})
    assert turn.events[0]["event"] == "user"
    assert turn.events[0]["text"] == "thanks"
    assert turn.events[0]["metadata"]["seq"] == 7
    assert names(turn, "action") == ["utter_thank", "tea_form", "action_listen"]
    assert [dict(event) for event in turn.events] == rasa.tracker("ann")["events"][-len(turn.events) :]


def test_turns_are_kept_until_they_are_taken(rasa: RasaClient) -> None:
    first, second = rasa.send("ann", "hello"), rasa.send("bob", "hello")
    assert rasa.take_turns() == [first, second]
    assert rasa.take_turns() == []


@pytest.mark.parametrize(
    ("texts_", "rules"),
    [
        (["hello"], ["a greeting"]),
        (["tea please", "/choose", '/choose{"tea": "green"}'], ["tea is wanted"]),
        (["tea please", "thanks"], ["tea is wanted", "thanks in between"]),
        (["thanks"], ["thanks or nothing to stop"]),
        (["stop"], ["thanks or nothing to stop"]),
        (["tea please", "stop"], ["tea is wanted", "no tea after all"]),
        (["tea please", '/choose{"tea": "green"}', "1"], ["tea is wanted", "the tea is ordered"]),
        (["what?"], []),
    ],
    ids=lambda value: value[-1] if value else "none",
)
def test_rules_are_named(rasa: RasaClient, texts_: list[str], rules: list[str]) -> None:
    assert [rule for text in texts_ for rule in rasa.send("ann", text).rules] == rules


@pytest.mark.parametrize("sky", ["clear", "grey"])
def test_of_rules_that_begin_alike_only_the_one_that_was_followed_counts(rasa: RasaClient, sky: str) -> None:
    import mini_actions

    mini_actions.weather[0] = sky
    turn = rasa.send("ann", "weather")
    assert texts(turn) == [f"The sky is {sky}."]
    assert turn.rules == [f"the sky is {sky}"]


def test_every_rule_is_known(rasa: RasaClient) -> None:
    assert len(rasa.about["rules"]) == 12
    assert rasa.about["unknown_rules"] == []


def test_a_rule_that_the_model_does_not_know_is_told(tmp_path: Path, model: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rules.yml").write_text(
        'version: "3.1"\nrules:\n- rule: new\n  steps:\n  - intent: greet\n  - action: utter_stopped\n'
        "- rule: old\n  steps:\n  - intent: greet\n  - action: utter_greet\n"
    )
    client = RasaClient(Assistant(tmp_path, model, RASA_PYTHON, in_memory=True), ActionServer(None))
    try:
        client.start()
        assert client.about["unknown_rules"] == ["new"]
    finally:
        client.close()


def test_two_conversations_are_handled_at_once(rasa: RasaClient) -> None:
    with ThreadPoolExecutor(2) as threads:
        turns = list(threads.map(rasa.send, ["ann", "bob"], ["meet", "wait for me"]))
    assert [texts(turn) for turn in turns] == [["ann met somebody"], ["bob met somebody"]]


def test_messages_of_one_conversation_are_handled_one_after_the_other(rasa: RasaClient) -> None:
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(rasa.send, ["ann"] * 3, ["hello", "weather", "thanks"]))
    events = rasa.tracker("ann")["events"]
    kinds = [event["event"] for event in events if event["event"] == "user" or event.get("name") == "action_listen"]
    assert kinds == ["action", "user", "action", "user", "action", "user", "action"]


def test_an_action_that_rejects_is_rejected(rasa: RasaClient) -> None:
    turn = rasa.send("ann", "refuse")
    assert "action_execution_rejected" in [event["event"] for event in turn.events]
    assert [(call.action, call.status) for call in rasa.actions.calls] == [("action_refuse", 400)]


@pytest.mark.parametrize(
    ("text", "action", "status"), [("fail", "action_fail", 500), ("unknown", "action_unknown", 404)]
)
def test_a_broken_or_missing_action_does_not_end_the_conversation(
    rasa: RasaClient, text: str, action: str, status: int
) -> None:
    assert rasa.send("ann", text).messages == []
    assert [(call.sender, call.action, call.status) for call in rasa.actions.calls] == [("ann", action, status)]
    assert texts(rasa.send("ann", "thanks")) == ["You're welcome."]


def test_actions_that_are_down_are_not_called(rasa: RasaClient) -> None:
    rasa.actions.down = True
    turn = rasa.send("ann", "weather")
    assert (turn.messages, turn.calls, rasa.actions.calls) == ([], [], [])
    rasa.actions.down = False
    assert rasa.send("bob", "weather").calls == ["action_look"]


def test_stubs_answer_instead_of_actions(rasa: RasaClient) -> None:
    sky = {"event": "slot", "name": "sky", "value": "grey"}
    rasa.actions.reset({"action_look": {"events": [sky], "responses": [{"text": "I look out."}]}})
    turn = rasa.send("ann", "weather")
    assert texts(turn) == ["I look out.", "The sky is grey."]
    assert rasa.actions.problems == []


def test_with_stubs_every_called_action_must_be_one(rasa: RasaClient) -> None:
    rasa.actions.reset({"action_look": {"events": [], "responses": []}})
    rasa.send("ann", "fail")
    (problem,) = rasa.actions.problems
    assert problem.startswith(
        "the custom action 'action_fail' was called, but is not among stub_custom_actions (action_look)"
    )


def test_a_stub_must_be_json(rasa: RasaClient) -> None:
    event = {"event": "slot", "name": "sky", "value": date(2026, 11, 24)}
    rasa.actions.reset({"action_look": {"events": [event], "responses": []}})
    rasa.send("ann", "weather")
    assert rasa.actions.problems == [
        "the stub of 'action_look' has a value that is no JSON, put it in quotes: Object of type date is not JSON serializable"
    ]


def test_initial_slots_are_set_after_the_session_start(rasa: RasaClient) -> None:
    rasa.set_initial_slots({"name": "Ann"})
    assert texts(rasa.send("ann", "hello")) == ["Hello Ann!"]
    kinds = [event.get("name") or event["event"] for event in rasa.tracker("ann")["events"][:4]]
    assert kinds == ["action_session_start", "session_started", "action_listen", "name"]
    with pytest.raises(EngineError, match="no slot nme"):
        rasa.set_initial_slots({"nme": "Ann"})


def test_what_is_forgotten_is_gone(rasa: RasaClient) -> None:
    rasa.send("ann", "tea please")
    rasa.send("bob", "tea please")
    rasa.forget("ann")
    assert rasa.tracker("ann")["active_loop"] == {}
    assert rasa.tracker("bob")["active_loop"] != {}
    rasa.forget()
    assert rasa.tracker("bob")["active_loop"] == {}


def test_a_turn_can_be_taken_back(rasa: RasaClient) -> None:
    rasa.send("ann", "tea please")
    rasa.append("ann", [{"event": "rewind"}, {"event": "action", "name": "action_listen"}])
    assert rasa.tracker("ann", "APPLIED")["active_loop"] == {}
    with pytest.raises(EngineError, match="Unknown event name"):
        rasa.append("ann", [{"event": "nonsense"}])


def test_conversations_survive_a_killed_rasa(rasa: RasaClient) -> None:
    rasa.send("ann", "tea please")
    rasa.kill()
    assert not rasa.alive
    with pytest.raises(EngineDown, match="not running"):
        rasa.send("ann", '/choose{"tea": "black"}')
    rasa.start()
    rasa.send("ann", '/choose{"tea": "black"}')
    assert texts(rasa.send("ann", "3")) == ["3 × black tea"]


def test_what_is_under_way_when_rasa_dies_is_cut_off(rasa: RasaClient) -> None:
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(rasa.send, "ann", "meet")
        while not _is_in(rasa, "action_meet"):
            assert not waiting.done(), waiting.result()
        rasa.kill()
        with pytest.raises(EngineDown, match="ended while") as raised:
            waiting.result(timeout=20)
    assert raised.value.cut_off
    rasa.start()


def _is_in(rasa: RasaClient, action: str) -> bool:
    """Has Rasa called the action? Rasa itself is asked, so this waits for it."""
    import mini_actions

    rasa.request("status")
    return action == "action_meet" and mini_actions.meeting.n_waiting == 1


async def test_http_is_answered_as_by_rasa(rasa: RasaClient) -> None:
    async with httpx.AsyncClient(transport=RasaTransport(rasa), base_url="http://rasa") as http:
        body = {"sender": "ann/1", "message": "tea please", "metadata": {"seq": 1}}
        answer = await http.post("/webhooks/rest/webhook", json=body)
        assert answer.json()[0]["text"] == "Green or black?"
        assert (await http.get("/status", params={"token": "t"})).json()["model_file"] == "mini.tar.gz"
        tracker = (await http.get("/conversations/ann/1/tracker", params={"include_events": "ALL"})).json()
        assert [event["metadata"]["seq"] for event in tracker["events"] if event["event"] == "user"] == [1]
        events = "/conversations/ann/1/tracker/events"
        done = await http.post(events, params={"include_events": "NONE"}, json={"event": "restart"})
        assert (done.status_code, done.json()["events"]) == (200, None)
        assert (await http.post(events, json=[{"event": "nonsense"}])).status_code == 400
        assert (await http.get("/model")).status_code == 404


async def test_http_fails_as_by_a_server_that_hangs_or_is_down(rasa: RasaClient) -> None:
    async with httpx.AsyncClient(transport=RasaTransport(rasa), base_url="http://rasa") as http:
        rasa.actions.down = True
        with pytest.raises(httpx.ConnectError):
            await http.get("http://actions/health")
        rasa.actions.down = False
        assert (await http.get("http://actions/health")).json() == {"status": "ok"}
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/webhooks/rest/webhook", json={"sender": "ann", "message": "meet"}, timeout=0.2)
        await asyncio.to_thread(rasa.kill)
        with pytest.raises(httpx.ConnectError):
            await http.get("/status")
        await asyncio.to_thread(rasa.start)
        assert (await http.get("/status")).status_code == 200


def test_rasa_ends_with_the_process_that_started_it(model: Path, tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from pytest_rasa.engine.actions import ActionServer
        from pytest_rasa.engine.client import RasaClient
        from pytest_rasa.engine.process import Assistant
        client = RasaClient(Assistant(Path({str(BOT)!r}), Path({str(model)!r}), Path({str(RASA_PYTHON)!r})), ActionServer(None))
        client.start()
        print(client.request("status")["pid"], flush=True)
        sys.stdin.read()
        """
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=BOT.parents[2],
        env={**os.environ, "TMPDIR": str(tmp_path)},  # nobody clears up after a killed process
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    child.wait(timeout=20)


@pytest.mark.parametrize(
    ("assistant", "message"),
    [
        (lambda model, tmp: Assistant(BOT, tmp / "none.tar.gz", RASA_PYTHON), "the trained model is not there"),
        (lambda model, tmp: Assistant(BOT, model, tmp / "python"), "Rasa's Python is not there"),
        (lambda model, tmp: Assistant(BOT, model, Path(sys.executable)), "this Python has no Rasa; name the one"),
        (lambda model, tmp: Assistant(BOT, _no_model(tmp), RASA_PYTHON), "no.tar.gz can not be loaded"),
    ],
    ids=["no model", "no python", "python without rasa", "not a model"],
)
def test_a_rasa_that_does_not_start_says_why(model: Path, tmp_path: Path, assistant, message: str) -> None:
    client = RasaClient(assistant(model, tmp_path), ActionServer(None))
    try:
        with pytest.raises(EngineError, match=message) as raised:
            client.start()
        assert "Traceback" not in str(raised.value)
        assert not client.alive
    finally:
        client.close()


def _no_model(folder: Path) -> Path:
    (folder / "no.tar.gz").write_text("this is no model")
    return folder / "no.tar.gz"


def test_actions_that_cannot_be_imported_say_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "needs_more.py").write_text("import a_module_that_nobody_has")
    with pytest.raises(
        EngineError, match="'needs_more' cannot be imported: No module named 'a_module_that_nobody_has'"
    ):
        ActionServer("needs_more")
    (tmp_path / "is_wrong.py").write_text("1 / 0")
    with pytest.raises(EngineError, match="'is_wrong' cannot be imported: ZeroDivisionError"):
        ActionServer("is_wrong")
