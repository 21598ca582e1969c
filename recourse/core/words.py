"""What a buyer reads: the responses of ``domain.yml``, for the parts that do not speak through Rasa."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from recourse.core.errors import ConfigurationError
from recourse.core.settings import PROJECT_ROOT

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message to say. ``buttons`` are (title, payload); the payload is what the engine gets for a press."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()


class UnknownWords(ConfigurationError):
    """A response is missing in ``domain.yml``, or a value for one of its placeholders was not given."""

    code = "unknown_words"


class Words:
    """The responses of one domain file. Of several variants the first is said, so that tests can rely on it."""

    def __init__(self, responses: Mapping[str, Utterance]) -> None:
        self._responses = responses

    @classmethod
    def load(cls, path: Path | None = None) -> Words:
        """The responses in the domain file ``path`` (default: the project's). Raises ConfigurationError."""
        path = path or PROJECT_ROOT / "domain.yml"
        try:
            domain = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        except (OSError, YAMLError) as error:
            raise ConfigurationError(f"the words of the assistant cannot be read from {path}: {error}") from error
        responses = domain.get("responses") if isinstance(domain, dict) else None
        if not isinstance(responses, dict):
            raise ConfigurationError(f"{path} has no `responses:`; every word that a buyer reads belongs there")
        return cls({str(name): _first(path, str(name), variants) for name, variants in responses.items()})

    def __contains__(self, name: object) -> bool:
        return name in self._responses

    def say(self, name: str, **values: object) -> Utterance:
        """Response ``name`` with ``values`` in the placeholders of its text and of its button titles.

        Values are put in as they are: braces inside a value are no placeholders. Values that the response does not use
        are ignored, as Rasa does. Raises UnknownWords.
        """
        response = self._responses.get(name)
        if response is None:
            raise UnknownWords(f"domain.yml has no response {name!r}; add it under `responses:`")
        buttons = tuple((_fill(name, title, values), payload) for title, payload in response.buttons)
        return Utterance(_fill(name, response.text, values), buttons)


def _fill(name: str, template: str, values: Mapping[str, object]) -> str:
    def value(match: re.Match[str]) -> str:
        key = match[1]
        if key not in values:
            raise UnknownWords(f"response {name!r} needs a value for {{{key}}}, but only {sorted(values)} were given")
        return str(values[key])

    return _PLACEHOLDER.sub(value, template)


def _first(path: Path, name: str, variants: Any) -> Utterance:
    try:
        first = variants[0]
        buttons = tuple((str(button["title"]), str(button["payload"])) for button in first.get("buttons") or ())
        return Utterance(str(first["text"]), buttons)
    except (LookupError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"response {name!r} in {path} must be a list of `text:` items, with `title:` and `payload:` for each button"
        ) from error
