"""Weaving: numbers, ghosts, cycles, imposters, great depth and breadth; every received row is drawn exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.thread.forest import Node, claims_of, effective_date, forest
from gateway.thread.weave import Place, Row, weave

START = datetime(2026, 1, 1, tzinfo=UTC)


def row(
    msgid: str, parent: str | None = None, minute: int = 0, *, ghost: bool = False, imposter: bool = False, id: str = ""
) -> Row:
    return Row(msgid, parent, START + timedelta(minutes=minute), ghost, imposter, id or msgid)


def drawn(places: Sequence[Place]) -> list[tuple[str, str, int]]:
    """Id, number, depth."""
    return [(place.row.id, place.number, place.depth) for place in places]


def tree(*rows: Row) -> list[tuple[str, str, int]]:
    return drawn(weave(rows))


def test_numbers_restart_under_each_parent() -> None:
    rows = [
        row("a"),
        row("1", "a", 1),
        row("2", "a", 2),
        row("11", "1", 9),
        row("21", "2", 3),
        row("22", "2", 4),
        row("211", "21", 5),
    ]
    assert tree(*reversed(rows)) == [
        ("a", "", 0),
        ("1", "1", 1),
        ("11", "1.1", 2),
        ("2", "2", 1),
        ("21", "2.1", 2),
        ("211", "2.1.1", 3),
        ("22", "2.2", 2),
    ]


def test_siblings_go_by_date_then_msgid() -> None:
    rows = [row("a"), row("z", "a", 1), row("b", "a", 2), row("c", "a", 1)]
    assert [id for id, *_ in tree(*rows)] == ["a", "c", "z", "b"]


def test_parents_are_places_and_branches_are_told() -> None:
    places = weave([row("a"), row("1", "a", 1), row("2", "a", 2), row("11", "1", 3)])
    assert [place.parent for place in places] == [None, 0, 1, 0]
    assert [place.has_siblings for place in places] == [False, True, False, True]


CYCLES = [
    # the rows, and the one where the cycle is cut
    ([row("b", "b")], "b"),
    ([row("b", "c", 2), row("c", "b", 1)], "c"),
    ([row("b", "c", 1), row("c", "b", 1)], "b"),
    ([row("x", "y", 3), row("y", "z", 2), row("z", "x", 4), row("below", "x", 0)], "y"),
    ([row("g", "p", 0, ghost=True), row("p", "g", 5), row("q", "g", 6)], "g"),
]


@pytest.mark.parametrize(("rows", "cut"), CYCLES)
def test_a_cycle_is_cut_at_its_smallest_member(rows: list[Row], cut: str) -> None:
    for order in (rows, rows[::-1]):
        places = weave(order)
        assert places[0].row.msgid == cut
        assert [place.depth for place in places].count(0) == 1
        assert len(places) == len(rows)


GHOSTS = [
    # rule 9: one child and no parent is not drawn; more children are
    ([row("g", ghost=True), row("a", "g", 1)], [("a", "", 0)]),
    ([row("g", ghost=True), row("a", "g", 1), row("b", "g", 2)], [("g", "", 0), ("a", "1", 1), ("b", "2", 1)]),
    # a chain of them goes away as a whole
    ([row("g", ghost=True), row("h", "g", ghost=True), row("a", "h", 1)], [("a", "", 0)]),
    (
        [row("g", ghost=True), row("h", "g", ghost=True), row("a", "h", 1), row("b", "h", 2)],
        [("h", "", 0), ("a", "1", 1), ("b", "2", 1)],
    ),
    # one with a parent is drawn, with its one child
    ([row("r"), row("g", "r", 1, ghost=True), row("a", "g", 2)], [("r", "", 0), ("g", "1", 1), ("a", "1.1", 2)]),
    (
        [row("g", ghost=True), row("h", "g", 1, ghost=True), row("b", "g", 2), row("a", "h", 3)],
        [("g", "", 0), ("h", "1", 1), ("a", "1.1", 2), ("b", "2", 1)],
    ),
]


@pytest.mark.parametrize(("rows", "expected"), GHOSTS)
def test_ghosts(rows: list[Row], expected: list[tuple[str, str, int]]) -> None:
    assert tree(*rows) == expected
    assert tree(*rows[::-1]) == expected


def test_imposters_are_leaves_of_their_first() -> None:
    rows = [
        row("a", id="0"),
        row("m", "a", 2, id="1"),
        row("answer", "m", 3, id="2"),
        row("m", "m", 1, imposter=True, id="3"),
        row("m", "m", 4, imposter=True, id="4"),
    ]
    assert tree(*rows) == [("0", "", 0), ("1", "1", 1), ("3", "1.1", 2), ("2", "1.2", 2), ("4", "1.3", 2)]


def test_an_imposter_of_the_head_is_drawn_once() -> None:
    assert tree(row("a", id="0"), row("a", "a", 1, imposter=True, id="1")) == [("0", "", 0), ("1", "1", 1)]


def test_ten_thousand_levels() -> None:
    rows = [row(f"{level:05}", f"{level - 1:05}" if level else None, level) for level in range(10_000)]
    places = weave(reversed(rows))
    assert [place.depth for place in places] == list(range(10_000))
    # Below the twelfth level a count instead of a path: the numbers of a chain must not outgrow its texts.
    assert places[12].number == ".".join(["1"] * 12)
    assert places[5000].number == ".".join(["1"] * 12) + "+4988"
    assert len({place.number for place in places}) == 10_000


def test_a_hundred_thousand_children() -> None:
    rows = [row(f"{index:06}", "top", 0) for index in range(100_000)]
    places = weave([*rows, row("top", minute=-1)])
    assert len(places) == 100_001
    assert places[-1].number == "100000"


def test_a_hundred_thousand_roots() -> None:
    """Not what the store gives, but what a damaged store might."""
    assert len(weave([row(f"{index:06}") for index in range(100_000)])) == 100_000


def test_a_cycle_of_ten_thousand() -> None:
    rows = [row(f"{index:05}", f"{(index + 1) % 10_000:05}", index) for index in range(10_000)]
    assert weave(rows)[0].row.msgid == "00000"


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefg"), st.none() | st.sampled_from("abcdefgx"), st.integers(0, 3), st.booleans()),
    max_size=14,
)


def _as_stored(picks: list[tuple[str, str | None, int, bool]]) -> list[Row]:
    """One first for each msgid (a ghost now and then), and imposters of those that are no ghosts."""
    rows: list[Row] = []
    first: dict[str, Row] = {}
    for index, (msgid, parent, minute, is_ghost) in enumerate(picks):
        if msgid not in first:
            first[msgid] = row(msgid, parent, minute, ghost=is_ghost, id=str(index))
            rows.append(first[msgid])
        elif not first[msgid].is_ghost:
            rows.append(row(msgid, msgid, minute, imposter=True, id=str(index)))
    return rows


@given(ROWS, st.data())
def test_every_received_row_once_whatever_order(picks: list[tuple[str, str | None, int, bool]], data: st.DataObject) -> None:
    rows = _as_stored(picks)
    places = weave(rows)
    received = sorted(one.id for one in rows if not one.is_ghost)
    assert sorted(place.row.id for place in places if not place.row.is_ghost) == received
    ids = [place.row.id for place in places]
    assert len(ids) == len(set(ids))
    assert drawn(weave(data.draw(st.permutations(rows)))) == drawn(places)
    for place in places:
        above = places[place.parent] if place.parent is not None else None
        assert place.depth == (above.depth + 1 if above else 0)
        assert place.number.rpartition(".")[0] == (above.number if above else "")
    siblings: dict[int, list[tuple[datetime, str, str]]] = {}
    for place in places:
        if place.parent is not None:
            siblings.setdefault(place.parent, []).append(place.row.key)
    assert all(keys == sorted(keys) for keys in siblings.values())


NODES = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.lists(st.sampled_from("abcdefxyz"), max_size=4, unique=True), st.integers(0, 2))
)


@given(NODES, st.data())
def test_forest_is_a_function_of_the_set(picks: dict[str, tuple[list[str], int]], data: st.DataObject) -> None:
    nodes = [
        Node(msgid, tuple(a for a in ancestors if a != msgid), START + timedelta(minutes=minute))
        for msgid, (ancestors, minute) in picks.items()
    ]
    one = forest(nodes)
    other = forest(data.draw(st.permutations(nodes)))
    assert one.parents == other.parents
    assert set(one.threads()) == set(other.threads())
    # Every container is in one thread, and so is its parent.
    thread_of = {msgid: thread for thread in one.threads() for msgid in thread}
    assert sorted(thread_of) == sorted(one.parents)
    assert sum(map(len, one.threads())) == len(one.parents)
    assert all(parent in thread_of[msgid] for msgid, parent in one.parents.items() if parent is not None)


def test_a_ghost_follows_its_claimant_with_the_smallest_key() -> None:
    late, early = Node("1", ("g", "x"), START + timedelta(1)), Node("2", ("g", "y"), START)
    assert forest([late, early]).parents["g"] == "y"
    assert forest([late, Node("0", ("g", "z"), late.date)]).parents["g"] == "z"


def test_a_claim_ends_at_what_was_received() -> None:
    node = Node("m", ("g", "h", "r", "far"), START)
    assert [(claim.ghost, claim.next) for claim in claims_of(node, {"r"})] == [("g", "h"), ("h", "r")]
    assert "far" not in forest([node, Node("r", (), START)]).parents


def test_a_post_takes_the_place_of_its_ghost_and_its_own_headers_win() -> None:
    child = Node("c", ("g", "claimed"), START)
    woven = forest([child, Node("g", ("own",), START)])
    assert woven.parents == {"c": "g", "g": "own", "own": None}


def test_a_reference_that_does_not_name_the_parent_joins_nothing() -> None:
    woven = forest([Node("a", (), START), Node("b", (), START), Node("m", ("a", "b"), START)])
    assert {frozenset("am"), frozenset("b")} == set(woven.threads())


@pytest.mark.parametrize(
    ("date", "is_taken"),
    [
        (None, False),
        (START, True),
        (START + timedelta(days=1), True),
        (START + timedelta(days=1, seconds=1), False),
        (datetime(1990, 1, 1, tzinfo=UTC), True),
        (datetime(1989, 12, 31, 23, 59, tzinfo=UTC), False),
    ],
)
def test_effective_date(date: datetime | None, is_taken: bool) -> None:
    assert (effective_date(date, START) == date) if is_taken else (effective_date(date, START) == START)
