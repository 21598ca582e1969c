"""The transition log against the rows: every change has one entry, every entry was allowed, replaying gives the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from recourse.audit.model import Query
from recourse.cancellations.rules import REQUEST_MACHINE
from recourse.core.transitions import Machine
from recourse.disputes.rules import DISPUTE_MACHINE
from recourse.handoff.rules import HANDOFF_MACHINE
from recourse.messages.rules import ACTION_MACHINE, OFFER_MACHINE
from recourse.orders.rules import COUPON_MACHINE, ORDER_MACHINE, PAYMENT_MACHINE
from recourse.payments.rules import CHARGEBACK_MACHINE
from recourse.privacy.rules import ERASURE_MACHINE
from recourse.refunds.rules import LEG_MACHINE
from recourse.returns.rules import RETURN_MACHINE
from recourse.watches.rules import WATCH_MACHINE

MACHINES: Mapping[str, Machine] = {
    "orders": ORDER_MACHINE,
    "payment": PAYMENT_MACHINE,
    "coupon_use": COUPON_MACHINE,
    "cancellation_request": REQUEST_MACHINE,
    "refund_leg": LEG_MACHINE,
    "required_action": ACTION_MACHINE,
    "seller_offer": OFFER_MACHINE,
    "stock_watch": WATCH_MACHINE,
    "dispute": DISPUTE_MACHINE,
    "return_request": RETURN_MACHINE,
    "chargeback": CHARGEBACK_MACHINE,
    "handoff": HANDOFF_MACHINE,
    "erasure_request": ERASURE_MACHINE,
}
"""Table -> its state machine."""

_STATUS = {"orders", "payment"}
"""Tables that call their state ``status``."""

_TOUCHED = {"orders"}
"""Tables whose version also counts changes besides the state (``orders.touch``): it may be more than the moves, never less."""


def terminal(machine: Machine) -> set[str]:
    """States that nothing leaves."""
    return {to for _, to in machine} - {from_ for from_, to in machine if from_ is not None}


def moves() -> Iterable[Query]:
    """Invariant 7, the log in itself: each move starts where the one before ended, and its machine allows it to its actor."""
    yield Query(
        "transition_log",
        "transition_log",
        """
        SELECT id, entity_type || ' ' || entity_id || ' leaves ' || coalesce(from_state, 'nothing') || ' but was '
            || coalesce(before, 'nothing')
        FROM (
            SELECT id, entity_type, entity_id, from_state,
                lag(to_state) OVER (PARTITION BY entity_type, entity_id ORDER BY id) AS before
            FROM transition_log
        ) AS move
        WHERE coalesce(from_state, '') <> coalesce(before, '')
        """,
    )
    yield Query(
        "transition_log",
        "transition_log",
        f"""
        WITH legal(entity, from_state, to_state, actor) AS (VALUES {_legal()})
        SELECT log.id, log.actor_type || ' may not move ' || log.entity_type || ' ' || log.entity_id || ' from '
            || coalesce(log.from_state, 'nothing') || ' to ' || log.to_state
        FROM transition_log AS log
        LEFT JOIN legal ON legal.entity = log.entity_type AND legal.from_state = coalesce(log.from_state, '')
            AND legal.to_state = log.to_state AND legal.actor = log.actor_type
        WHERE legal.entity IS NULL
        """,  # noqa: S608 - words of our own machines
    )


def rows() -> Iterable[Query]:
    """Invariant 7, the log against the rows: the last move is the row's state, and there are as many as its version says."""
    for table in MACHINES:
        state = "status" if table in _STATUS else "state"
        differs = "<" if table in _TOUCHED else "<>"
        yield Query(
            table,
            table,
            f"""
            SELECT entity.id, 'is ' || entity.{state} || ' in version ' || entity.version || ', but its log has '
                || coalesce(history.moves, 0) || ' moves and ends in ' || coalesce(history.last_state, 'nothing')
            FROM {table} AS entity
            LEFT JOIN (
                SELECT log.entity_id, log.to_state AS last_state, counted.moves
                FROM transition_log AS log
                JOIN (
                    SELECT max(id) AS last_id, count(*) AS moves FROM transition_log
                    WHERE entity_type = '{table}' GROUP BY entity_id
                ) AS counted ON counted.last_id = log.id
            ) AS history ON history.entity_id = entity.id
            WHERE history.entity_id IS NULL OR history.last_state <> entity.{state}
                OR entity.version {differs} history.moves
            """,  # noqa: S608
        )
        yield Query(
            table,
            f"transition_log WHERE entity_type = '{table}' AND from_state IS NULL",
            f"""
            SELECT log.entity_id, 'has a log, but there is no such row'
            FROM transition_log AS log LEFT JOIN {table} AS entity ON entity.id = log.entity_id
            WHERE log.entity_type = '{table}' AND log.from_state IS NULL AND entity.id IS NULL
            """,  # noqa: S608
        )


def ends() -> Iterable[Query]:
    """Invariant 8: nothing leaves a terminal state."""
    final = ", ".join(f"('{table}', '{state}')" for table, made in MACHINES.items() for state in sorted(terminal(made)))
    yield Query(
        "transition_log",
        "transition_log",
        f"""
        WITH final(entity, state) AS (VALUES {final})
        SELECT log.id, log.entity_type || ' ' || log.entity_id || ' left ' || log.from_state || ', which is final'
        FROM transition_log AS log
        JOIN final ON final.entity = log.entity_type AND final.state = log.from_state
        """,  # noqa: S608
    )


def _legal() -> str:
    return ", ".join(
        f"('{table}', '{from_ or ''}', '{to}', '{actor}')"
        for table, machine in MACHINES.items()
        for (from_, to), actors in machine.items()
        for actor in sorted(actors)
    )
