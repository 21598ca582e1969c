"""Fixtures of the engine tests: one model with the project's pipeline, trained on data/nlu, for the whole run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

PROJECT = Path(__file__).parents[2]

DOMAIN = """\
version: "3.1"
intents: [greet, goodbye, thank, affirm, deny, stop, help, bot_challenge, cancel_order, refund_status, list_orders,
  order_status, choose_order, give_reason, open_dispute, ask_human, choose_reason, confirm_quote, decline_quote]
entities: [order_number, order_digits, ordinal, amount, date]
"""

Parse = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a model trained with config.yml on data/nlu, without dialogue data."""
    from rasa.model_training import train_nlu

    folder = tmp_path_factory.mktemp("model")
    domain = folder / "domain.yml"
    domain.write_text(DOMAIN, encoding="utf-8")
    path = train_nlu(
        config=str(PROJECT / "config.yml"),
        nlu_data=str(PROJECT / "data" / "nlu"),
        output=str(folder),
        fixed_model_name="engine",
        domain=str(domain),
    )
    assert path is not None, "training gave no model"
    return Path(path)


@pytest.fixture(scope="session")
def parse(model: Path) -> Parse:
    """Return a function from a text to what Rasa makes of it: text, intent, entities, intent_ranking."""
    from rasa.core.agent import Agent

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    agent = Agent.load(str(model))
    return lambda text: asyncio.run(agent.parse_message(text))
