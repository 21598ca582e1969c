"""All that the assistant has, with the line where each thing stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml.comments import CommentedMap

from pytest_rasa.coverage.errors import CoverageError
from pytest_rasa.coverage.turns import button_action, response_key
from pytest_rasa.coverage.yaml_lines import Reader
from pytest_rasa.words import domain_files

KINDS = ("rule", "form_step", "slot", "action", "response", "button", "intent")
"""The kinds of things that an assistant has, in the order of the reports."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. ``file`` is relative to the project's root."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Kind -> key -> place; the keys are those of ``exercised.KINDS``. ``language``: the one that responses are in where nothing
    else is said."""

    places: Mapping[str, Mapping[str, Place]]
    language: str = "en"

    def key(self, kind: str, key: str) -> str:
        """The key under which something that was exercised stands here: the assistant's own language is not named."""
        return key.removesuffix(f" [{self.language}]") if kind == "response" else key


_Found = Iterator[tuple[str, str, Place]]


def inventory(root: Path) -> Inventory:
    """Read the domain (one file or a folder), ``config.yml`` and ``data`` in ``root``. Raises CoverageError."""
    domain = [_reader(root, path) for path in domain_files(root)]
    if not domain:
        raise CoverageError(f"{root} has no domain.yml and no folder domain, so nobody knows what there is to exercise")
    language, fallback = _config(root)
    places: dict[str, dict[str, Place]] = {kind: {} for kind in KINDS}
    found = Inventory(places, language)
    for kind, key, place in (*_of_domain(domain), *_of_data(root), *fallback):
        places[kind].setdefault(found.key(kind, key), place)
    for name in [name for name in places["action"] if name in places["response"]]:
        del places["action"][name]  # older domains list their responses among the actions too
    return found


def _reader(root: Path, path: Path) -> Reader:
    return Reader(path, path.relative_to(root).as_posix())


def _config(root: Path) -> tuple[str, list[tuple[str, str, Place]]]:
    """The language, and the intent that the pipeline makes of what nobody understands."""
    path = next((path for path in (root / "config.yml", root / "config.yaml") if path.is_file()), None)
    if path is None:
        return "en", []
    reader = _reader(root, path)
    config = reader.mapping()
    fallback = [
        ("intent", "nlu_fallback", Place(reader.shown, line))
        for component, line in reader.mappings(config, "pipeline")
        if str(component.get("name")).endswith("FallbackClassifier")
    ]
    return str(config.get("language") or "en"), fallback


def _of_data(root: Path) -> _Found:
    paths = sorted(path for path in (root / "data").rglob("*") if path.suffix in (".yml", ".yaml"))
    for reader in (_reader(root, path) for path in paths):
        if reader.has("rules", "responses"):
            data = reader.mapping()
            for rule, line in reader.mappings(data, "rules"):
                yield "rule", str(rule.get("rule")), Place(reader.shown, line)
            yield from _responses(reader, data)


def _of_domain(readers: Iterable[Reader]) -> _Found:
    for reader in readers:
        domain = reader.mapping()
        for name, line in reader.names(domain, "intents"):
            yield "intent", name, Place(reader.shown, line)
        for name, _, line in reader.pairs(domain, "slots"):
            yield "slot", name, Place(reader.shown, line)
        for name, line in reader.names(domain, "actions"):
            yield "action", name, Place(reader.shown, line)
        yield from _form_steps(reader, domain)
        yield from _responses(reader, domain)


def _form_steps(reader: Reader, domain: CommentedMap) -> _Found:
    for form, settings, line in reader.pairs(domain, "forms"):
        for slot, at in reader.items(settings, "required_slots", line):
            yield "form_step", f"{form}.{slot} asked", Place(reader.shown, at)
            yield "form_step", f"{form}.{slot} filled", Place(reader.shown, at)


def _responses(reader: Reader, content: CommentedMap) -> _Found:
    """A response for each language that it has, and its buttons."""
    for name, variations, line in reader.pairs(content, "responses"):
        if not variations:
            yield "response", name, Place(reader.shown, line)
        for variation, at in reader.mappings(content["responses"], name, line):
            yield "response", response_key(name, variation), Place(reader.shown, at)
            for button, where in reader.mappings(variation, "buttons", at):
                action = button_action(str(button.get("payload") or ""))
                if action:
                    yield "button", f"{name}: {action}", Place(reader.shown, where)
