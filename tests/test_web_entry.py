"""The page of an entry: what it shows and to whom, what a POST does, once, and by the rules that hold for mail."""

from __future__ import annotations

import asyncio
import email
import re
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp
from uuid_utils.compat import uuid7

from gateway.flow.alter import make
from gateway.flow.anonymous import Keys
from gateway.flow.locking import lock
from gateway.flow.proving import Means
from gateway.flow.publish import publish
from gateway.flow.reading import Reader
from gateway.flow.receive import Receiver
from gateway.mail.forum import Forum, Member, Posting, Role, Standing, Who
from gateway.mail.piece import Alteration
from gateway.mail.token import make_token, marker_bytes
from gateway.mail.verdict import Decision, Reason, Verdict
from gateway.render.entry_page import Outcome
from gateway.store import roster, shelf, votes
from gateway.store.cases import REPORT
from gateway.store.engine import Store, StoreTrouble
from gateway.store.keep import JOURNAL, MAIL
from gateway.store.roster import MEMBER
from gateway.store.votes import VOTE
from gateway.store.writer import Writer
from gateway.web.entry import BODY_MAX, outcome_of
from gateway.web.forms import FIELDS_MAX
from tests.cases import AUTHOR, DAY, KEY, NOON, READER, TOWN, fate, find, make_town, member, post
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture
from tests.test_web import FORM, MULTIPART, Answer, Elements, app_of, ask

ANN = replace(READER, id=uuid7(), has_digest=True, handle="Ann", address=replace(READER.address, local="ann"))
HERE = replace(TOWN, policy=replace(TOWN.policy, posting=Posting.PROVED))
HIDDEN = replace(TOWN, id=uuid7(), name="hidden", title="Hidden", policy=replace(TOWN.policy, read=Who.OWNERS))
NEW = member("Newt", standing=Standing.NEW, has_digest=True)
BANNED = member("Bad", standing=Standing.BANNED, has_digest=True)
GONE = member("Gone")
EDITOR = member("Ed", Role.EDITOR, has_digest=True)
BEGUN = str(int(NOON.timestamp()))


def token(
    marker: str,
    who: Member = ANN,
    *,
    key: bytes = KEY,
    purpose: str = "page",
    forum: Forum = TOWN,
    expires: timedelta = DAY,
) -> str:
    data = marker_bytes(marker)
    assert data is not None
    last = (NOON + expires).date()
    return make_token(key, purpose, forum.list_id, marker=data, member=who.id.bytes[-4:], expires=last)


def path_of(marker: str, who: Member = ANN, **more: object) -> str:
    return f"/entry/{TOWN.list_id}/{token(marker, who, **more)}"  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Town:
    """A forum with a published post, its pages, and the way in."""

    store: Store
    app: ASGIApp
    marker: str

    def post(self, path: str = "", **fields: str) -> Answer:
        body = urlencode(fields).encode()
        return ask(self.app, "POST", path or path_of(self.marker), body, content_type=FORM)

    def answer(self, text: str, who: Member = ANN, begun: str = BEGUN) -> str:
        """What the page says that happened."""
        return heading(self.post(path_of(self.marker, who), act="answer", text=text, begun=begun))


@pytest.fixture
def town(store: Store) -> Iterator[Town]:
    make_town(store, ANN, AUTHOR, NEW, BANNED, GONE, EDITOR, forum=HERE)
    marker = post(store, "1@x", subject="A <b>bench</b>", body="Where?\r\n<script>x</script> http://a.example/b\r\n\r\nThere.")
    publish(store, TOWN, NOON, uuid7)
    receiver = Receiver(
        store, Writer(store, uuid7), Reader(), Means(key=KEY, posts_of_member=4), keys=Keys(lambda _: KEY, lambda: KEY)
    )
    yield Town(store, app_of(store, NOON, receiver), marker)
    receiver.close()


def heading(answer: Answer) -> str:
    return re.findall(r"<h1>(.*?)</h1>", answer.text)[0]


def state(store: Store) -> list[object]:
    return [sorted(map(tuple, rows(store, table)), key=repr) for table in (MAIL, MEMBER, JOURNAL, VOTE, REPORT)]


def test_looking_shows_the_comment_and_changes_nothing(town: Town) -> None:
    before = state(town.store)
    looked = ask(town.app, "GET", path_of(town.marker))
    assert ask(town.app, "HEAD", path_of(town.marker)).status == looked.status == 200
    assert state(town.store) == before
    assert "<h2>A &lt;b&gt;bench&lt;/b&gt;</h2>" in looked.text
    assert "&lt;script&gt;x&lt;/script&gt;" in looked.text
    assert '<a class="link" href="http://a.example/b">' in looked.text
    assert "It is posted as Ann" in looked.text
    assert str(AUTHOR.address) not in looked.text
    assert token(town.marker) not in looked.text


def test_a_page_keeps_to_the_policy(town: Town) -> None:
    for answer in (ask(town.app, "GET", path_of(town.marker)), town.post(act="up"), ask(town.app, "GET", "/entry/x/y")):
        page = Elements(answer.text)
        names = [name for name, _ in page.found]
        assert not set(names) & {"script", "img", "link", "iframe", "object"}
        assert not any({"style", "src", "action"} & attributes.keys() for _, attributes in page.found)
        assert [names.count(name) for name in ("main", "h1", "title")] == [1, 1, 1]
        labelled = {attributes.get("for") for name, attributes in page.found if name == "label"}
        fields = [attributes for name, attributes in page.found if name in ("textarea", "input")]
        assert all(one.get("type") == "hidden" or one["id"] in labelled for one in fields)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not answer.headers.keys() & {"set-cookie", "location"}


def test_an_answer_is_a_mail_under_the_comment(town: Town) -> None:
    assert town.answer("Under the old tree.\r\n\r\nÜber dem Fluß\r\nFrom here\r\n") == "Your answer is posted"
    [row] = [row for row in rows(town.store, MAIL) if row.msgid.startswith("web.")]
    assert (row.via, row.proof, row.reverse_path) == ("web", "token", str(ANN.address))
    with town.store.read() as db:
        mail = email.message_from_bytes(shelf.raw_of(db, TOWN.id, row.id))
    assert mail["From"] == f'"Ann" <{ANN.address}>'
    assert mail["To"].startswith("town+c-")
    assert (mail["In-Reply-To"], mail["Date"]) == ("<1@x>", "Mon, 2 Mar 2026 12:00:00 +0000")
    assert mail["Subject"] == "Re: A <b>bench</b>"
    assert mail.get_payload(decode=True) == "Under the old tree.\r\n\r\nÜber dem Fluß\r\nFrom here\r\n".encode()  # type: ignore[comparison-overlap]
    below = find(town.store, row.msgid)
    assert (below.parent, below.author_key, below.author_name) == ("1@x", ANN.address.key, "Ann")


def test_a_second_time_nothing_is_posted(town: Town) -> None:
    assert town.answer("Once.") == "Your answer is posted"
    before = state(town.store)
    assert town.answer("Once.") == "Your answer has come in before"
    assert state(town.store) == before
    assert town.answer("Once.", begun="later") == "Your answer has come in before"
    assert town.answer("Twice.") == "Your answer is posted"


def test_two_clicks_at_once_post_one(town: Town) -> None:
    body = urlencode({"act": "answer", "text": "Once.", "begun": BEGUN}).encode()

    def click() -> str:
        return heading(ask(town.app, "POST", path_of(town.marker), body, content_type=FORM))

    async def both() -> set[str]:
        return set(await asyncio.gather(asyncio.to_thread(click), asyncio.to_thread(click)))

    assert asyncio.run(both()) == {"Your answer is posted", "Your answer has come in before"}
    assert sum(row.msgid.startswith("web.") for row in rows(town.store, MAIL)) == 1


@pytest.mark.parametrize("begun", ["", "x", "-1", "9" * 30, "1772000000", "1782000000"])
def test_a_page_cannot_date_an_answer_far_off(town: Town, begun: str) -> None:
    town.answer("When?", begun=begun)
    [row] = [row for row in rows(town.store, MAIL) if row.msgid.startswith("web.")]
    assert NOON - DAY <= find(town.store, row.msgid).date <= NOON


@pytest.mark.parametrize(
    ("who", "text", "said", "status"),
    [
        (NEW, "Hello.", "Your answer waits for a moderator", 200),
        (BANNED, "Hello.", "Your answer was not taken", 403),
        (ANN, "+1", "Your answer is taken as a vote", 200),
        (ANN, " \r\n\r\n", "Nothing was posted", 400),
        (ANN, "", "Nothing was posted", 400),
    ],
)
def test_the_rules_for_mail_hold(town: Town, who: Member, text: str, said: str, status: int) -> None:
    answer = town.post(path_of(town.marker, who), act="answer", text=text, begun=BEGUN)
    assert (heading(answer), answer.status) == (said, status)
    assert not [row for row in rows(town.store, MAIL) if row.msgid.startswith("web.") and row.verdict == "accept"]
    assert ("Hello.</textarea>" in answer.text) == (status == 403)


def test_a_locked_thread_waits(town: Town) -> None:
    with town.store.write() as db:
        lock(db, TOWN, find(town.store, "1@x").thread_id, NOON, uuid7, "Mo")
    assert town.answer("Too late.") == "Your answer waits for a moderator"


def test_too_many_an_hour_come_back_later(town: Town) -> None:
    assert {town.answer(f"Answer {number}.") for number in range(4)} == {"Your answer is posted"}
    answer = town.post(act="answer", text="One more.", begun=BEGUN)
    assert (answer.status, heading(answer)) == (429, "Your answer was not taken")
    assert "One more.</textarea>" in answer.text


@pytest.mark.parametrize(
    ("decision", "outcome"),
    [
        (Decision(Verdict.ACCEPT, Reason.POSTED), Outcome.POSTED),
        (Decision(Verdict.HOLD, Reason.LOCKED), Outcome.WAITS),
        (Decision(Verdict.REFUSE, Reason.UNREADABLE), Outcome.UNREADABLE),
        (Decision(Verdict.REFUSE, Reason.RULE), Outcome.REFUSED),
        (Decision(Verdict.DISCARD, Reason.RULE), Outcome.REFUSED),
        (Decision(Verdict.DEFER, Reason.TOO_MANY), Outcome.TOO_MANY),
        (Decision(Verdict.DEFER, Reason.NO_SPACE), Outcome.TROUBLE),
    ],
)
def test_what_is_said_of_a_decision(decision: Decision, outcome: Outcome) -> None:
    assert outcome_of(decision) is outcome


class Broken:
    """A store that takes nothing."""

    def submit(self, *_mail: object) -> Future[tuple[Decision, ...]]:
        future: Future[tuple[Decision, ...]] = Future()
        future.set_exception(StoreTrouble("secret"))
        return future


def test_trouble_gives_the_text_back(town: Town) -> None:
    body = urlencode({"act": "answer", "text": "Long </textarea> text", "begun": BEGUN}).encode()
    broken = app_of(town.store, NOON + timedelta(minutes=1), Broken())
    answer = ask(broken, "POST", path_of(town.marker), body, content_type=FORM)
    assert (answer.status, heading(answer)) == (503, "Your answer was not taken")
    assert "Long &lt;/textarea&gt; text</textarea>" in answer.text
    # The next try is the same mail.
    assert f'name="begun" value="{BEGUN}"' in answer.text
    assert "secret" not in answer.text


def test_votes(town: Town) -> None:
    up = town.post(act="up")
    assert (heading(up), "1 up" in up.text) == ("Your vote counts: +1", True)
    assert heading(town.post(act="up")) == "Your vote counts: +1"
    assert heading(town.post(act="down")) == "Your vote counts: −1"
    with town.store.read() as db:
        assert votes.scores(db, TOWN.id, [town.marker]) == {town.marker: votes.Score(0, 1)}


def test_no_vote_for_oneself(town: Town) -> None:
    roster.change_member(town.store, replace(AUTHOR, has_digest=True))
    path = path_of(town.marker, AUTHOR)
    assert "Your vote on" not in ask(town.app, "GET", path).text
    answer = town.post(path, act="up")
    assert "It was for a comment of your own." in answer.text
    assert heading(answer) == "Your vote does not count"
    assert "Your vote on" not in ask(town.app, "GET", path_of(town.marker, BANNED)).text
    assert rows(town.store, VOTE) == []


def test_reports(town: Town) -> None:
    assert heading(town.post(act="report", reason="rude\r\nand  long")) == "The moderators are told"
    assert heading(town.post(act="report", reason="again")) == "Nothing was reported"
    assert [row.reason for row in rows(town.store, REPORT)] == ["rude and long"]


def gone_tokens(town: Town) -> dict[str, str]:
    """Paths that lead nowhere, by why."""
    good = token(town.marker)
    removed = post(town.store, "2@x", body="Other words.")
    unpublished = post(town.store, "3@x", body="More words.")
    publish_only = find(town.store, "2@x")
    with town.store.write() as db:
        make(db, TOWN, publish_only, Alteration.REMOVED, NOON, uuid7)
    roster.add_forum(town.store, HIDDEN)
    flipped = good[:-2] + ("a" if good[-2] != "a" else "b") + good[-1]
    here = f"/entry/{TOWN.list_id}/"
    return {
        "another purpose": here + token(town.marker, purpose="entry"),
        "of leaving": here + token(town.marker, purpose="leave"),
        "another key": here + token(town.marker, key=bytes(32)),
        "a bit flipped": here + flipped,
        "cut": here + good[:-1],
        "rubbish": here + "x",
        "percent": here + "%00%ff",
        "expired": here + token(town.marker, expires=-DAY),
        "who left": here + token(town.marker, GONE),
        "of nobody": here + token(town.marker, READER),
        "a removed post": here + token(removed),
        "not published": here + token(unpublished),
        "no post": here + token("zzzzzzzz"),
        "another forum": f"/entry/{HIDDEN.list_id}/{good}",
        "a private forum": f"/entry/{HIDDEN.list_id}/{token(town.marker, forum=HIDDEN)}",
        "no forum": f"/entry/no.such.forum/{good}",
    }


def test_all_that_leads_nowhere_looks_the_same(town: Town) -> None:
    paths = gone_tokens(town)
    before = state(town.store)
    found = {name: ask(town.app, "GET", path) for name, path in paths.items()}
    assert {answer.status for answer in found.values()} == {404}
    assert len({(answer.text, tuple(answer.headers.items())) for answer in found.values()}) == 1
    for act in ("answer", "up", "report"):
        answers = {name: town.post(path, act=act, text="Words.", begun=BEGUN) for name, path in paths.items()}
        assert {(answer.status, answer.text) for answer in answers.values()} == {(404, found["rubbish"].text)}
    assert state(town.store) == before
    assert TOWN.title not in found["who left"].text


def test_who_may_not_read_has_no_page(town: Town) -> None:
    for read, status in ((Who.MEMBERS, 200), (Who.EDITORS, 404)):
        roster.change_forum(town.store, replace(HERE, policy=replace(HERE.policy, read=read)))
        assert ask(town.app, "GET", path_of(town.marker)).status == status


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"act=answer", "text/plain"),
        (b"act=delete", FORM),
        (b"act=", FORM),
        (b"&".join([b"a=b"] * (FIELDS_MAX + 1)) + b"&act=up", FORM),
        (b"act=up", MULTIPART),
    ],
)
def test_a_form_that_says_nothing(town: Town, body: bytes, kind: str) -> None:
    before = state(town.store)
    assert {ask(town.app, "POST", path, body, content_type=kind).status for path in (path_of(town.marker), "/entry/x/y")} == {400}
    assert state(town.store) == before


def test_a_large_answer_is_refused_and_a_long_one_taken(town: Town) -> None:
    fits = "ä" * (BODY_MAX // 6 - 20)
    assert town.answer(fits) == "Your answer is posted"
    assert town.post(act="answer", text=fits + "ä" * 99).status == 413


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=200), raw=st.binary(max_size=60))
def test_no_text_makes_trouble(town: Town, text: str, raw: bytes) -> None:
    bodies = (urlencode({"act": "answer", "text": text}, errors="replace").encode(), b"act=answer&text=" + raw, raw)
    for body in bodies:
        answer = ask(town.app, "POST", path_of(town.marker, EDITOR), body, content_type=FORM)
        assert answer.status in (200, 400), quote(text)
        assert "\x00" not in answer.text


def test_a_long_comment_is_cut(town: Town) -> None:
    marker = post(town.store, "2@x", body="\r\n\r\n".join(["word " * 15] * 200))
    publish(town.store, TOWN, NOON, uuid7)
    text = ask(town.app, "GET", path_of(marker)).text
    assert "The rest is in your digest." in text
    assert len(text) < 20_000


def test_a_german_page(town: Town) -> None:
    roster.change_member(town.store, replace(ANN, language="de"))
    answer = ask(town.app, "GET", path_of(town.marker))
    assert '<html lang="de">' in answer.text
    assert heading(answer) == "Auf einen Kommentar antworten"


def test_an_anonymous_answer_keeps_its_secret(town: Town) -> None:
    assert town.answer("Anonymous: yes\r\n\r\nI saw it.") == "Your answer is posted"
    assert not [row for row in rows(town.store, MAIL) if row.msgid.startswith("web.")]
    assert fate(town.store, rows(town.store, MAIL)[-1].msgid)[0] in ("accept", "hold")
