"""When is an answer a plain yes or no? Nothing else may start a write (domain 4.0, "Confirm"; 4.3, nos. 7 and 32). Pure."""

from __future__ import annotations

import re

_YES = frozenset("yes yep yeah yup sure ok okay confirm confirmed correct absolutely definitely please do".split())
_AGREES = _YES | frozenset(
    """y k ya yea yess aye sí si oui ja да agree agreed affirmative indeed exactly right true fine works sounds ahead submit
    course""".split()
)
"""Words by which one can agree: without one of them nothing is a yes, whatever the engine takes it for ("x", "hm", "lol")."""
_NO = frozenset("no nope nah not dont never keep".split())
_THANKS = frozenset("thanks thank thx ty cheers".split())
_POLITE = frozenset("ok okay sure please do".split())
"""Words of ``_YES`` that are no yes beside thanks: "ok thanks" closes another topic, "yes, thanks" answers the question."""
_CONDITIONS = frozenset(
    """if but unless only except when how what why where which who wait hold maybe perhaps instead first before after then
    provided long think whether except although though""".split()
)
_MOST_WORDS = 8


def plain_answer(text: str, intent: str) -> bool | None:
    """True for a clear yes, False for a clear no, None for anything else.

    ``intent`` is what the engine made of it (``affirm``, ``deny``, or the buttons' ``confirm_quote`` and ``decline_quote``);
    ``text`` is what was typed, empty for a button. A question, a condition, or a yes and a no together are not an answer.
    """
    if not text:
        return {"confirm_quote": True, "decline_quote": False}.get(intent)
    words = re.findall(r"[^\W\d_]+", text.lower().replace("'", "").replace("’", ""))
    said = set(words)
    if "?" in text or len(words) > _MOST_WORDS or said & _CONDITIONS:
        return None
    if said & _THANKS and not said & (_YES - _POLITE | _NO):
        return None
    if intent == "affirm" and said & _AGREES and not said & _NO:
        return True
    if intent == "deny" and not said & (_YES - {"please", "do", "ok", "okay"}):
        return False
    if words and words[0] in _YES - {"please", "do"} and not said & _NO:
        return True
    if words and words[0] in {"no", "nope", "nah"} and not said & (_YES - {"please", "do"}):
        return False
    return None


_REFUSES = re.compile(
    r"\b(?:do not|dont|don['’]t|never|please not|(?<!can )not)\s+(?:(?:want|wish|you|me|to|please|ever|dare|go|ahead|and)\s+){0,4}cancel",
    re.IGNORECASE,
)
_TAKES_BACK = re.compile(
    r"""\b(?:(?:take\s+back|withdraw|revoke|retract|undo|recall|call\s+off)\s+(?:(?:my|the|that|this|open|latest|last)\s+)*
    | (?:cancel|stop|drop|reverse)\s+(?:my|the|that|this)\s+(?:(?:open|latest|last)\s+)*
    | take\s+(?:my|the|that|this)\s+(?=(?:\S+\s+){1,6}back\b))
    (?:cancell?ation|cancel|request)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_EXCLUDES = re.compile(r"\b(?:not|except|anything but)\s+(?:the|my|that|this)\b", re.IGNORECASE)
_CORRECTS = re.compile(r"\b(?:no|instead|actually|i mean|i meant|rather|sorry|wait)\b", re.IGNORECASE)


def refuses_to_cancel(text: str) -> bool:
    """Does the sentence say that something is *not* to be cancelled ("do not cancel my headphones")?"""
    return bool(_REFUSES.search(text))


def takes_back(text: str) -> bool:
    """Does the sentence take back a request that was made ("withdraw my cancellation request")? That asks for no cancellation."""
    return bool(_TAKES_BACK.search(text))


def excludes(text: str) -> bool:
    """Does the sentence name a thing to leave it out ("not the headphones")?"""
    return bool(_EXCLUDES.search(text))


def corrects(text: str) -> bool:
    """Does the sentence take something back ("actually no, the headphones instead")?"""
    return bool(_CORRECTS.search(text))
