"""Which responses of ``domain.yml`` a buyer has read of those that are worded here, in this process: by actions and the gateway.

Rasa words the responses that it utters itself; those stand in its events.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_rasa.world import Reply
from recourse.core.words import Utterance, Words


@dataclass(frozen=True, slots=True)
class _Worded:
    """A response that was filled in, and has not been read yet."""

    name: str
    utterance: Utterance


class WordsSaid:
    """Listens to ``Words.say`` of this process until ``close``."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], _Worded] = {}
        self._say = say = Words.say
        heard = self._heard

        def say_and_tell(words: Words, name: str, **values: object) -> Utterance:
            utterance = say(words, name, **values)
            heard(name, utterance)
            return utterance

        Words.say = say_and_tell  # type: ignore[method-assign, assignment]

    def forget(self) -> None:
        """A new case."""
        self._waiting.clear()

    def read_in(self, reply: Reply) -> list[str]:
        """Names of the responses that stand in ``reply``, as the text of a message, as a part of one, or as a button's title. Each
        counts once for every time that it was worded."""
        texts = [*(message.text for message in reply.messages), *(button.title for button in reply.buttons)]
        read = [key for key, worded in list(self._waiting.items()) if _stands_in(worded.utterance.text, texts)]
        return [self._waiting.pop(key).name for key in read]

    def close(self) -> None:
        """Listen no more."""
        Words.say = self._say  # type: ignore[method-assign]

    def _heard(self, name: str, utterance: Utterance) -> None:
        if utterance.text:
            self._waiting[name, utterance.text] = _Worded(name, utterance)


def _stands_in(text: str, texts: list[str]) -> bool:
    return any(text in each for each in texts)
