"""Rasa's agent behind the pipe: what each request does. Loads under Rasa's Python (3.10)."""

from __future__ import annotations

import gc
import logging
import os
import resource
import sys
from pathlib import Path
from typing import Any

import rasa.core.utils
import sqlalchemy as sa
from rasa.core import jobs
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.lock_store import LockStore
from rasa.core.tracker_store import InMemoryTrackerStore, SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event, SlotSet, UserUttered, do_events_begin_with_session_start
from rasa.shared.core.trackers import DialogueStateTracker, EventVerbosity
from rasa.utils.common import configure_logging_and_warnings
from rasa.utils.log_utils import configure_structlog

from pytest_rasa.engine.host_pipe import Pipe
from pytest_rasa.engine.host_rules import RuleTrace
from pytest_rasa.engine.host_turn import PipeEndpoint, Turn, current_turn

logger = logging.getLogger(__name__)


class Host:
    """One loaded model and its trackers."""

    def __init__(self, pipe: Pipe, model: str, endpoints: str, trackers: str | None, data: str) -> None:
        configure_logging_and_warnings(logging.WARNING)
        configure_structlog(logging.WARNING)
        self._pipe = pipe
        self._initial_slots: dict[str, Any] = {}
        self._store = _tracker_store(trackers)
        self._agent = self._load(model, endpoints)
        self._rules = RuleTrace(self._agent, data)
        gc.collect()
        gc.freeze()  # a look through all that Rasa imported takes a fifth of a second

    def about(self) -> dict[str, Any]:
        """What is loaded, as Rasa's ``/status`` says it; the rules; the process; and the most memory that it took (MB)."""
        scale = 1024 * 1024 if sys.platform == "darwin" else 1024
        return {
            "model_file": self._agent.model_name,
            "model_id": self._agent.model_id,
            "num_active_training_jobs": 0,
            "rules": self._rules.names,
            "unknown_rules": self._rules.unknown,
            "pid": os.getpid(),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // scale,
        }

    async def serve(self, request: dict[str, Any]) -> None:
        """Do what ``request`` asks for, and answer. Requests are served concurrently, as by a server."""
        number, op = request.pop("id"), request.pop("op")
        try:
            self._pipe.write({"re": number, "result": await getattr(self, f"_do_{op}")(**request)})
        except Exception as error:
            logger.exception("%s failed", op)
            self._pipe.write({"re": number, "error": str(error)})

    async def _do_message(self, sender: str, text: str, metadata: dict[str, Any] | None) -> dict[str, Any]:
        turn = Turn()
        current_turn.set(turn)  # of this task alone
        collector = CollectingOutputChannel()
        message = UserMessage(text, collector, sender, input_channel="rest", metadata=metadata)
        try:
            await self._agent.handle_message(message)
        except Exception:
            logger.exception(
                "The message %r of %s failed", text, sender
            )  # and what was said goes out, as in the REST channel
        events = _events_of(message, turn.tracker)
        return {"messages": collector.messages, "events": events, "rules": turn.rules, "calls": turn.calls}

    async def _do_tracker(self, sender: str, include_events: str) -> dict[str, Any]:
        tracker = await self._agent.processor.fetch_full_tracker_with_initial_session(
            sender, output_channel=CollectingOutputChannel()
        )
        return _state(tracker, include_events)

    async def _do_append(self, sender: str, events: list[dict[str, Any]], include_events: str) -> dict[str, Any]:
        parsed = [event for event in (Event.from_parameters(event) for event in events) if event]
        if not parsed:
            raise ValueError("Couldn't extract a proper event from the request body.")
        processor = self._agent.processor
        async with self._agent.lock_store.lock(sender):
            if do_events_begin_with_session_start(parsed):
                tracker = await processor.get_tracker(sender)
            else:
                tracker = await processor.fetch_tracker_with_initial_session(sender)
            for event in parsed:
                tracker.update(event, self._agent.domain)
            await self._agent.tracker_store.save(tracker)
        return _state(tracker, include_events)

    async def _do_status(self) -> dict[str, Any]:
        return self.about()

    async def _do_forget(self, sender: str | None) -> None:
        jobs.kill_scheduler()  # reminders of what is forgotten
        if isinstance(self._store, InMemoryTrackerStore):
            for known in [sender] if sender else list(self._store.store):
                self._store.store.pop(known, None)
            return
        with self._store.session_scope() as session:
            events = session.query(self._store.SQLEvent)
            (events.filter_by(sender_id=sender) if sender else events).delete()
            session.commit()

    async def _do_initial_slots(self, slots: dict[str, Any]) -> None:
        unknown = slots.keys() - {slot.name for slot in self._agent.domain.slots}
        if unknown:
            raise ValueError(f"The domain has no slot {', '.join(sorted(unknown))}.")
        self._initial_slots = slots

    def _load(self, model: str, endpoints: str) -> Agent:
        configured = rasa.core.utils.AvailableEndpoints.read_endpoints(endpoints if Path(endpoints).is_file() else "")
        locks = configured.lock_store
        if locks is not None and locks.type == "redis":
            locks = None  # a test needs no server
        agent = Agent.load(
            model,
            generator=configured.nlg,
            tracker_store=self._store,
            lock_store=LockStore.create(locks),
            action_endpoint=PipeEndpoint(self._pipe, configured.action),
        )
        self._watch(agent)
        return agent

    def _watch(self, agent: Agent) -> None:
        """Keep the tracker of a turn when it is saved, and set the initial slots of a new one."""
        save, start_session = agent.tracker_store.save, agent.processor._update_tracker_session

        async def save_and_keep(tracker: DialogueStateTracker) -> None:
            turn = current_turn.get()
            if turn is not None:
                turn.tracker = tracker
            await save(tracker)

        async def start_with_slots(tracker: DialogueStateTracker, *args: Any, **kwargs: Any) -> None:
            is_new = not tracker.events
            await start_session(tracker, *args, **kwargs)
            if is_new:
                tracker.update_with_events(
                    [SlotSet(name, value) for name, value in self._initial_slots.items()], agent.domain
                )

        agent.tracker_store.save = save_and_keep
        agent.processor._update_tracker_session = start_with_slots


def _tracker_store(file: str | None) -> InMemoryTrackerStore | SQLTrackerStore:
    if file is None:
        return InMemoryTrackerStore(Domain.empty())
    store = SQLTrackerStore(db=file)

    @sa.event.listens_for(store.engine, "connect")
    def need_not_survive_a_power_cut(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")

    return store


def _events_of(message: UserMessage, tracker: DialogueStateTracker | None) -> list[dict[str, Any]]:
    """From the message on; nothing when its turn was never saved."""
    events = list(tracker.events) if tracker is not None else []
    for position, event in enumerate(events):
        if isinstance(event, UserUttered) and event.message_id == message.message_id:
            return [event.as_dict() for event in events[position:]]
    return []


def _state(tracker: DialogueStateTracker, include_events: str) -> dict[str, Any]:
    state: dict[str, Any] = tracker.current_state(EventVerbosity[include_events])
    return state
