"""All entity rules in one call, without Rasa: from a text to its mentions."""

from __future__ import annotations

from engine.nlu.amounts import find_amounts
from engine.nlu.dates import find_dates
from engine.nlu.mentions import Mention, without_overlaps
from engine.nlu.order_references import ORDER_NUMBER, find_order_references
from engine.nlu.ordinals import find_ordinals
from engine.nlu.spacy_language import blank_english


def find_mentions(text: str) -> list[Mention]:
    """Find every order reference, amount, date and ordinal of a message.

    Where two rules claim the same characters, a complete order number wins, then an amount, a date, a partial order
    number, an ordinal.

    Returns:
        The mentions in the order of the text; no two of them overlap.
    """
    doc = blank_english()(text)
    amounts = find_amounts(text)
    dates = without_overlaps(find_dates(doc), amounts)
    references = find_order_references(text, [*amounts, *dates])
    complete = [mention for mention in references if mention.kind == ORDER_NUMBER]
    partial = [mention for mention in references if mention.kind != ORDER_NUMBER]
    ranked = [*complete, *amounts, *dates, *partial, *find_ordinals(doc)]
    return sorted(without_overlaps(ranked), key=lambda mention: mention.start)
