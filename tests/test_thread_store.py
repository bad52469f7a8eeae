"""The store's increments and the pure definition give the same forest, whatever order, repeats, ghosts and cycles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from uuid_utils.compat import uuid7

from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum
from gateway.mail.message import Message
from gateway.mail.verdict import ACCEPTED
from gateway.store.archive import CLAIM, GHOST, POST
from gateway.store.engine import Store
from gateway.store.incoming import Incoming, node_of
from gateway.store.keep import keep
from gateway.store.moves import BadMove, move, undo
from gateway.thread.forest import Forest, claims_of, forest

START = datetime(2026, 3, 1, tzinfo=UTC)


def incoming(
    forum: Forum, msgid: str, ancestors: Sequence[str], minute: int, variant: int = 0, received: int = 0, subject: str = ""
) -> Incoming:
    message = Message(
        msgid=msgid,
        content_hash=bytes([variant]) * 32,
        author_name="Ann",
        author_address=Address("ann", "example.org"),
        subject=subject,
        date=START + timedelta(days=10 * minute),
        ancestors=tuple(dict.fromkeys(a for a in ancestors if a != msgid)),
    )
    at = START + timedelta(days=1, minutes=received)
    envelope = Envelope(reverse_path=None, forward_paths=(forum.address,), received_at=at, via=Via.IMPORT)
    raw = Raw.of(b"x")
    return Incoming.of(forum=forum, recipient=forum.address, envelope=envelope, message=message, raw=raw, decision=ACCEPTED)


def make_forum() -> Forum:
    return Forum(id=uuid7(), name="town", domain="example.org", title="Town")


def stored_forest(store: Store, forum_id: UUID) -> tuple[Forest, set[frozenset[str]], set[tuple[object, ...]]]:
    with store.read() as db:
        posts = db.execute(select(POST).where(POST.c.forum_id == forum_id)).all()
        ghosts = db.execute(select(GHOST).where(GHOST.c.forum_id == forum_id)).all()
        claims = db.execute(select(CLAIM).where(CLAIM.c.forum_id == forum_id)).all()
    first = [row for row in posts if not row.is_imposter]
    parents = {row.msgid: row.parent for row in [*first, *ghosts]}
    threads: dict[UUID, set[str]] = {}
    for row in [*posts, *ghosts]:
        threads.setdefault(row.thread_id, set()).add(row.msgid)
    facts = {(claim.ghost, claim.claimant, claim.position, claim.next, claim.date) for claim in claims}
    return Forest(parents, {g.msgid: g.date for g in ghosts}), {frozenset(group) for group in threads.values()}, facts


def expected(
    mails: Sequence[Incoming], moves: dict[str, str | None]
) -> tuple[Forest, set[frozenset[str]], set[tuple[object, ...]]]:
    firsts: dict[str, Incoming] = {}
    for mail in mails:
        other = firsts.get(mail.message.msgid)
        seniority = (mail.envelope.received_at, mail.message.content_hash)
        if other is None or seniority < (other.envelope.received_at, other.message.content_hash):
            firsts[mail.message.msgid] = mail
    nodes = [node_of(mail.message, mail.envelope.received_at) for mail in firsts.values()]
    woven = forest(nodes, moves)
    claims = {(c.ghost, c.claimant, c.position, c.next, c.date) for node in nodes for c in claims_of(node, firsts)}
    return woven, set(woven.threads()), claims


def _move(
    store: Store, forum_id: UUID, here: Sequence[Incoming], msgid: str, goal: str | None, moves: dict[str, str | None]
) -> None:
    """What somebody does by hand between two batches, if it can be done; noted in `moves`."""
    firsts: dict[str, Incoming] = {}
    for mail in here:
        other = firsts.get(mail.message.msgid)
        seniority = (mail.envelope.received_at, mail.message.content_hash)
        if other is None or seniority < (other.envelope.received_at, other.message.content_hash):
            firsts[mail.message.msgid] = mail
    if msgid not in firsts or (goal not in (None, "undo") and goal not in firsts):
        return
    node = node_of(firsts[msgid].message, firsts[msgid].envelope.received_at)
    try:
        with store.write() as db:
            if goal == "undo":
                undo(db, forum_id, node, START, uuid7)
            else:
                move(db, forum_id, node, goal, START, uuid7)
    except BadMove:
        return
    if goal == "undo":
        moves.pop(msgid, None)
    else:
        moves[msgid] = goal


MAILS = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.lists(st.sampled_from("abcdefghxyz"), max_size=4),
        st.integers(0, 5),
        st.integers(0, 2),
        st.sampled_from(["Soup", "Re: soup", "[town] Re: Soup", "Salad", "AW: Salad", ""]),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    mails=MAILS,
    cuts=st.lists(st.integers(1, 4), min_size=1, max_size=14),
    orders=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([*"abcdefgh", None, "undo"])), max_size=4),
    data=st.data(),
)
def test_increments_equal_the_definition(
    store: Store,
    mails: list[tuple[str, list[str], int, int, str]],
    cuts: list[int],
    orders: list[tuple[str, str | None]],
    data: st.DataObject,
) -> None:
    forum = make_forum()
    # The same mail twice has the same content: one (msgid, variant), one chain and one date.
    content: dict[tuple[str, int], tuple[list[str], int, str]] = {}
    batch = []
    for msgid, ancestors, minute, variant, title in mails:
        chain, at, subject = content.setdefault((msgid, variant), (ancestors, minute, title))
        batch.append(incoming(forum, msgid, chain, at, variant, received=variant, subject=subject))
    moves: dict[str, str | None] = {}
    order = data.draw(st.permutations(batch))
    rest = list(order)
    for cut in cuts:
        with store.write() as db:
            keep(db, rest[:cut], uuid7)
        for msgid, goal in orders[:1]:
            _move(store, forum.id, order[: len(order) - len(rest) + cut], msgid, goal, moves)
        orders = orders[1:]
        rest = rest[cut:]
    with store.write() as db:
        keep(db, rest, uuid7)
    have, want = stored_forest(store, forum.id), expected(batch, moves)
    assert have[0].parents == want[0].parents
    assert have[0].ghosts == want[0].ghosts
    assert have[2] == want[2]
    assert have[1] == want[1]
