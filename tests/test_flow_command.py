"""Commands by mail at the desk: what is done, by whom, and which letter says so; on both engines."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import update
from uuid_utils.compat import uuid7

from gateway.flow.compose import confirm_address
from gateway.flow.deliver import deliver
from gateway.flow.desk import Desk, attend
from gateway.flow.handlers import HANDLERS
from gateway.flow.proving import Means
from gateway.flow.publish import publish
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.flow.reindex import reindex
from gateway.mail.address import Address, parse_address
from gateway.mail.envelope import Envelope, Raw, Via
from gateway.mail.forum import Forum, Member, Rhythm, Role, Standing, Who
from gateway.mail.token import read_token
from gateway.store import roster, shelf
from gateway.store.engine import Store
from gateway.store.keep import MAIL
from gateway.store.outbox import LETTER
from gateway.store.pending import PENDING
from gateway.store.roster import MEMBER
from gateway.store.writer import Writer
from tests.test_flow_publish import EVENING, FORUM, KEY, FakeCourier, office, parse, reader_in
from tests.test_store import incoming, mail_bytes, put, quiet_log, rows  # noqa: F401 - a fixture

ANN = replace(reader_in("Europe/London"), address=Address("ann", "x.example"), handle="Ann", badge="Silver badge")
BOB = replace(reader_in("America/New_York"), address=Address("bob", "y.example"), handle="Bob")
HANNA = replace(reader_in("Europe/Berlin"), address=Address("hanna", "z.example"), handle="Hanna", language="de")
HOUR = timedelta(hours=1)
Told = list[tuple[str, str]]


class Town:
    """A forum with three members; `mail` sends one and does what the tick does."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = EVENING
        self.count = 0

    def mail(
        self,
        body: str = "",
        subject: str = "",
        *,
        sender: str = "ann@x.example",
        proof: str = "auth",
        to: str = "town-request",
        **more: str,
    ) -> Told:
        """Recipient and text of each new letter."""
        self.count += 1
        data = mail_bytes(f"c{self.count}@x", subject, body, **{"From": f"Somebody <{sender}>", **more})
        receiver = Receiver(self.store, Writer(self.store, uuid7), Reader(), Means(key=KEY))
        destination = receiver.route(Address(to, "example.org"))
        assert destination is not None
        envelope = Envelope(reverse_path=parse_address(sender), forward_paths=(), received_at=self.now, via=Via.SMTP)
        receiver.submit(envelope, Raw.of(data), (destination,)).result(20)
        receiver.close()
        if proof:
            with self.store.write() as db:
                db.execute(update(MAIL).where(MAIL.c.msgid == f"c{self.count}@x").values(proof=proof))
        return self.tick()

    def tick(self) -> Told:
        known = {row.id for row in rows(self.store, LETTER)}
        reader = Reader()
        attend(Desk(self.store, KEY, self.now, uuid7, reader), self.forum, HANDLERS)
        reader.close()
        new = sorted((row for row in rows(self.store, LETTER) if row.id not in known), key=lambda row: row.id)
        return [(row.recipient, row.text) for row in new]

    @property
    def forum(self) -> Forum:
        return roster.list_forums(self.store)[0]

    def policy(self, **changes: object) -> None:
        roster.change_forum(self.store, replace(self.forum, policy=replace(self.forum.policy, **changes)))  # type: ignore[arg-type]

    def member(self, who: Member = ANN) -> Member:
        with self.store.read() as db:
            found = roster.member_of(db, FORUM.id, who.id)
        assert found is not None
        return found

    def confirm(self) -> Told:
        """What answering the last question does."""
        return self.mail("yes", to=f"town-confirm+{self.token()}", proof="")

    def token(self) -> str:
        """The one of the last question."""
        row = max(rows(self.store, PENDING), key=lambda row: row.id)
        return confirm_address(KEY, FORUM, row.id, row.at).local.partition("+")[2]

    def post(self, msgid: str, title: str, sender: str = "bob@y.example", body: str = "Words.", **more: str) -> str:
        """Posts and publishes; the marker."""
        data = mail_bytes(msgid, title, body, **{"From": f"Name <{sender}>", "Date": "Mon, 2 Mar 2026 20:00:00 +0000", **more})
        put(self.store, incoming(FORUM, data, received_at=self.now))
        publish(self.store, self.forum, self.now, uuid7)
        with self.store.read() as db:
            found = shelf.find_post(db, FORUM.id, msgid)
        assert found is not None
        return found.marker

    def carried(self, now: datetime | None = None) -> list[tuple[str, object]]:
        courier = FakeCourier()
        deliver(self.store, office(courier), now or self.now)
        return [(str(to), parse(raw)) for _, to, raw in courier.carried]

    def fates(self) -> list[str]:
        found = [row for row in rows(self.store, MAIL) if row.msgid.startswith("c")]
        return [row.reason for row in sorted(found, key=lambda row: row.id)]


@pytest.fixture
def town(store: Store) -> Town:
    return new_town(store)


def new_town(store: Store) -> Town:
    roster.add_forum(store, FORUM)
    roster.add_members(store, [ANN, BOB, HANNA])
    return Town(store)


def one(told: Told, to: Address = ANN.address) -> str:
    [(recipient, text)] = told
    assert recipient == str(to)
    return text


def test_settings_are_changed_and_told(town: Town) -> None:
    text = one(town.mail("set digest=weekly day=friday hour=7:30\npause 2 weeks\nThanks, Ann"))
    assert text.startswith(
        "Town Talk: about your mail\n\nHello Ann,\n\nThis is set for you now:\n\n  digest=weekly\n  hour=07:30\n  day=friday\n"
    )
    assert "No digest comes before Mon 16 Mar 2026." in text
    member = town.member()
    assert (member.rhythm, member.weekday, member.hour, member.minute) == (Rhythm.WEEKLY, 4, 7, 30)
    assert member.paused_until == date(2026, 3, 16)
    assert "Digests come to you again." in one(town.mail(subject="resume"))
    assert town.member().paused_until is None
    assert town.fates() == ["done", "done"]
    [(_, mail)] = town.carried()[:1]
    assert mail["Auto-Submitted"] == "auto-generated"  # type: ignore[index]


def test_who_asks_what_is_set_is_told_how_to_change_it(town: Town) -> None:
    text = one(town.mail(subject="set"))
    assert "This is set for you:\n\n  digest=daily\n" in text
    assert "set hour=18:00" in " ".join(text.split())


def test_a_language_is_spoken_at_once(town: Town) -> None:
    text = one(town.mail("einstellen sprache=de"))
    assert "Das ist jetzt für Sie eingestellt:" in text
    assert "Hallo Hanna" in one(town.mail("hilfe", sender="hanna@z.example"), HANNA.address)


def test_what_was_not_understood_is_told_by_its_place_and_never_quoted(town: Town) -> None:
    text = one(town.mail("pause tomorrow\nstatus\nhlep\nset digest=hourly hour=99\nset colour=mauve"))
    assert "Line 1: this is no date that we understand." in text
    assert "Line 3: this is no command that we know. Did you mean: help" in text
    assert "Line 4: hour cannot be that. It can be: 7:30" in text
    assert "Line 5: there is no such setting." in text
    assert "town-request@example.org" in text
    for word in ("tomorrow", "hlep", "99", "mauve"):
        assert word not in text
    assert town.member().rhythm is Rhythm.DAILY


def test_nothing_understood_is_answered_once_a_day(town: Town) -> None:
    assert "no command that we know" in one(town.mail("xyzzy", "plugh"))
    assert town.mail("xyzzy", "plugh") == []
    assert "Digests come" in one(town.mail("resume"))
    town.now += timedelta(days=1, minutes=1)
    assert len(town.mail("xyzzy")) == 1
    assert town.fates() == ["not understood", "not understood", "done", "not understood"]


HOSTILE = [
    "set digest=daily digest=off",
    "set role=owner standing=trusted badge=gold",
    "set zone=/etc/passwd",
    "'; DELETE FROM member; --",
    "{{ config }} {% for x in y %}",
    "get ../../secrets",
    "\u202eteg",
    "помоги пожалуйста",
    "unsubscribe bob@y.example",
    "leave bob@y.example\nleave hanna@z.example",
    "edit 00000000\nnew words",
    "set digest=off\nset digest=daily",
    "x" * 5000,
    "status " * 2000,
]


@pytest.mark.parametrize("body", HOSTILE, ids=[ascii(one[:30]) for one in HOSTILE])
def test_bad_input_gets_one_letter_and_changes_nothing(town: Town, body: str) -> None:
    before = sorted(map(tuple, rows(town.store, MEMBER)), key=repr)
    text = one(town.mail(body))
    assert body[:12] not in text
    assert sorted(map(tuple, rows(town.store, MEMBER)), key=repr) == before
    assert town.tick() == []


def test_a_quoted_command_does_nothing(town: Town) -> None:
    before = rows(town.store, MEMBER)
    body = "On Mon, 2 Mar 2026, Town wrote:\n> set digest=off\n> leave\n\n-- \nset digest=off"
    assert "no command in your mail" in one(town.mail(body, "Re: your letter"))
    assert rows(town.store, MEMBER) == before


@pytest.mark.parametrize(
    "fields",
    [{"Auto_Submitted": "auto-replied"}, {"Precedence": "bulk"}, {"List_Id": "<other.example>"}, {"From": "town@example.org"}],
)
def test_automatic_mail_is_never_answered(town: Town, fields: dict[str, str]) -> None:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    assert town.mail("help", **named) == []
    assert town.mail("leave", "help", **named) == []


def test_an_unproved_mail_changes_nothing_until_it_is_confirmed(town: Town) -> None:
    text = one(town.mail("set digest=off\nresume", proof=""))
    assert text.startswith(
        "Town Talk: was this you?\n\nHello Ann,\n\na mail in your name asked us for this:\n\n  other settings\n  digests again\n"
    )
    assert "off" not in text
    assert town.member() == ANN
    assert town.fates() == ["sender not proved"]
    assert town.mail("leave me alone\nset digest=off", proof="") == []
    [(to, mail)] = town.carried()
    token = re.match(r"town-confirm\+([a-z2-7]{37})@example\.org", str(mail["Reply-To"]))  # type: ignore[index]
    assert to == "ann@x.example"
    assert token
    claims = read_token(KEY, "confirm", FORUM.list_id, token[1], town.now)
    [waiting] = rows(town.store, PENDING)
    assert claims is not None
    assert waiting.id.bytes.endswith(claims.marker)
    assert (waiting.kind, waiting.expires_at) == ("command", EVENING + timedelta(days=7))
    assert "Digests come to you again." in one(town.confirm())
    assert town.member().has_digest


def test_help_is_for_everybody_and_little_else_for_strangers(town: Town) -> None:
    assert "set digest=weekly" in one(town.mail("help"))
    text = one(town.mail("help", sender="eve@evil.example", proof=""), Address("eve", "evil.example"))
    assert "town-join@example.org" in text
    assert "set digest" not in text
    assert town.mail("help", sender="eve@evil.example", proof="") == []
    for body in ("status", "get 00000000", "my posts", "export me", "rubbish", "", "leave"):
        assert town.mail(body, sender="mallory@evil.example", proof="dkim") == []
    town.policy(read=Who.MEMBERS)
    assert town.mail("help", sender="third@evil.example", proof="dkim") == []


def test_a_private_post_is_not_there(town: Town) -> None:
    marker = town.post("1@x", "Secret plans")
    town.policy(read=Who.EDITORS)
    for order in ("get", "thread", "follow", "mute"):
        there, nowhere = one(town.mail(f"{order} {marker}")), one(town.mail(f"{order} 00000000"))
        assert there == nowhere
        assert "Secret" not in there
    assert "Nothing has been posted since" in one(town.mail("since 2026-01-01"))
    with town.store.write() as db:
        roster.write_member(db, replace(ANN, role=Role.EDITOR))
    assert "Secret plans" in one(town.mail(f"follow {marker}"))


def test_house_rules(town: Town) -> None:
    assert "Be kind" in one(town.mail("rules"))
    town.policy(house_rules="1. No wombats.\n2. Be brief.")
    assert "1. No wombats.\n2. Be brief." in one(town.mail(subject="Re: rules"))


def test_own_posts_are_listed(town: Town) -> None:
    assert "not posted anything" in one(town.mail("my posts"))
    marker = town.post("1@x", "On wombats", "ann@x.example")
    other = town.post("2@x", "Not hers")
    text = one(town.mail("my posts"))
    assert f"  #{marker}  Mon 2 Mar 2026  On wombats" in text
    assert other not in text


def test_a_handle_is_changed_after_a_warning(town: Town) -> None:
    text = one(town.mail("handle Annie Oakley"))
    assert "badge and standing stay behind" in text
    assert "Annie" not in text
    assert town.member().handle == "Ann"
    assert "your name here is Annie Oakley" in one(town.confirm())
    member = town.member()
    assert (member.handle, member.badge, member.standing) == ("Annie Oakley", "", Standing.NEW)
    for name, why in (
        ("B0b", "Somebody has that name"),
        ("Bоb", "several scripts"),
        ("Moderator", "kept for the site"),
        ("a@b", "signs"),
    ):
        town.now += timedelta(days=1)
        town.mail(f"handle {name}")
        assert why in one(town.confirm()), name
    assert town.member().handle == "Annie Oakley"


def test_who_wants_to_be_forgotten_is(town: Town) -> None:
    marker = town.post("1@x", "Mine", "ann@x.example", body="My words.")
    town.mail(f"follow {marker}")
    assert "cannot be undone" in one(town.mail("forget me"))
    assert town.member().address == ANN.address
    assert "lost your name" in one(town.confirm())
    gone = town.member()
    assert (gone.handle, gone.has_digest, gone.badge, gone.others) == ("former member", False, "", ())
    assert gone.address.domain == "invalid"
    with town.store.read() as db:
        assert roster.member_with_key(db, FORUM.id, ANN.address.key) is None
        post = shelf.find_post(db, FORUM.id, marker)
    assert post is not None
    assert "ann" not in f"{post.author_key}{post.author_name}"
    assert reindex(town.store, FORUM, uuid7) == 0
    text = town.mail(f"thread {marker}", sender="bob@y.example")[0][1]
    assert "former member" in text
    assert "My words." in text
    assert town.mail("status") == []


def test_an_export_holds_what_is_ones_own(town: Town) -> None:
    import io
    import json
    import zipfile

    marker = town.post("1@x", "Mine", "ann@x.example", body="My words.")
    other = town.post("2@x", "Not mine")
    town.mail("export me")
    [(to, mail)] = town.carried()
    assert to == "ann@x.example"
    [file] = mail.iter_attachments()  # type: ignore[attr-defined]
    archive = zipfile.ZipFile(io.BytesIO(file.get_content()))
    assert sorted(archive.namelist()) == [f"posts/{marker}.eml", "settings.json"]
    assert b"My words." in archive.read(f"posts/{marker}.eml")
    settings = json.loads(archive.read("settings.json"))
    assert (settings["address"], settings["handle"]) == ("ann@x.example", "Ann")
    assert other not in json.dumps(settings)


def test_nothing_is_done_twice(town: Town) -> None:
    assert len(town.mail("status")) == 1
    assert town.tick() == []
