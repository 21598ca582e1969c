"""Cancelling an order: which one, why, the summary, the yes, and the submit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa_sdk import FormValidationAction, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import order_choice
from actions.turn import BuyerAction, Events, NotSignedIn, Turn, in_turn
from recourse.cancellations import rules
from recourse.cancellations import service as cancellations
from recourse.cancellations.service import Submitted
from recourse.core.consent import corrects, plain_answer, refuses_to_cancel, takes_back
from recourse.core.errors import Conflict, NotFound
from recourse.overview import service as overview
from recourse.overview.service import CANCELLABLE, Case
from recourse.replies import cancellation as say
from recourse.replies.orders import which_order
from recourse.replies.voice import Say

_SLOTS = ("cancel_order", "cancel_reason", "cancel_confirm", "cancel_note", "cancel_quote", "order_choice")
_ASK_ORDER = {
    "choose": "utter_ask_cancel_order",
    "unknown": "utter_ask_cancel_order_unknown",
    "unclear": "utter_ask_cancel_order_unclear",
    "near": "utter_ask_order_near",
    "ambiguous": "utter_ask_order_ambiguous",
}
_OTHER_WISHES = frozenset(
    """greet goodbye thank help bot_challenge stop ask_human open_dispute refund_status order_status list_orders affirm deny
    choose_reason confirm_quote decline_quote withdraw_request confirm_withdrawal""".split()
)
"""Intents that do not answer "which order" or "why": the form leaves them to the rules."""
_ABOUT_ANY_ORDER = frozenset(
    """order_status refund_status list_orders ask_human open_dispute stop withdraw_request confirm_withdrawal""".split()
)
"""Intents that may name an order without choosing it: "where is the refund for RC-1042-7716?" cancels nothing."""

_LOOK_BACK = 50
_END = {"requested_slot": None}
_NEW_DEAL = {"cancel_quote": None, "cancel_confirm": None}


def forget() -> Events:
    """Events that end the flow's memory."""
    return [SlotSet(name, None) for name in _SLOTS]


class ValidateCancelForm(FormValidationAction):
    """Fills the form: ``cancel_order`` (own order number), ``cancel_reason`` (catalogue code), ``cancel_confirm`` (bool)."""

    def name(self) -> str:
        return "validate_cancel_form"

    async def extract_cancel_order(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """``SAID`` when the message names an order or answers the question for one; nothing otherwise."""
        try:
            named = await in_turn(dispatcher, tracker, _names_order)
        except NotSignedIn:
            named = tracker.get_slot("cancel_order") is None
        return {"cancel_order": order_choice.SAID} if named else {}

    async def validate_cancel_order(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """The own order that is meant, if it may be cancelled; otherwise the question to ask, or the end of the flow."""
        try:
            return await in_turn(dispatcher, tracker, lambda turn: _validate_order(turn, value))
        except NotSignedIn:
            dispatcher.utter_message(response="utter_sign_in")
            return {"cancel_order": None, **_END}

    async def extract_cancel_reason(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """The reason as a catalogue code (button) or in the buyer's words."""
        return await _quietly(dispatcher, tracker, _extract_reason)

    async def validate_cancel_reason(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """The catalogue code for ``value``; the buyer's own words are kept as the note."""
        return await _quietly(dispatcher, tracker, lambda turn: _validate_reason(turn, value)) or {
            "cancel_reason": None
        }

    async def extract_cancel_confirm(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """A plain yes or no to the summary that was shown; nothing otherwise."""
        return await _quietly(dispatcher, tracker, _extract_confirm)

    def validate_cancel_confirm(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> dict[str, Any]:
        """True or False; nothing else counts."""
        return {"cancel_confirm": value if isinstance(value, bool) else None}


class AskCancelOrder(BuyerAction):
    """Asks which order to cancel."""

    action_name = "action_ask_cancel_form_cancel_order"

    def answer(self, turn: Turn) -> Events:
        kind, offered = order_choice.candidates(turn, lambda: _cancellable(turn))
        turn.say(which_order(turn.voice, _ASK_ORDER.get(kind, _ASK_ORDER["choose"]), offered))
        numbers = [item.order.number for item in offered[:5]]
        return [SlotSet("order_choice", {"kind": "choose", "numbers": numbers})]


class AskCancelReason(BuyerAction):
    """Asks why."""

    action_name = "action_ask_cancel_form_cancel_reason"

    def answer(self, turn: Turn) -> Events:
        turn.say(say.ask_reason(turn.voice, _chosen(turn)))
        return []


class AskCancelConfirm(BuyerAction):
    """Shows what will be submitted, and asks for a yes. The quote that was shown is what the yes will refer to."""

    action_name = "action_ask_cancel_form_cancel_confirm"
    writes = True

    def answer(self, turn: Turn) -> Events:
        item = _chosen(turn)
        reason = rules.reason(item.order.state, turn.slot("cancel_reason"))
        if item.verdict.kind == rules.NO:
            turn.say(say.refused(turn.voice, item))
            return [SlotSet("requested_slot", None)]
        if reason is None:
            turn.say(say.ask_reason(turn.voice, item))
            return [SlotSet("cancel_reason", None), SlotSet("requested_slot", "cancel_reason")]
        quote = cancellations.quote(turn.session, turn.buyer.id, item.order.number, turn.now, reason_code=reason.code)
        turn.say(say.summary(turn.voice, item, quote, reason, turn.slot("cancel_note")))
        return [SlotSet("cancel_quote", quote.id)]


class SubmitCancellation(BuyerAction):
    """Ends the form: submits once what was said yes to, or says that the order is kept."""

    action_name = "action_submit_cancellation"
    writes = True

    def answer(self, turn: Turn) -> Events:
        confirmed, quote_id = turn.slot("cancel_confirm"), turn.slot("cancel_quote")
        if confirmed is False:
            turn.say(Say("utter_cancel_kept", {"number": turn.slot("cancel_order")}))
        if confirmed is not True or not quote_id:
            return forget()
        result = cancellations.submit_cancellation(
            turn.session,
            turn.buyer.id,
            quote_id,
            turn.slot("cancel_reason"),
            turn.slot("cancel_note"),
            key=f"quote:{quote_id}",
            now=turn.now,
            conversation_id=turn.tracker.sender_id,
        )
        return _tell(turn, result)


class StopCancellation(BuyerAction):
    """The buyer leaves the flow before the yes."""

    action_name = "action_stop_cancellation"

    def answer(self, turn: Turn) -> Events:
        turn.say(Say("utter_stopped"))
        return forget()


class StopNothing(BuyerAction):
    """The buyer wants to stop or take back something while no form is open: a request that is out already still stands."""

    action_name = "action_stop_nothing"

    def answer(self, turn: Turn) -> Events:
        item = _open_request(turn)
        if item is None or item.request is None:
            turn.say(Say("utter_stopped_nothing"))
        else:
            turn.say(say.request_stands(turn.voice, item, item.request))
        return []


class WithdrawRequest(BuyerAction):
    """The buyer wants to keep an order after all: asks before the request is taken back."""

    action_name = "action_withdraw_request"

    def answer(self, turn: Turn) -> Events:
        turn.say(_before_withdrawal(turn))
        return []


class ConfirmWithdrawal(BuyerAction):
    """Takes a request back, once. Only the button says which one; typed words never do it."""

    action_name = "action_confirm_withdrawal"
    writes = True

    def answer(self, turn: Turn) -> Events:
        request_id = turn.entity("request")
        if turn.text or not isinstance(request_id, str):
            turn.say(Say("utter_nothing_pending"))
            return []
        try:
            cancellations.withdraw(turn.session, turn.buyer.id, request_id, turn.now)
        except NotFound:
            turn.say(Say("utter_withdraw_nothing"))
            return []
        except Conflict:
            pass  # decided meanwhile: what became of it is said below
        item = overview.of_request(turn.session, request_id, turn.now)
        if item.request is not None:
            turn.say(say.decided(turn.voice, item, item.request))
        return [SlotSet("order_in_focus", item.order.number)]


def _before_withdrawal(turn: Turn) -> Say:
    """What to say to somebody who wants to take a request back: the question with its button, or why there is nothing to take."""
    named = order_choice.resolve(turn, lambda: ()).picked
    explicit = order_choice.is_explicit(order_choice.query(turn))
    item = named if explicit or (named is not None and named.request is not None) else _open_request(turn)
    if item is None or item.request is None:
        return Say("utter_withdraw_nothing")
    words = say.ask_withdraw if item.pending else say.decided
    return words(turn.voice, item, item.request)


def _open_request(turn: Turn) -> Case | None:
    """The buyer's newest order with an open request."""
    page, _ = overview.page(turn.session, turn.buyer.id, turn.now, limit=_LOOK_BACK)
    return next((item for item in page if item.pending), None)


def _tell(turn: Turn, result: Submitted) -> Events:
    item = overview.case(turn.session, turn.buyer.id, result.verdict.order.number, turn.now)
    if result.outcome == "requote":
        turn.say(say.changed(result.changed))
        return [SlotSet("cancel_quote", None), SlotSet("cancel_confirm", None), FollowupAction("cancel_form")]
    turn.say(_came_of_it(turn, result, item))
    return [*forget(), SlotSet("order_in_focus", item.order.number)]


def _came_of_it(turn: Turn, result: Submitted, item: Case) -> Say:
    """What to say of a submit, from the rows as they are now: a repeated one may find its request decided."""
    request = result.request
    if result.outcome == "refused":
        return say.refused(turn.voice, item, result.verdict.rule)
    if request is not None and request.open:
        words = say.already_requested if result.outcome == "already_requested" else say.requested
        return words(turn.voice, item, request)
    if result.outcome == "cancelled" or request is None:
        return say.done(turn.voice, item)
    return say.decided(turn.voice, overview.of_request(turn.session, request.id, turn.now), request)


async def _quietly(dispatcher: CollectingDispatcher, tracker: Tracker, work: Any) -> dict[str, Any]:
    """Run ``work`` for a signed-in buyer; for anybody else there is nothing to fill (the order step says why)."""
    try:
        result: dict[str, Any] = await in_turn(dispatcher, tracker, work)
    except NotSignedIn:
        return {}
    return result


def _cancellable(turn: Turn) -> Sequence[Case]:
    return overview.cancellable(turn.session, turn.buyer.id, turn.now)


def _chosen(turn: Turn) -> Case:
    return overview.case(turn.session, turn.buyer.id, turn.slot("cancel_order"), turn.now)


def _names_order(turn: Turn) -> bool:
    if order_choice.is_explicit(order_choice.query(turn)):
        return turn.intent not in _ABOUT_ANY_ORDER
    asked_for, current = turn.slot("requested_slot"), turn.slot("cancel_order")
    if asked_for == "cancel_order":
        return turn.intent not in _OTHER_WISHES
    if current is None:
        return asked_for is None
    if asked_for == "cancel_reason" and corrects(turn.text) and not _reason_in(turn.text):
        return _other_order(turn)  # "actually no, the headphones instead"
    corrections = {"choose_order", "cancel_order"}
    if asked_for == "cancel_confirm":  # "no, I mean the kettle"
        corrections |= {"deny", "nlu_fallback"}
    if turn.intent not in corrections:
        return False
    return _other_order(turn)


def _other_order(turn: Turn) -> bool:
    """Do the words name exactly one own order, and not the one that is being cancelled?"""
    picked = order_choice.resolve(turn, lambda: (), CANCELLABLE).picked
    return picked is not None and picked.order.number != turn.slot("cancel_order")


def _validate_order(turn: Turn, value: Any) -> dict[str, Any]:
    if value == order_choice.SAID and takes_back(turn.text):
        turn.say(_before_withdrawal(turn))
        return {"cancel_order": None, "cancel_reason": None, "cancel_note": None, **_NEW_DEAL, **_END}
    if value == order_choice.SAID and turn.slot("requested_slot") is None and refuses_to_cancel(turn.text):
        turn.say(Say("utter_cancel_nothing_started"))
        return {"cancel_order": None, **_END}
    if value == order_choice.SAID:
        answering = turn.slot("requested_slot") == "cancel_order"
        found = order_choice.resolve(turn, lambda: _cancellable(turn), CANCELLABLE, answering)
        if found.picked is None:
            return _ask_order(turn, found)
        item = found.picked
    else:
        try:
            item = overview.case(turn.session, turn.buyer.id, str(value), turn.now)
        except NotFound:
            return {"cancel_order": None}
    focus = {"order_in_focus": item.order.number}
    if item.verdict.kind == rules.NO:
        turn.say(say.refused(turn.voice, item))
        return {"cancel_order": None, **focus, **_END}
    known = turn.slot("cancel_reason")
    fits = known is not None and rules.reason(item.order.state, known) is not None
    kept = {} if fits or known is None else {"cancel_reason": None, "cancel_note": None}
    changed = _NEW_DEAL if value == order_choice.SAID else {}
    return {"cancel_order": item.order.number, "order_choice": None, **focus, **kept, **changed}


def _ask_order(turn: Turn, found: order_choice.Resolution) -> dict[str, Any]:
    if found.candidates:
        return {"cancel_order": None, **found.slot(), **_NEW_DEAL}
    turn.say(Say("utter_ask_order_nothing_found") if found.kind in ("unknown", "unclear") else Say("utter_cancel_none"))
    return {"cancel_order": None, **_END}


def _reason_in(text: str) -> bool:
    return any(rules.match_reason(state, text) for state in ("to_ship", "awaiting_payment"))


def _extract_reason(turn: Turn) -> dict[str, Any]:
    asked_for = turn.slot("requested_slot")
    button = turn.entity("reason")
    if isinstance(button, str) and button and asked_for in ("cancel_reason", "cancel_confirm"):
        return {"cancel_reason": button}
    hit = _reason_in(turn.text)
    if asked_for is not None and turn.slot("cancel_order") == order_choice.SAID and not hit:
        return {}  # another order was named, not a reason
    if asked_for == "cancel_reason":
        free = turn.intent not in _OTHER_WISHES | {"cancel_order", "choose_order"}
        heard = hit and turn.intent not in ("stop", "ask_human", "open_dispute")
        return {"cancel_reason": turn.text} if turn.text and (free or heard) else {}
    opening = (
        asked_for is None and turn.slot("cancel_reason") is None and turn.intent in ("cancel_order", "give_reason")
    )
    correcting = asked_for == "cancel_confirm" and turn.intent == "give_reason"
    meant = hit and not takes_back(turn.text) and not refuses_to_cancel(turn.text)
    return {"cancel_reason": turn.text} if meant and (opening or correcting) else {}


def _validate_reason(turn: Turn, value: Any) -> dict[str, Any]:
    text = str(value)
    number = turn.slot("cancel_order")
    state = _chosen(turn).order.state if number and number != order_choice.SAID else "to_ship"
    if rules.reason(state, text) is not None:
        kept = (
            {"cancel_note": turn.slot("cancel_note")} if text == turn.slot("cancel_reason") else {"cancel_note": None}
        )
        return {"cancel_reason": text, **kept, **_deal_after(turn)}
    if rules.is_code(text):  # of the other catalogue: the order was paid meanwhile, or the button is an old one
        return {"cancel_reason": None, "cancel_note": None, **_deal_after(turn)}
    text = rules.after_because(text) or text
    matched = rules.match_reason(state, text)
    if matched is None and sum(char.isalpha() for char in text) < 3:
        return {"cancel_reason": None}
    code = matched.code if matched else "other"
    return {"cancel_reason": code, "cancel_note": text.strip()[: rules.NOTE_MAX], **_deal_after(turn)}


def _deal_after(turn: Turn) -> dict[str, Any]:
    """A new reason while the summary is on the table makes a new summary."""
    return dict(_NEW_DEAL) if turn.slot("requested_slot") == "cancel_confirm" else {}


def _extract_confirm(turn: Turn) -> dict[str, Any]:
    if turn.slot("requested_slot") != "cancel_confirm" or _deal_changes(turn):
        return {}
    if turn.intent == "confirm_quote" and turn.entity("quote") != turn.slot("cancel_quote"):
        return {}
    answer = plain_answer(turn.text, turn.intent)
    return {} if answer is None else {"cancel_confirm": answer}


def _deal_changes(turn: Turn) -> bool:
    """Does this very message name another order or another reason? Then it answers no summary that was shown."""
    reason = turn.slot("cancel_reason")
    return turn.slot("cancel_order") == order_choice.SAID or not rules.is_code(str(reason))
