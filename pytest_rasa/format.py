"""The shape of a test file: Rasa Pro's end-to-end format, and what this plugin adds to it. README.md says what the keys mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    create_model,
    model_validator,
)

from pytest_rasa.world import Project

DOES = ("user", "press", "press_old", "as", "clock", "faults")
WAITS = ("expect_pushed",)
EXPECTS = (
    "bot", "utter", "bot_contains", "bot_did_not_utter", "buttons", "database", "remember", "same_as", "slot_was_set",
    "slot_was_not_set",
)  # fmt: skip
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "times": ("user", "press"),
    "assertions": ("user", "press"),
    "assertion_order_enabled": ("user", "press"),
    "metadata": ("user", "press"),
}
"""What a step may have besides its verb -> the verbs that it goes with."""

CALM = "it belongs to CALM, which this Rasa does not have"
LLM = "it asks a language model, so it would not give the same result twice"
UNSUPPORTED: Mapping[str, str] = {
    "flow_started": CALM,
    "flow_completed": CALM,
    "flow_cancelled": CALM,
    "pattern_clarification_contains": CALM,
    "generative_response_is_relevant": LLM,
    "generative_response_is_grounded": LLM,
    "llm_judge": LLM,
}
"""Keys of Rasa Pro that have no meaning here, and why."""

_SPAN = r"^[+-](\d+[dhms])+$"
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)$"


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


Texts = Annotated[str | list[str], AfterValidator(_as_list)]
"""One text or a list of them."""


class Strict(BaseModel):
    """An unknown key is an error. ``line``: where it stands in the file."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, use_attribute_docstrings=True)
    _line: int = PrivateAttr(default=0)

    @property
    def line(self) -> int:
        """Line in the file, from 1; 0 when unknown."""
        return self._line

    def at(self, line: int) -> None:
        """Note the line."""
        self._line = line


class BotUttered(Strict):
    """Rasa Pro's description of a reply; every key that is given must hold for one and the same message."""

    utter_name: str | None = None
    text_matches: str | None = None
    buttons: list[dict[str, str]] | None = None

    @model_validator(mode="after")
    def _something(self) -> BotUttered:
        if not self.model_fields_set:
            raise ValueError("say what is meant: utter_name, text_matches or buttons")
        return self


class SlotValue(Strict):
    """Rasa Pro's description of a slot; without ``value`` any value will do."""

    name: str
    value: Any = None

    @property
    def has_value(self) -> bool:
        """Was a value given? (``value: null`` is one.)"""
        return "value" in self.model_fields_set


def _slot(entry: Any) -> Any:
    """Steps write ``name`` or ``name: value``, assertions ``{name: ..., value: ...}``."""
    if isinstance(entry, str):
        return {"name": entry}
    if isinstance(entry, dict) and len(entry) == 1 and "name" not in entry:
        ((name, value),) = entry.items()
        return {"name": name, "value": value}
    return entry


Slots = list[Annotated[SlotValue, BeforeValidator(_slot, json_schema_input_type=str | dict[str, Any])]]


class Assertion(Strict):
    """One entry of Rasa Pro's ``assertions``; exactly one key."""

    bot_uttered: BotUttered | None = None
    bot_did_not_utter: BotUttered | None = None
    slot_was_set: Slots | None = None
    slot_was_not_set: Slots | None = None
    action_executed: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Assertion:
        if len(self.model_fields_set) != 1:
            raise ValueError(f"an assertion has exactly one of {', '.join(Assertion.model_fields)}")
        return self


class RowExpectation(BaseModel):
    """Rows of one table. Every further key is a column (or ``column.path.in.json``) and the value that it must have."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    table: str
    """Name of the table."""
    count: int | None = None
    """How many rows there are; 1 unless given."""
    added: int | None = None
    """How many rows more than before what happened last."""
    sum: dict[str, Any] = {}
    """Column -> sum over all rows."""

    @property
    def columns(self) -> dict[str, Any]:
        """Column (or path) -> expected value."""
        return self.model_extra or {}


class StubbedResponse(BaseModel):
    """What a stubbed action says, as an action server answers it."""

    model_config = ConfigDict(extra="allow")


class Stub(Strict):
    """What a custom action would have answered."""

    events: list[dict[str, Any]] = []
    responses: list[StubbedResponse] = []


class Only(Strict):
    """The one world in which a case can be played, and the reason, which is shown where it is skipped."""

    over: str
    because: str = Field(min_length=10)


class Faults(Strict):
    """What breaks, or works again. A project adds its own."""

    connection: Literal["lost"] | None = None


class Step(Strict):
    """Something that happens, or something that is expected: exactly one verb."""

    own: ClassVar[tuple[str, ...]] = ()
    """The project's own verbs."""

    user: str | Annotated[list[str], Field(min_length=2)] | None = None
    """What the person who speaks writes, or several messages right after each other. {name} stands for something of the case."""
    press: str | None = None
    """Presses a button of the latest reply: its title, the beginning of it, or a /regular expression/."""
    press_old: str | None = None
    """Presses a button of an earlier reply."""
    as_: str | None = Field(None, alias="as")
    """From here on this person speaks."""
    clock: Annotated[str, Field(pattern=f"{_SPAN}|{_MOMENT}")] | None = None
    """Time passes, and deadlines take effect: +24h, +1d12h, or a moment like 2026-12-24T10:00Z."""
    faults: Faults | None = None
    """Something breaks, or works again."""
    expect_pushed: Texts | None = None
    """Waits until this comes by itself: a response's name or a piece of text."""

    bot: str | None = None
    """A message, or the whole reply, is exactly this."""
    utter: Texts | None = None
    """A message is this response of the domain, with any values; of a list, each."""
    bot_contains: Texts | None = None
    """Stands somewhere in the reply."""
    bot_did_not_utter: Texts | None = None
    """Neither this response nor this text is in the reply."""
    buttons: Texts | None = None
    """The reply has exactly these buttons, in this order."""
    database: list[RowExpectation] | None = None
    """Rows of the store: how many, and what stands in them."""
    remember: str | None = None
    """Gives the reply a name, for same_as."""
    same_as: str | None = None
    """The reply looks exactly like the remembered one."""
    slot_was_set: Slots | None = None
    """Slots that are set now, with any value or this one."""
    slot_was_not_set: Slots | None = None
    """Slots that are empty now, or do not have this value."""

    times: int = Field(1, ge=1, le=5)
    """How often the same message arrives at once."""
    assertions: list[Assertion] = []
    """Rasa Pro's assertions about what this message did."""
    assertion_order_enabled: bool = False
    """The assertions hold in this order."""
    metadata: Any = None
    """Accepted and not used."""

    @classmethod
    def verbs(cls) -> tuple[str, ...]:
        """Every verb, what happens before what is expected."""
        return (*DOES, *cls.own, *WAITS, *EXPECTS)

    @property
    def verb(self) -> str:
        """The one key that says what this step is."""
        return next(verb for verb in self.verbs() if _attribute(verb) in self.model_fields_set)

    @property
    def value(self) -> Any:
        """What stands behind that key."""
        return getattr(self, _attribute(self.verb))

    @property
    def happens(self) -> bool:
        """Does somebody do something in this step (other than waiting and looking)?"""
        return self.verb in (*DOES, *self.own)

    @model_validator(mode="after")
    def _one_verb(self) -> Step:
        said = [verb for verb in self.verbs() if _attribute(verb) in self.model_fields_set]
        if len(said) != 1:
            found = " and ".join(said) or "none"
            raise ValueError(f"a step has exactly one of {', '.join(self.verbs())}; found {found}")
        for option, verbs in OPTIONS.items():
            if option in self.model_fields_set and said[0] not in verbs:
                raise ValueError(f"{option!r} goes with {' or '.join(verbs)}, not with {said[0]!r}")
        return self


class Case(Strict):
    """One test. The first of ``fixtures`` that is a person speaks until a step says ``as``."""

    test_case: str
    """A sentence that says what is right."""
    fixtures: list[str] = []
    """What there is before it begins."""
    metadata: Any = None
    """Accepted and not used."""
    only: Only | None = None
    """The one world in which it can be played."""
    transcript: bool = False
    """Is the whole transcript kept and compared?"""
    steps: list[Any] = Field(min_length=1)
    """What happens, and what is expected of it."""


class File(Strict):
    """A test file. ``conftest.yml`` has fixtures, metadata and stubs only."""

    fixtures: list[dict[str, Any]] = []
    metadata: list[dict[str, Any]] = []
    stub_custom_actions: dict[str, Stub] = {}
    test_cases: list[Any] = []


SlotFixture = list[dict[str, Any]]
"""Rasa Pro's fixture: slots that are set before the first message."""


@cache
def _shape(
    fixture: type[BaseModel] | None, options: type[BaseModel] | None, steps: tuple[tuple[str, Any], ...],
    faults: tuple[tuple[str, tuple[str, ...]], ...],
) -> type[File]:  # fmt: skip
    class OwnStep(Step):
        own = tuple(name for name, _ in steps)

    create: Any = create_model  # its overloads know no fields that come as a mapping
    own_faults = create("Faults", __base__=Faults, **{name: (Literal[values] | None, None) for name, values in faults})
    own_steps = {name: (shape | None, None) for name, shape in steps}
    step: Any = create("Step", __base__=OwnStep, __doc__=Step.__doc__, faults=(own_faults | None, None), **own_steps)
    own_options = {name: (info.annotation, info) for name, info in options.model_fields.items()} if options else {}
    many_steps = (Annotated[list[step], Field(min_length=1)], ...)
    case: Any = create("Case", __base__=Case, __doc__=Case.__doc__, steps=many_steps, **own_options)
    shape: Any = SlotFixture if fixture is None else SlotFixture | fixture
    fields: Any = {"fixtures": (list[dict[str, shape]], []), "test_cases": (list[case], [])}
    made: type[File] = create("File", __base__=File, __doc__=File.__doc__, **fields)
    return made


def shape_of(project: Project) -> type[File]:
    """The model of this project's test files: the plugin's own keys and those of the project."""
    return _shape(
        project.fixture,
        project.options,
        tuple(project.steps.items()),
        tuple((name, tuple(values)) for name, values in project.faults.items()),
    )


def options_of(case: Case, project: Project) -> BaseModel | None:
    """The project's own options of a case."""
    if project.options is None:
        return None
    given = {name: getattr(case, name) for name in project.options.model_fields if name in case.model_fields_set}
    return project.options.model_validate(given)


def json_schema(project: Project) -> dict[str, Any]:
    """JSON Schema of a test file, for editors."""
    schema = shape_of(project).model_json_schema(mode="validation", by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Conversation tests"
    return schema


def unsupported(key: object) -> str | None:
    """Why a key of Rasa Pro's format is refused, None for any other key."""
    return UNSUPPORTED.get(key) if isinstance(key, str) else None


def _attribute(verb: str) -> str:
    return "as_" if verb == "as" else verb
