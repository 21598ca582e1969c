"""A yes that is meant: what must not count as a plain "yes" or "no".

A "yes" submits a cancellation, so one with a condition ("yes if it's free"), a question or a contradiction in it is no
consent, however close it is to the training phrases of ``affirm``.
"""

from __future__ import annotations

from engine.nlu.text import words

AFFIRM = "affirm"
DENY = "deny"

_CONDITIONS = frozenset(
    """if but unless only except excluding provided assuming until once till when before after first however though although
    instead rather maybe perhaps depends what how why which who where whether
    wenn aber nur ausser falls mais seulement sauf si pero solo salvo se ma apenas если но только""".split()
)
_YES = frozenset("yes yeah yep yup sure ok okay si oui ja да".split())
_NO = frozenset("no nope nah not don't dont doesn't won't can't never stop wait nein non nicht pas нет".split())
# "no problem" agrees and "why not" asks; both are rare enough to ask again.
_HARMLESS = ("as soon as", "when you're ready", "whenever")
_YES_IN_ACCENTS = {"sí": "si"}


def is_plain(intent: str, text: str, has_references: bool) -> bool:
    """Say whether a text that was taken for ``affirm`` or ``deny`` is no more than that; other intents are always plain.

    Args:
        intent: the intent that the classifier is about to give.
        text: the tidied text (lower case, plain quotes).
        has_references: the message names an order, an amount, a date or a position in a list.
    """
    if intent not in (AFFIRM, DENY):
        return True
    for phrase in _HARMLESS:
        text = text.replace(phrase, " ")
    said = [_YES_IN_ACCENTS.get(word, word) for word in words(text)]
    if intent == DENY:
        return not _YES.intersection(said)
    yes_is_spanish = said[:1] == ["si"]
    conditions = _CONDITIONS.intersection(said[1:] if yes_is_spanish else said)
    return not (conditions or _NO.intersection(said) or has_references or "?" in text)
