"""The pages: only a POST changes something, every token gets the same answer, and no request whatever brings them down."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from urllib.parse import quote, urlsplit

import pytest
from starlette.types import ASGIApp, Message
from uuid_utils.compat import uuid7

from gateway.flow.by_web import Door
from gateway.flow.compose import TOKEN_LIFE
from gateway.flow.deliver import Office, deliver
from gateway.flow.desk import Desk
from gateway.flow.reading import Reader
from gateway.house.running import serve
from gateway.mail.verdict import Decision
from gateway.settings import BadSettings, Settings
from gateway.store.engine import Store, StoreTrouble
from gateway.web.app import BODY_MAX, make_app
from gateway.web.pages import HEADERS, Pages
from gateway.web.window import Window, listen
from tests.test_flow_leave import BAD, EVERYBODY, readers, state, token, town  # noqa: F401 - fixtures
from tests.test_flow_publish import FORUM, KEY, LONDON, NEXT_NOON, FakeCourier, parse
from tests.test_store import quiet_log  # noqa: F401 - a fixture

FORM = "application/x-www-form-urlencoded"
ONE_CLICK = b"List-Unsubscribe=One-Click"
PARTS = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
MULTIPART = "multipart/form-data; boundary=x"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client got."""

    status: int
    headers: dict[str, str]
    text: str


def ask(app: ASGIApp, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """One request, without a network."""
    sent: list[Message] = []
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)] or [b""]
    waiting = [{"type": "http.request", "body": piece, "more_body": piece is not pieces[-1]} for piece in pieces]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    names = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": names}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]).decode())


class NoDoor:
    """Takes no mail."""

    def submit(self, *_mail: object) -> Future[tuple[Decision, ...]]:
        raise AssertionError("leaving sends no mail to us")


def app_of(store: Store, now: datetime = NEXT_NOON, door: Door | None = None) -> ASGIApp:
    """The pages, at an instant."""
    return make_app(Pages(desk=lambda: Desk(store, KEY, now, uuid7, Reader()), door=door or NoDoor()))


@pytest.fixture
def app(town: Store) -> ASGIApp:  # noqa: F811
    return app_of(town)


def path_of(word: str, list_id: str = FORUM.list_id) -> str:
    return f"/leave/{list_id}/{word}"


def post(app: ASGIApp, path: str, body: bytes = ONE_CLICK, kind: str = FORM, **headers: str) -> Answer:
    return ask(app, "POST", path, body, content_type=kind, **headers)


@pytest.mark.parametrize(("body", "kind"), [(ONE_CLICK, FORM), (PARTS, MULTIPART)])
def test_a_post_leaves_at_once_and_a_second_is_as_good(town: Store, app: ASGIApp, body: bytes, kind: str) -> None:  # noqa: F811
    first = post(app, path_of(token()), body, kind)
    assert (first.status, readers(town)) == (200, EVERYBODY - {str(LONDON.address)})
    assert "<h1>No more mail from this list</h1>" in first.text
    before = state(town)
    assert post(app, path_of(token()), body, kind) == first
    assert state(town) == before


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(town: Store, app: ASGIApp, method: str) -> None:  # noqa: F811
    before = state(town)
    looks = {path: ask(app, method, path) for path in (path_of(token()), path_of("x"), path_of(token(), "no.such.forum"))}
    assert state(town) == before
    assert {look.status for look in looks.values()} == {200}
    assert '<form method="post">' in looks[path_of(token())].text
    assert looks[path_of(token())] == looks[path_of("x")]


def test_every_token_gets_the_same_answer(town: Store, app: ASGIApp) -> None:  # noqa: F811
    good = {list_id: post(app, path_of(token(), list_id)) for list_id in {list_id for _, _, list_id in BAD}}
    before = state(town)
    for name, word, list_id in BAD:
        if word:
            assert post(app, path_of(word, list_id)) == good[list_id], name
    assert state(town) == before
    assert {answer.status for answer in good.values()} == {200}


NO_FORM = [
    (b"", FORM),
    (b"", ""),
    (ONE_CLICK, ""),
    (ONE_CLICK, "text/plain"),
    (ONE_CLICK, "application/json"),
    (b"List-Unsubscribe=Two-Clicks", FORM),
    (b"list-unsubscribe=One-Click", FORM),
    (b"&".join([b"a=b"] * 9) + b"&" + ONE_CLICK, FORM),
    (PARTS, "multipart/form-data"),
    (PARTS, "multipart/form-data; boundary=y"),
    (PARTS.replace(b'be"', b'be"; filename="a"'), MULTIPART),
    (PARTS.replace(b"name=", b"nam="), MULTIPART),
    (PARTS[:30], MULTIPART),
]


@pytest.mark.parametrize(("body", "kind"), NO_FORM)
def test_a_post_without_the_form_changes_nothing(town: Store, app: ASGIApp, body: bytes, kind: str) -> None:  # noqa: F811
    assert post(app, path_of(token()), body, kind).status == 400
    assert readers(town) == EVERYBODY


def test_a_large_body_is_refused(town: Store, app: ASGIApp) -> None:  # noqa: F811
    assert post(app, path_of(token()), ONE_CLICK + b"&" + b"x" * BODY_MAX).status == 413
    assert readers(town) == EVERYBODY


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/leave/town.example.org", 404),
        ("GET", "/leave/town.example.org/", 404),
        ("POST", "/leave/town.example.org/TOKEN/", 404),
        ("POST", "/leave/town.example.org/TOKEN/more", 404),
        ("GET", "/../etc/passwd", 404),
        ("PUT", "/leave/town.example.org/TOKEN", 405),
        ("DELETE", "/leave/town.example.org/TOKEN", 405),
        ("OPTIONS", "/leave/town.example.org/TOKEN", 405),
    ],
)
def test_nothing_else_is_there(town: Store, app: ASGIApp, method: str, path: str, status: int) -> None:  # noqa: F811
    assert ask(app, method, path.replace("TOKEN", token()), ONE_CLICK, content_type=FORM).status == status
    assert readers(town) == EVERYBODY


def test_every_answer_is_strict(app: ASGIApp) -> None:
    answers = [
        ask(app, "GET", path_of(token())),
        post(app, path_of(token())),
        post(app, path_of(token()), b""),
        ask(app, "GET", "/"),
    ]
    for answer in answers:
        assert {name.lower() for name in HEADERS} <= answer.headers.keys()
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert not answer.headers.keys() & {"set-cookie", "location", "server"}
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert token() not in answer.text


class Elements(HTMLParser):
    """The elements of a page with their attributes, and its style sheet."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.style = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "style":
            self.style += data


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_needs_nothing_but_itself(app: ASGIApp, method: str) -> None:
    answer = ask(app, method, path_of(token()), ONE_CLICK, content_type=FORM)
    page = Elements(answer.text)
    names = [name for name, _ in page.found]
    assert not set(names) & {"script", "img", "link", "iframe", "object"}
    assert not any("style" in attributes or "src" in attributes or "onclick" in attributes for _, attributes in page.found)
    assert all((attributes["href"] or "").startswith("mailto:") for _, attributes in page.found if "href" in attributes)
    assert [names.count(name) for name in ("main", "h1", "title")] == [1, 1, 1]
    assert "prefers-color-scheme: dark" in page.style
    digest = base64.b64encode(hashlib.sha256(page.style.strip().encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("accepted", "language", "heading"),
    [
        ("", "en", "Leave this list?"),
        ("de", "de", "Diese Liste verlassen?"),
        ("fr, de-AT;q=0.8, en;q=0.5", "de", "Diese Liste verlassen?"),
        ("de;q=0.1, en-GB", "en", "Leave this list?"),
        ("de;q=0", "en", "Leave this list?"),
        ("tlh, *", "en", "Leave this list?"),
        (";q=,,de;q=x;;q=nan,../../etc/passwd", "en", "Leave this list?"),
    ],
)
def test_the_page_is_in_the_readers_language(app: ASGIApp, accepted: str, language: str, heading: str) -> None:
    answer = ask(app, "GET", path_of(token()), accept_language=accepted)
    assert f'<html lang="{language}">' in answer.text
    assert f"<h1>{heading}</h1>" in answer.text
    assert (answer.headers["content-language"], answer.headers["vary"]) == (language, "Accept-Language")


def test_what_a_forum_is_called_is_no_html(town: Store, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    evil = replace(FORUM, title="<script>x</script>\x1b")
    monkeypatch.setattr("gateway.web.app.list_forums", lambda _: [evil])
    text = ask(app_of(town), "GET", path_of("x")).text
    assert "&lt;script&gt;x" in text
    assert "<script" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("name", ["leave_by_click", "list_forums"])
def test_trouble_is_temporary_and_tells_nothing(app: ASGIApp, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def broken(*_arguments: object) -> None:
        raise StoreTrouble("secret")

    monkeypatch.setattr(f"gateway.web.app.{name}", broken)
    answer = post(app, path_of(token()))
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert answer.text == "Trouble on our side, try again later.\n"


@pytest.mark.parametrize("web", ["", "https://forum.example.org/"])
def test_letters_offer_one_click_only_where_there_are_pages(town: Store, app: ASGIApp, web: str) -> None:  # noqa: F811
    courier = FakeCourier()
    deliver(town, Office(courier, KEY, Random(1), uuid7, web), NEXT_NOON)
    [mail] = [parse(raw) for _, to, raw in courier.carried if to == LONDON.address]
    links = re.findall(r"<([^>]*)>", mail["List-Unsubscribe"])
    assert links[-1].startswith("mailto:town-leave%2B")
    if not web:
        assert (len(links), mail["List-Unsubscribe-Post"]) == (1, None)
        return
    assert (len(links), mail["List-Unsubscribe-Post"]) == (2, ONE_CLICK.decode())
    url = urlsplit(links[0])
    assert (url.scheme, url.netloc) == ("https", "forum.example.org")
    late = NEXT_NOON + TOKEN_LIFE + timedelta(days=1)
    too_late = app_of(town, late)
    assert post(too_late, url.path).status == 200
    assert readers(town) == EVERYBODY
    assert post(app, url.path).status == 200
    assert readers(town) == EVERYBODY - {str(LONDON.address)}


@pytest.fixture
def port(app: ASGIApp) -> Iterator[int]:
    """A real server for the pages."""
    with listen("127.0.0.1", 0) as sock:
        number = int(sock.getsockname()[1])
        with Window(app, sock).in_thread():
            yield number


def talk(port: int, data: bytes) -> bytes:
    """Sends bytes and reads all that comes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        try:
            sock.sendall(data)
            return b"".join(iter(lambda: sock.recv(65536), b""))
        except ConnectionError:
            return b""


def random_request(random: Random) -> bytes:
    """Something between a good request and noise."""
    method = random.choice([b"GET", b"HEAD", b"POST", b"POST", b"PUT", b"G\x00T", random.randbytes(3)])
    word = random.choice([token(), token()[:-1], "%00" * 9, "%ff%fe", "..%2f..", "a" * 5000, quote(random.randbytes(20))])
    odd = ["*", "http://other.example/x", f"/leave/{word}?{word}", f"//{word}"]
    path = random.choice([path_of(word), path_of(word), path_of(word, "%c5%bf"), random.choice(odd)])
    start = PARTS[: random.randrange(len(PARTS))]
    body = random.choice([b"List-Unsubscribe=Two", start, start, random.randbytes(300), b"x" * 9000, b"%" * 99])
    kinds = [FORM, MULTIPART, "multipart/form-data; boundary=", f"{MULTIPART}; charset=x", "\x07"]
    length = random.choice([str(len(body)), str(len(body)), "0", "-1", "99999999999", "x"])
    fields = [
        f"Host: {random.choice(['x', '', 'ä'])}",
        f"Content-Type: {random.choice(kinds)}",
        f"Content-Length: {length}",
        random.choice(["", "Transfer-Encoding: chunked", "Upgrade: websocket\r\nConnection: upgrade", "Expect: 100-continue"]),
        random.choice(["", f"Accept-Language: {'de,' * random.randrange(3000)}", "Cookie: " + "c" * 20000]),
    ]
    lines = [method + b" " + path.encode() + b" HTTP/1.1", *(field.encode() for field in fields if field)]
    return b"\r\n".join([*lines, b"Connection: close", b"", body])


def test_no_request_brings_the_server_down(town: Store, port: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    random = Random(8058)
    before = state(town)
    seen: set[bytes] = set()
    with monkeypatch.context() as hasty:
        # For requests that announce more than they have.
        hasty.setattr("gateway.web.forms.BODY_SECONDS", 0.05)
        hasty.setattr("gateway.web.window.HEAD_SECONDS", 0.05)
        for _ in range(200):
            answer = talk(port, random_request(random))
            assert not re.match(rb"HTTP/1.1 5", answer), answer
            seen.add(answer[9:12])
    assert {b"200", b"400", b"404", b"405"} <= seen
    assert state(town) == before
    form = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (FORM.encode(), len(ONE_CLICK))
    request = b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n%s" % (path_of(token()).encode(), form, ONE_CLICK)
    assert talk(port, request).startswith(b"HTTP/1.1 200 ")
    assert readers(town) == EVERYBODY - {str(LONDON.address)}


@pytest.mark.parametrize("start", [b"", b"POST / HTTP/1.1\r\nHos"])
def test_who_says_nothing_does_not_keep_a_connection(port: int, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr("gateway.web.window.HEAD_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(start)
        assert sock.recv(100) == b""


def test_whose_body_does_not_come_is_told(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.forms.BODY_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock:
        sock.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList" % path_of(token()).encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("value", "place"),
    [("", None), ("127.0.0.1:8080", ("127.0.0.1", 8080)), ("[::1]:0", ("::1", 0)), ("localhost:80", ("localhost", 80))],
)
def test_where_to_listen(value: str, place: tuple[str, int] | None) -> None:
    assert Settings.model_validate({"web": {"listen": value}}).web.place == place


@pytest.mark.parametrize("value", ["8080", ":8080", "127.0.0.1", "127.0.0.1:65536", "http://x:80", "::1:80", "a b:80", "x:٣"])
def test_what_is_no_place(value: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        Settings.model_validate({"web": {"listen": value}})


def test_without_the_extra_the_start_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.house.running.find_spec", lambda name: None if name == "uvicorn" else name)
    settings = Settings.model_validate({"data": tmp_path, "web": {"listen": "127.0.0.1:0"}})
    with pytest.raises(BadSettings, match=r"web.listen: .* pip install 'thread-gateway\[web\]'"):
        serve(settings, lambda _front: None)
