"""From a YAML file to checked cases. Every error names the file, the line, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from runner.format import BuyerFixture, Case, File

SHARED = "conftest.yml"


class FormatError(Exception):
    """A test file that cannot be used; ``str(error)`` is ``file:line: what is wrong``."""

    def __init__(self, path: Path, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The cases of one file and every fixture that they may name."""

    path: Path
    cases: tuple[Case, ...]
    fixtures: dict[str, BuyerFixture]


def load(path: Path, root: Path) -> Loaded:
    """The cases of ``path``. Fixtures of ``conftest.yml`` in ``root`` and in every folder down to the file are shared;
    the nearest one wins. Raises FormatError."""
    fixtures: dict[str, BuyerFixture] = {}
    for folder in [*reversed(path.parent.relative_to(root).parents), path.parent.relative_to(root)]:
        shared = root / folder / SHARED
        if shared.is_file():
            fixtures |= _fixtures(_read(shared)[0])
    file, raw = _read(path)
    fixtures |= _fixtures(file)
    _check_names(path, file, raw, fixtures)
    return Loaded(path, tuple(file.test_cases), fixtures)


def _read(path: Path) -> tuple[File, Any]:
    try:
        raw = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FormatError(path, mark.line + 1 if mark else 1, str(error.problem or error.context)) from error
    if not isinstance(raw, CommentedMap):
        raise FormatError(path, 1, f"a test file is a mapping with the keys {', '.join(File.model_fields)}")
    try:
        file = File.model_validate(raw)
    except ValidationError as error:
        raise _explained(path, raw, error) from error
    for case, raw_case in zip(file.test_cases, raw.get("test_cases") or (), strict=True):
        case.at(raw_case.lc.line + 1)
        for step, raw_step in zip(case.steps, raw_case["steps"], strict=True):
            step.at(raw_step.lc.line + 1)
    return file, raw


def _fixtures(file: File) -> dict[str, BuyerFixture]:
    return {name: fixture for entry in file.fixtures for name, fixture in entry.items()}


def _check_names(path: Path, file: File, raw: Any, fixtures: dict[str, BuyerFixture]) -> None:
    seen: set[str] = set()
    for case in file.test_cases:
        if case.test_case in seen:
            raise FormatError(path, case.line, f"there is already a test case called {case.test_case!r} in this file")
        seen.add(case.test_case)
        for name in case.fixtures:
            _known(path, case.line, "fixture", name, fixtures)
        for step in case.steps:
            if step.as_ is not None:
                _known(path, step.line, "buyer", step.as_, case.fixtures)


def _known(path: Path, line: int, what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        raise FormatError(path, line, f"there is no {what} {name!r}; there are: {', '.join(sorted(names)) or 'none'}")


def _explained(path: Path, raw: Any, error: ValidationError) -> FormatError:
    first = error.errors()[0]
    location = [part for part in first["loc"] if not isinstance(part, str) or part not in ("str", "Product")]
    key = next((part for part in reversed(location) if isinstance(part, str)), "")
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(_allowed(File, location[:-1]))
        message = f"unknown key {location[-1]!r}; allowed here: {allowed}"
    elif first["type"] == "missing":
        message = f"the key {location[-1]!r} is missing"
    elif location and location[-1] == key:
        message = f"{key}: {message}"
    return FormatError(path, _line_of(raw, location), message)


def _allowed(model: type[BaseModel], location: list[int | str]) -> list[str]:
    """The keys of the model that stands at ``location`` below ``model``."""
    for part in location:
        if isinstance(part, str):
            field = next((f for name, f in model.model_fields.items() if part in (name, f.alias)), None)
            model = _model_in(field.annotation) or model if field else model
    return [field.alias or name for name, field in model.model_fields.items()]


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
