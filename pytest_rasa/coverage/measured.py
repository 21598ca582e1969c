"""What the assistant has beside what was exercised of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pytest_rasa.coverage.allowed import LeftOut
from pytest_rasa.coverage.inventory import KINDS, Inventory, Place
from pytest_rasa.coverage.store import Merged


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of the assistant. ``place``: None for a button that an action makes. ``shown``: how often such a button was offered.
    ``cases``: who exercised it, as positions in ``Coverage.cases``. ``why``: the reason for which it is left out."""

    kind: str
    key: str
    place: Place | None
    times: int
    cases: tuple[int, ...]
    shown: int = 0
    why: str | None = None

    @property
    def state(self) -> str:
        """``exercised``, ``missing`` or ``left out``."""
        if self.times:
            return "exercised"
        return "missing" if self.why is None else "left out"

    @property
    def where(self) -> str:
        """File and line, or where it comes from otherwise."""
        return str(self.place) if self.place else f"made by an action, shown {times(self.shown)}"


@dataclass(frozen=True, slots=True)
class Row:
    """All of one kind; the responses of each further language are a row of their own (``response [es]``)."""

    name: str
    entries: Sequence[Entry]

    @property
    def kind(self) -> str:
        """One of ``KINDS``."""
        return self.name.split(" ")[0]

    @property
    def total(self) -> int:
        """How many should be exercised: all but those that are left out."""
        return sum(entry.state != "left out" for entry in self.entries)

    @property
    def exercised(self) -> int:
        """How many were."""
        return sum(entry.state == "exercised" for entry in self.entries)

    @property
    def percent(self) -> float:
        """How much of it; where there is nothing, all of it was exercised."""
        return 100 * self.exercised / self.total if self.total else 100.0

    def those(self, state: str) -> list[Entry]:
        """The entries in a state."""
        return [entry for entry in self.entries if entry.state == state]


class Coverage:
    """``left_out``: entries of the allow-list. ``chosen``: how the run was limited (``-k refund``), empty for a run of everything."""

    def __init__(
        self, inventory: Inventory, merged: Merged, left_out: Iterable[LeftOut] = (), chosen: str = ""
    ) -> None:
        self.cases = merged.cases
        self.left_out = list(left_out)
        self.chosen = chosen
        self._inventory = inventory
        self._times: Counter[tuple[str, str]] = Counter()
        self._by: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for kind, key, count in merged.exercised:
            known = kind, inventory.key(kind, key)
            self._times[known] += count
            self._by[known] |= merged.of(kind, key)
        self.rows = self._rows()
        self.total = Row("all", [entry for row in self.rows for entry in row.entries])

    @property
    def of(self) -> str:
        """Of what this is the coverage, in words."""
        run = f"{len(self.cases)} conversation{'' if len(self.cases) == 1 else 's'} of this run"
        return f"the {run} only ({self.chosen})" if self.chosen else f"the {run}"

    @property
    def unknown(self) -> list[tuple[str, str, int]]:
        """What was exercised but is not in the assistant's files: kind, key and how often. Buttons are never among them: what an
        action makes is counted once it was shown."""
        forms = {step.rsplit(".", 1)[0] for step in self._inventory.places["form_step"]}
        return sorted(
            (kind, key, count)
            for (kind, key), count in self._times.items()
            if kind in KINDS and kind != "button" and key not in self._inventory.places[kind]
            # What a running form fills besides the slots that it must ask for is no step of it.
            and not (kind == "form_step" and key.endswith(" filled") and key.rsplit(".", 1)[0] in forms)
        )  # fmt: skip

    def entry(self, kind: str, key: str) -> Entry | None:
        """One entry."""
        return next((entry for entry in self.total.entries if (entry.kind, entry.key) == (kind, key)), None)

    def _rows(self) -> list[Row]:
        rows: defaultdict[str, list[Entry]] = defaultdict(list)
        for kind in KINDS:
            rows[kind] = []
            for entry in self._entries(kind):
                rows[_row_of(entry)].append(entry)
        return [Row(name, entries) for name, entries in rows.items() if entries or name in KINDS]

    def _entries(self, kind: str) -> Iterator[Entry]:
        why = {one.key: one.why for one in self.left_out if one.kind == kind}
        places: dict[str, Place | None] = dict(self._inventory.places[kind])
        if kind == "button":
            places |= dict.fromkeys(self._made_by_actions())
        for key, place in places.items():
            cases = tuple(sorted(self._by.get((kind, key), ())))
            yield Entry(kind, key, place, self._times[kind, key], cases, self._times["button_shown", key], why.get(key))

    def _made_by_actions(self) -> list[str]:
        """The buttons that were shown and that no response declares: an action makes them, so nothing else says that they exist."""
        declared = {key.split(": ", 1)[1] for key in self._inventory.places["button"]}
        shown = {key for kind, key in self._times if kind in ("button", "button_shown") and key.startswith("/")}
        return sorted(shown - declared)


def times(count: int) -> str:
    """``once``, ``3 times``."""
    return "once" if count == 1 else f"{count} times"


def percent(share: float) -> str:
    """A percentage for people: never rounded up, as 100 % means all."""
    return f"{int(share * 10) / 10:g} %"


def _row_of(entry: Entry) -> str:
    if entry.kind == "response" and entry.key.endswith("]") and " [" in entry.key:
        return f"response {entry.key[entry.key.rindex('[') :]}"
    return entry.kind
