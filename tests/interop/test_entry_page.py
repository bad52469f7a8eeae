"""curl and wget at the page of an entry: the link of a real digest, looked at, then answered, voted on and reported by it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import urlsplit

import pytest

from tests.bench.servers import gateway
from tests.interop.conftest import TOWN
from tests.interop.gate import Gate
from tests.interop.test_leaving import WEB, digest_for, run, wait_for, web_port
from tests.interop.test_swaks import swaks

pytestmark = pytest.mark.interop

ANN = "reader@example.net"
ANSWERS = "In-Reply-To: <article@example.net>"


@pytest.fixture(scope="module", params=[(), ("--receivers", "2")], ids=["alone", "receivers"])
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A running gateway with pages, and a reader who has got a digest with an article and a comment."""
    folder = tmp_path_factory.mktemp("entry")
    (folder / "config").mkdir()
    (folder / "config" / "gateway.toml").write_text(f'[web]\nurl = "{WEB}"\nlisten = "127.0.0.1:0"\n[digest]\ntick = 0.2\n')
    gateway(folder, "forum", "add", TOWN, "--posting", "open", "--title", "Town Talk")
    gateway(folder, "member", "add", ANN, "--handle", "Ann")
    with Gate(folder, *request.param) as running:
        assert swaks(running.port, msgid="article@example.net")[0] == 0
        assert swaks(running.port, "--header", ANSWERS, msgid="comment@example.net")[0] == 0
        running.send_digests(1)
        yield running


def pages_of(gate: Gate) -> list[str]:
    """The links of her digest to pages, in the order of its entries, at the server as it is without a proxy."""
    part = digest_for(gate, ANN).get_body(("html",))
    assert part is not None
    links = re.findall(rf'href="({re.escape(WEB)}/entry/[^"]*)">Web<', part.get_content())
    return [f"http://127.0.0.1:{web_port(gate)}{urlsplit(unescape(link)).path}" for link in links]


def shown(gate: Gate) -> str:
    return gateway(gate.folder, "thread", "show", "article@example.net")


def test_a_link_checker_changes_nothing_and_a_form_answers(town: Gate) -> None:
    before = shown(town)
    pages = pages_of(town)
    assert len(pages) == 2
    for page in pages:
        assert run("curl", "-sI", page).startswith("HTTP/1.1 200 OK")
        assert "200 OK" in run("wget", "--spider", "-S", page)
        assert "It is posted as Ann" in run("curl", "-s", page)
    assert shown(town) == before
    [begun] = re.findall(r'name="begun" value="(\d+)"', run("curl", "-s", pages[1]))
    form = ("-d", "act=answer", "-d", f"begun={begun}", "--data-urlencode", "text=Under the old tree – surely.")
    assert "Your answer is posted" in run("curl", "-s", *form, pages[1])
    assert "Your answer has come in before" in run("curl", "-s", *form, pages[1])
    after = shown(town)
    assert after.count("Under the old tree – surely.") == 1
    assert re.search(r"From: Ann\nSubject: 1\.1 ", after)
    assert "Your vote counts: +1" in run("curl", "-s", "-F", "act=up", pages[1])
    assert "Votes: 1 up" in shown(town)
    assert "The moderators are told" in run("curl", "-s", "-d", "act=report&reason=rude", pages[0])
    wait_for(town, '"event": "reported"')
    assert all(page.rpartition("/")[2] not in town.log for page in pages)
    assert ANN not in town.log


def test_a_wrong_token_tells_nothing(town: Gate) -> None:
    page = pages_of(town)[0]
    found = set()
    for path in (f"{page[:-1]}", f"{page}a", page.replace(TOWN.replace("@", "."), "other.example.org")):
        found.add(run("curl", "-s", path))
        assert run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "act=up", path) == "404"
    assert len(found) == 1
    assert "This link leads nowhere" in found.pop()
    members = json.loads(gateway(town.folder, "member", "list", "--json"))
    assert [member["address"] for member in members] == [ANN]
