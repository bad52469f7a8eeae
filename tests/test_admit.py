"""Who may come in: each rule of the chain, their order, and which address stands for what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from gateway.admit.chain import HEADER_MAX, HOPS_MAX, LIVE, Case, decide
from gateway.admit.route import destination_of
from gateway.mail.address import Address
from gateway.mail.envelope import Envelope, Via
from gateway.mail.forum import Destination, Forum, Member, Policy, Posting, Purpose, Role, Standing, Who
from gateway.mail.message import Automation, Message, Span, SpanKind
from gateway.mail.token import make_token
from gateway.mail.verdict import ACCEPTED, Reason, Verdict
from gateway.people.sender import NOBODY, Proof, Sender

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ANN = Address("ann", "sender.example")
TOKEN = "abcdefghijklmnopqrstuvwxyz234567abcde"


def make_forum(name: str, domain: str = "gw.example", mirrors: tuple[str, ...] = ()) -> Forum:
    return Forum(id=UUID(int=len(name)), name=name, domain=domain, title=name, mirrors=mirrors)


TOWN = make_forum("town", mirrors=("mirrored.lists.example",))
FLOODED = replace(TOWN, flooded_at=NOON)


OPEN = Policy()


def case(
    *,
    reverse_path: Address | None = ANN,
    purpose: Purpose = Purpose.POST,
    forum: Forum = TOWN,
    token: str = "",
    via: Via = Via.SMTP,
    policy: Policy = OPEN,
    sender: Sender = NOBODY,
    starts_thread: bool = False,
    is_locked: bool = False,
    is_over_limit: bool = False,
    **message: object,
) -> Case:
    values: dict[str, object] = {
        "msgid": "1@x",
        "content_hash": b"1" * 32,
        "author_name": "Ann",
        "author_address": ANN,
        "subject": "s",
        "date": NOON,
        "ancestors": (),
    }
    envelope = Envelope(reverse_path=reverse_path, forward_paths=(TOWN.address,), received_at=NOON, via=via)
    forum = forum if policy is OPEN else replace(forum, policy=policy)
    destination = Destination(address=TOWN.address, forum=forum, purpose=purpose, token=token)
    known = {"starts_thread": starts_thread, "is_locked": is_locked, "is_over_limit": is_over_limit}
    return Case(envelope, Message(**(values | message)), destination, sender, **known)  # type: ignore[arg-type]


def by(
    standing: Standing = Standing.TRUSTED, role: Role = Role.MEMBER, *, proof: Proof = Proof.DKIM, accepted: int = 0
) -> Sender:
    member = Member(
        id=UUID(int=7),
        forum_id=TOWN.id,
        address=ANN,
        handle="Ann",
        badge="",
        zone=ZoneInfo("UTC"),
        hour=7,
        form="plain",
        has_digest=False,
        standing=standing,
        role=role,
    )
    return Sender(member, proof, accepted)


PROVED = Policy(posting=Posting.PROVED, newcomer_posts=5)
MEMBERS = Policy(posting=Posting.MEMBERS, newcomer_posts=5)
EDITORS = Policy(start=Who.EDITORS)
NEW, PROBATION, BANNED = Standing.NEW, Standing.PROBATION, Standing.BANNED


KNOWN = Sender(
    Member(
        id=UUID(int=7),
        forum_id=TOWN.id,
        address=ANN,
        handle="Ann",
        badge="",
        zone=ZoneInfo("UTC"),
        hour=7,
        form="html",
        has_digest=True,
    ),
    Proof.DKIM,
)
REPORTS = (Span(SpanKind.TEXT, "report: it sells wombats"),)
PLUS_ONE = (Span(SpanKind.QUOTE, "A wombat?", 1), Span(SpanKind.TEXT, "+1"))
OF_NOBODY = make_token(b"k" * 32, "bounces", "town.gw.example", marker=bytes(6), member=bytes(4), expires=NOON.date())
LEAVE = {"purpose": Purpose.LEAVE, "token": TOKEN}
# In the order of the chain, each with what makes it hit.
HITS: list[tuple[str, dict[str, object], Verdict, Reason]] = [
    ("hops", {"received_count": HOPS_MAX + 1}, Verdict.REFUSE, Reason.LOOP),
    ("header_size", {"header_size": HEADER_MAX + 1}, Verdict.REFUSE, Reason.HEADER_TOO_LARGE),
    ("bounce", {"purpose": Purpose.BOUNCES}, Verdict.DISCARD, Reason.BOUNCE),
    ("bounce", {"purpose": Purpose.BOUNCES, "token": OF_NOBODY, "reverse_path": None}, Verdict.REFUSE, Reason.BOUNCE),
    ("leaving", LEAVE, Verdict.HOLD, Reason.LEAVING),
    (
        "leaving",
        {**LEAVE, "precedence": "bulk", "list_ids": ("town.gw.example",)},
        Verdict.HOLD,
        Reason.LEAVING,
    ),
    (
        "leaving",
        {**LEAVE, "auto_submitted": "auto-replied"},
        Verdict.HOLD,
        Reason.LEAVING_BY_PROGRAM,
    ),
    ("leaving", {**LEAVE, "reverse_path": None}, Verdict.HOLD, Reason.LEAVING_BY_PROGRAM),
    (
        "leaving",
        {**LEAVE, "automation": Automation.LIKELY},
        Verdict.HOLD,
        Reason.LEAVING_BY_PROGRAM,
    ),
    ("nameless", {"purpose": Purpose.ANONYMOUS}, Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED),
    ("nameless", {"wants_anonymity": True}, Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED),
    ("nameless", {"purpose": Purpose.OWNER, "wants_anonymity": True}, Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED),
    ("nameless", {"purpose": Purpose.ANONYMOUS, "reverse_path": None}, Verdict.REFUSE, Reason.AUTOMATIC),
    ("nameless", {"purpose": Purpose.WITHDRAW}, Verdict.HOLD, Reason.WITHDRAWAL),
    ("nameless", {"purpose": Purpose.WITHDRAW, "automation": Automation.LIKELY}, Verdict.REFUSE, Reason.AUTOMATIC),
    ("own_list", {"list_ids": ("other.example", "town.gw.example")}, Verdict.DISCARD, Reason.OWN_LIST),
    ("automatic", {"auto_submitted": "auto-replied"}, Verdict.DISCARD, Reason.AUTOMATIC),
    ("automatic", {"automation": Automation.CERTAIN}, Verdict.DISCARD, Reason.AUTOMATIC),
    ("automatic", {"reverse_path": None}, Verdict.DISCARD, Reason.AUTOMATIC),
    ("unreadable", {"is_unreadable": True}, Verdict.HOLD, Reason.UNREADABLE),
    ("for_owner", {"purpose": Purpose.OWNER}, Verdict.HOLD, Reason.FOR_OWNER),
    ("other_list", {"list_ids": ("other.example",)}, Verdict.HOLD, Reason.OTHER_LIST),
    ("maybe_automatic", {"automation": Automation.LIKELY}, Verdict.HOLD, Reason.MAYBE_AUTOMATIC),
    *(("bulk", {"precedence": word}, Verdict.HOLD, Reason.BULK) for word in ("bulk", "junk", "list")),
    ("for_desk", {"purpose": Purpose.DIGEST}, Verdict.HOLD, Reason.DIGEST_ANSWER),
    ("for_desk", {"purpose": Purpose.REQUEST}, Verdict.HOLD, Reason.COMMAND),
    ("for_desk", {"purpose": Purpose.JOIN}, Verdict.HOLD, Reason.COMMAND),
    ("for_desk", {"purpose": Purpose.LEAVE}, Verdict.HOLD, Reason.COMMAND),
    ("for_desk", {"purpose": Purpose.CONFIRM}, Verdict.HOLD, Reason.CONFIRMATION),
    ("for_desk", {"purpose": Purpose.UP}, Verdict.HOLD, Reason.VOTE),
    ("for_desk", {"purpose": Purpose.DOWN}, Verdict.HOLD, Reason.VOTE),
    ("for_desk", {"purpose": Purpose.REPORT}, Verdict.HOLD, Reason.REPORT),
    ("for_desk", {"purpose": Purpose.CASE}, Verdict.HOLD, Reason.RULING),
    ("to_digest", {"ancestors": ("digest.2026-01-02.0@gw.example",)}, Verdict.HOLD, Reason.DIGEST_ANSWER),
    ("to_digest", {"subject": "Re: town Digest, Issue 7: 3 new"}, Verdict.HOLD, Reason.DIGEST_ANSWER),
    ("vote", {"sender": KNOWN, "spans": PLUS_ONE, "ancestors": ("0@x",)}, Verdict.HOLD, Reason.VOTE),
    ("vote", {"sender": KNOWN, "spans": PLUS_ONE, "purpose": Purpose.ENTRY}, Verdict.HOLD, Reason.VOTE),
    ("report", {"sender": by(proof=Proof.TOKEN), "spans": REPORTS, "purpose": Purpose.ENTRY}, Verdict.HOLD, Reason.REPORT),
    ("stranger", {"policy": PROVED}, Verdict.HOLD, Reason.STRANGER),
    ("stranger", {"policy": MEMBERS, "sender": Sender(None, Proof.DKIM)}, Verdict.HOLD, Reason.STRANGER),
    ("stranger", {"policy": PROVED, "purpose": Purpose.ENTRY, "token": TOKEN}, Verdict.HOLD, Reason.STRANGER),
    *(
        ("unproved", {"policy": PROVED, "sender": by(standing, role, proof=Proof.NONE)}, Verdict.HOLD, Reason.UNPROVED)
        for standing in Standing
        for role in Role
    ),
    ("banned", {"policy": PROVED, "sender": by(BANNED)}, Verdict.REFUSE, Reason.BANNED),
    ("banned", {"policy": MEMBERS, "sender": by(BANNED, proof=Proof.NONE)}, Verdict.REFUSE, Reason.BANNED),
    ("right", {"policy": EDITORS, "starts_thread": True}, Verdict.HOLD, Reason.NO_RIGHT),
    ("right", {"policy": EDITORS, "starts_thread": True, "sender": by()}, Verdict.HOLD, Reason.NO_RIGHT),
    ("right", {"policy": Policy(comment=Who.MEMBERS)}, Verdict.HOLD, Reason.NO_RIGHT),
    ("right", {"policy": Policy(comment=Who.OWNERS), "sender": by(role=Role.EDITOR)}, Verdict.HOLD, Reason.NO_RIGHT),
    ("newcomer", {"policy": PROVED, "sender": by(NEW, accepted=4)}, Verdict.HOLD, Reason.NEWCOMER),
    ("newcomer", {"policy": MEMBERS, "sender": by(NEW, proof=Proof.NONE)}, Verdict.HOLD, Reason.NEWCOMER),
    ("probation", {"policy": PROVED, "sender": by(PROBATION, accepted=9)}, Verdict.HOLD, Reason.PROBATION),
    ("locked", {"is_locked": True}, Verdict.HOLD, Reason.LOCKED),
    ("locked", {"is_locked": True, "policy": PROVED, "sender": by()}, Verdict.HOLD, Reason.LOCKED),
    ("too_many", {"is_over_limit": True, "policy": PROVED, "sender": by()}, Verdict.DEFER, Reason.TOO_MANY),
    ("flood", {"forum": FLOODED}, Verdict.HOLD, Reason.FLOOD),
]
# What looks like a vote or a report and is a comment.
COMMENTS: list[dict[str, object]] = [
    {"sender": KNOWN, "spans": PLUS_ONE},
    {"sender": Sender(KNOWN.member), "spans": PLUS_ONE, "ancestors": ("0@x",)},
    {"sender": Sender(None, Proof.DKIM), "spans": PLUS_ONE, "ancestors": ("0@x",)},
    {"sender": KNOWN, "spans": (Span(SpanKind.TEXT, "+1, as I said."),), "ancestors": ("0@x",)},
    {"spans": PLUS_ONE, "ancestors": ("0@x",)},
    {"sender": by(proof=Proof.TOKEN), "spans": REPORTS, "ancestors": ("0@x",)},
    {"sender": by(), "spans": REPORTS, "purpose": Purpose.ENTRY},
]


@pytest.mark.parametrize("facts", COMMENTS)
def test_no_vote(facts: dict[str, object]) -> None:
    assert decide(case(**facts)) == ACCEPTED  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "facts", "verdict", "reason"), HITS)
@pytest.mark.parametrize("via", [Via.SMTP, Via.LMTP])
def test_rule_hits(name: str, facts: dict[str, object], verdict: Verdict, reason: Reason, via: Via) -> None:
    judged = case(**facts, via=via)  # type: ignore[arg-type]
    decision = decide(judged)
    assert (decision.verdict, decision.reason) == (verdict, reason)
    assert next(rule.__name__ for rule in LIVE if rule(judged) is not None) == name


def test_every_rule_has_a_row() -> None:
    assert list(dict.fromkeys(name for name, *_ in HITS)) == [rule.__name__ for rule in LIVE]


def test_the_first_rule_that_hits_decides() -> None:
    """All that may come together, does; then one cause after the other is taken away."""
    facts: dict[str, object] = {
        "received_count": HOPS_MAX + 1,
        "header_size": HEADER_MAX + 1,
        "list_ids": ("town.gw.example",),
        "auto_submitted": "auto-replied",
        "is_unreadable": True,
        "purpose": Purpose.OWNER,
        "precedence": "bulk",
    }
    innocent: dict[str, object] = {
        "received_count": 0,
        "header_size": 0,
        "list_ids": ("other.example",),
        "auto_submitted": "no",
        "is_unreadable": False,
        "purpose": Purpose.POST,
    }
    reasons = [decide(case(**facts)).reason]  # type: ignore[arg-type]
    for name, value in innocent.items():
        facts[name] = value
        reasons.append(decide(case(**facts)).reason)  # type: ignore[arg-type]
    assert reasons == [
        Reason.LOOP,
        Reason.HEADER_TOO_LARGE,
        Reason.OWN_LIST,
        Reason.AUTOMATIC,
        Reason.UNREADABLE,
        Reason.FOR_OWNER,
        Reason.OTHER_LIST,
    ]
    assert decide(case(**(facts | {"list_ids": ()}))).reason is Reason.BULK  # type: ignore[arg-type]
    assert decide(case(**(facts | {"list_ids": (), "precedence": ""}))) == ACCEPTED  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"received_count": HOPS_MAX, "header_size": HEADER_MAX},
        {"auto_submitted": "no"},
        {"precedence": "first-class"},
        {"list_ids": ("mirrored.lists.example",)},
        {"list_ids": ("other.example", "mirrored.lists.example"), "precedence": "list"},
        {"policy": PROVED, "sender": by()},
        {"policy": PROVED, "sender": by(), "purpose": Purpose.ENTRY, "token": TOKEN},
        {"policy": PROVED, "sender": by(NEW, accepted=5)},
        {"policy": replace(PROVED, newcomer_posts=0), "sender": by(NEW)},
        {"policy": PROVED, "sender": by(NEW, Role.EDITOR)},
        {"policy": PROVED, "sender": by(PROBATION, Role.MODERATOR)},
        {"policy": PROVED, "sender": by(BANNED, Role.OWNER)},
        {"policy": MEMBERS, "sender": by(proof=Proof.NONE)},
        {"policy": EDITORS},
        {"forum": FLOODED, "sender": by(role=Role.OWNER)},
        {"policy": EDITORS, "starts_thread": True, "sender": by(role=Role.MODERATOR)},
        {"policy": Policy(start=Who.OWNERS), "starts_thread": True, "sender": by(role=Role.OWNER)},
        {"policy": Policy(comment=Who.OWNERS), "starts_thread": True},
        # Nobody is looked up where everybody may post; and a list that is mirrored vouches for its authors.
        *({"sender": by(standing, proof=Proof.NONE)} for standing in Standing),
        {"policy": PROVED, "list_ids": ("mirrored.lists.example",), "is_locked": True, "is_over_limit": True},
        {"policy": replace(PROVED, start=Who.OWNERS), "starts_thread": True, "list_ids": ("mirrored.lists.example",)},
    ],
)
def test_accepted(facts: dict[str, object]) -> None:
    assert decide(case(**facts)) == ACCEPTED  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "facts", "verdict", "reason"), HITS)
def test_an_import_takes_all_that_can_be_read(name: str, facts: dict[str, object], verdict: Verdict, reason: Reason) -> None:
    decision = decide(case(**facts, via=Via.IMPORT))  # type: ignore[arg-type]
    assert decision == ACCEPTED if name != "unreadable" else (decision.verdict, decision.reason) == (verdict, reason)


FORUMS = {
    str(forum.address): forum
    for forum in (
        make_forum("town"),
        make_forum("town-owner"),
        make_forum("town-hall"),
        make_forum("town.hall"),
        make_forum("a-b.c-d"),
        make_forum("d"),
        make_forum("town", "other.example"),
    )
}

ROUTES = [
    ("town@gw.example", "town", Purpose.POST),
    ("TOWN@GW.example", "town", Purpose.POST),
    ("town-request@gw.example", "town", Purpose.REQUEST),
    ("town+request@gw.example", "town", Purpose.REQUEST),
    ("Town-Subscribe@gw.example", "town", Purpose.JOIN),
    ("town-unsubscribe@gw.example", "town", Purpose.LEAVE),
    ("town-join@gw.example", "town", Purpose.JOIN),
    ("town-leave@gw.example", "town", Purpose.LEAVE),
    ("town-bounces@gw.example", "town", Purpose.BOUNCES),
    # The longest name wins, though "owner" is a word of the shorter one.
    ("town-owner@gw.example", "town-owner", Purpose.POST),
    ("town+owner@gw.example", "town", Purpose.OWNER),
    ("town-owner-owner@gw.example", "town-owner", Purpose.OWNER),
    ("town-hall-leave@gw.example", "town-hall", Purpose.LEAVE),
    ("town.hall-owner@gw.example", "town.hall", Purpose.OWNER),
    ("a-b.c-d@gw.example", "a-b.c-d", Purpose.POST),
    ("a-b.c-d+owner@gw.example", "a-b.c-d", Purpose.OWNER),
    ("postmaster@gw.example", "a-b.c-d", Purpose.OWNER),
    ("ABUSE@gw.example", "a-b.c-d", Purpose.OWNER),
    ("postmaster@other.example", "town", Purpose.OWNER),
    (f"town+d-{TOKEN}@gw.example", "town", Purpose.DIGEST),
    (f"town-d-{TOKEN}@gw.example", "town", Purpose.DIGEST),
    (f"TOWN+D-{TOKEN.upper()}@GW.EXAMPLE", "town", Purpose.DIGEST),
    (f"town-hall+d+{TOKEN}@gw.example", "town-hall", Purpose.DIGEST),
    (f"town-bounces+{TOKEN}@gw.example", "town", Purpose.BOUNCES),
    (f"town+bounces-{TOKEN}@gw.example", "town", Purpose.BOUNCES),
    (f"town-leave+{TOKEN}@gw.example", "town", Purpose.LEAVE),
    (f"town+c-{TOKEN}@gw.example", "town", Purpose.ENTRY),
    (f"town+up-{TOKEN}@gw.example", "town", Purpose.UP),
    (f"town-down+{TOKEN}@gw.example", "town", Purpose.DOWN),
    (f"town+report-{TOKEN}@gw.example", "town", Purpose.REPORT),
    (f"town-confirm+{TOKEN}@gw.example", "town", Purpose.CONFIRM),
    (f"town+case-{TOKEN}@gw.example", "town", Purpose.CASE),
    ("town+anon@gw.example", "town", Purpose.ANONYMOUS),
    (f"town-undo+{TOKEN}@gw.example", "town", Purpose.WITHDRAW),
    (f"TOWN+LEAVE-{TOKEN.upper()}@gw.example", "town", Purpose.LEAVE),
    # A forum that is called like a word of ours.
    (f"d+d-{TOKEN}@gw.example", "d", Purpose.DIGEST),
]


@pytest.mark.parametrize(("text", "name", "purpose"), ROUTES)
def test_route(text: str, name: str, purpose: Purpose) -> None:
    local, _, domain = text.partition("@")
    found = destination_of(Address(local, domain), FORUMS)
    assert found is not None
    assert (found.forum.name, found.forum.domain, found.purpose) == (name, domain.lower(), purpose)
    assert found.address.local == local
    assert found.token == (TOKEN if TOKEN in text.lower() else "")


@pytest.mark.parametrize(
    "text",
    [
        "nobody@gw.example",
        "town@elsewhere.example",
        "postmaster@elsewhere.example",
        "town-@gw.example",
        "town+@gw.example",
        "towns@gw.example",
        "tow@gw.example",
        "town-unknown@gw.example",
        "town.owner@gw.example",
        "town-owner2@gw.example",
        "town-d-short@gw.example",
        f"town-d@gw.example-{TOKEN}.example",
        f"town+d-{TOKEN}x@gw.example",
        f"town+d-{TOKEN[:-1]}1@gw.example",
        f"town+d{TOKEN}@gw.example",
        f"town+x-{TOKEN}@gw.example",
        f"town-request+{TOKEN}@gw.example",
        f"town-leave+{TOKEN}x@gw.example",
        "xtown@gw.example",
        "town%gw.example@gw.example",
        "postmaster-owner@gw.example",
    ],
)
def test_what_is_not_in_the_table_is_not_ours(text: str) -> None:
    local, _, domain = text.rpartition("@")
    assert destination_of(Address(local, domain), FORUMS) is None
