"""From a YAML file to checked cases. Every error names the file, the line, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLStreamError

from pytest_rasa.format import Case, File, Stub, shape_of, unsupported
from pytest_rasa.world import Project

SHARED = "conftest.yml"


class FormatError(Exception):
    """A test file that cannot be used; ``str(error)`` is one ``file:line: what is wrong`` for each thing that is wrong."""

    def __init__(self, path: Path, *problems: tuple[int, str]) -> None:
        super().__init__("\n".join(f"{path}:{line}: {message}" for line, message in problems))


@dataclass(frozen=True, slots=True)
class Loaded:
    """The cases of one file, and the fixtures and stubs that they may name."""

    path: Path
    cases: tuple[Case, ...]
    fixtures: Mapping[str, Any]
    stubs: Mapping[str, Stub] = field(default_factory=dict)

    def stubs_of(self, case: Case) -> dict[str, dict[str, Any]]:
        """Action -> what it answers in this case: ``case::action`` goes before ``action``."""
        named = {name: stub.model_dump() for name, stub in self.stubs.items() if "::" not in name}
        prefix = f"{case.test_case}::"
        own = {
            name.removeprefix(prefix): stub.model_dump() for name, stub in self.stubs.items() if name.startswith(prefix)
        }
        return named | own


def load(path: Path, root: Path, project: Project) -> Loaded:
    """The cases of ``path``. What ``conftest.yml`` in ``root`` and in every folder down to the file has is shared; the nearest
    one wins. Raises FormatError."""
    shape = shape_of(project)
    fixtures: dict[str, Any] = {}
    stubs: dict[str, Stub] = {}
    for shared in _shared_files(path, root):
        file, _ = _read(shared, shape)
        fixtures |= _fixtures(file)
        stubs |= file.stub_custom_actions
    file, raw = _read(path, shape)
    names = [name for entry in file.fixtures for name in entry]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise FormatError(path, (1, f"there are two fixtures called {twice!r} in this file"))
    fixtures |= _fixtures(file)
    stubs |= file.stub_custom_actions
    _check_names(path, file, fixtures, _where_fixtures(raw))
    _check_worlds(path, file, project)
    if not file.test_cases:
        raise FormatError(path, (1, f"there are no test_cases; what files share belongs in {SHARED}"))
    return Loaded(path, tuple(file.test_cases), fixtures, stubs)


def _shared_files(path: Path, root: Path) -> Iterator[Path]:
    inside = path.parent.relative_to(root)
    for folder in [*reversed(inside.parents), inside]:
        shared = root / folder / SHARED
        if shared.is_file():
            yield shared


def _read(path: Path, shape: type[File]) -> tuple[File, CommentedMap]:
    try:
        raw = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FormatError(path, (mark.line + 1 if mark else 1, str(error.problem or error.context))) from error
    except (YAMLError, YAMLStreamError) as error:
        raise FormatError(path, (1, f"this is no YAML: {error}".splitlines()[0])) from error
    except UnicodeDecodeError as error:
        raise FormatError(path, (1, "the file is not UTF-8")) from error
    if not isinstance(raw, CommentedMap):
        raise FormatError(path, (1, f"a test file is a mapping with the keys {', '.join(shape.model_fields)}"))
    refused = [(line, f"{key!r} is not supported: {why}") for line, key, why in _refused(raw)]
    if refused:
        raise FormatError(path, *refused)
    try:
        file = shape.model_validate(raw)
    except ValidationError as error:
        raise _explained(path, raw, error, shape) from error
    for case, raw_case in zip(file.test_cases, raw.get("test_cases") or (), strict=True):
        case.at(raw_case.lc.line + 1)
        for step, raw_step in zip(case.steps, raw_case["steps"], strict=True):
            step.at(raw_step.lc.line + 1)
    return file, raw


def _refused(raw: Any) -> Iterator[tuple[int, str, str]]:
    """Line, key and reason of every key of Rasa Pro that has no meaning here."""
    if isinstance(raw, CommentedMap):
        for key, value in raw.items():
            why = unsupported(key)
            if why is not None:
                yield raw.lc.key(key)[0] + 1, key, why
            elif key not in ("fixtures", "database"):  # names of the project's own things
                yield from _refused(value)
    elif isinstance(raw, CommentedSeq):
        for value in raw:
            yield from _refused(value)


def _fixtures(file: File) -> dict[str, Any]:
    return {name: fixture for entry in file.fixtures for name, fixture in entry.items()}


def _where_fixtures(raw: CommentedMap) -> Mapping[str, int]:
    return {
        str(case.get("test_case")): case.lc.key("fixtures")[0] + 1
        for case in raw.get("test_cases") or ()
        if "fixtures" in case
    }


def _check_names(path: Path, file: File, fixtures: Mapping[str, Any], where: Mapping[str, int]) -> None:
    seen: set[str] = set()
    for case in file.test_cases:
        if case.test_case in seen:
            raise FormatError(path, (case.line, f"there is already a test case called {case.test_case!r} in this file"))
        seen.add(case.test_case)
        for name in case.fixtures:
            _known(path, where.get(case.test_case, case.line), "fixture", name, fixtures)
        people = [name for name in case.fixtures if not isinstance(fixtures[name], list)]
        for step in case.steps:
            if step.as_ is not None:
                _known(path, step.line, "person", step.as_, people)


def _check_worlds(path: Path, file: File, project: Project) -> None:
    for case in file.test_cases:
        if case.only is not None:
            _known(path, case.line, "world", case.only.over, project.worlds)


def _known(path: Path, line: int, what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise FormatError(path, (line, f"there is no {what} {name!r}; there are: {', '.join(sorted(names)) or 'none'}"))


def _explained(path: Path, raw: Any, error: ValidationError, shape: type[File]) -> FormatError:
    """The deepest problem: of a value that may have several shapes, the shape that fits best is the one that was meant."""
    problems = [(_keys_of(one["loc"], raw), one) for one in error.errors()]
    location, first = max(problems, key=lambda problem: (len(problem[0]), problem[1]["type"] == "extra_forbidden"))
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed(shape, location[:-1]))
        message = f"unknown key {location[-1]!r}; allowed here: {allowed}"
    elif first["type"] == "missing":
        message = f"the key {first['loc'][-1]!r} is missing"
    elif location and isinstance(location[-1], str):
        message = f"{location[-1]}: {message}"
    return FormatError(path, (_line_of(raw, location), message))


def _keys_of(location: Iterable[int | str], raw: Any) -> list[int | str]:
    """``location`` without the names that pydantic puts in for alternatives: only what the file itself has."""
    kept: list[int | str] = []
    for part in location:
        if part in (raw if isinstance(raw, dict) else range(len(raw)) if isinstance(raw, list) else ()):
            kept.append(part)
            raw = raw[part]
    return kept


def _allowed(model: type[BaseModel], location: list[int | str]) -> list[str]:
    """The keys of the model that stands at ``location`` below ``model``."""
    for part in location:
        if isinstance(part, str):
            found = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
            model = (_model_in(found.annotation) or model) if found else model
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _line_of(raw: Any, location: list[int | str]) -> int:
    """Line of the deepest part of ``location`` that the file has."""
    line = 1
    for part in location:
        if isinstance(raw, CommentedMap) and part in raw:
            line, raw = raw.lc.key(part)[0] + 1, raw[part]
        elif isinstance(raw, CommentedSeq) and isinstance(part, int) and part < len(raw):
            line, raw = raw.lc.item(part)[0] + 1, raw[part]
        else:
            break
    return line
