"""The command line about bounces: owners of a forum, scores and pauses in the list, and taking them back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.mail.address import Address
from gateway.mail.bounce import Bounces
from gateway.settings import Settings
from gateway.store import roster
from gateway.store.engine import Store
from tests.test_cli import Run, run, town  # noqa: F401 - fixtures

ANN = "ann@example.org"


def test_owners(run: Run) -> None:  # noqa: F811
    owners = ("--owner", ANN, "--owner", "bob@example.org")
    assert run("forum", "add", "town@example.org", *owners).code == 0
    assert run("forum", "list", "--json").json()[0]["owners"] == [ANN, "bob@example.org"]
    assert run("forum", "set", "--owner", "cleo@example.org").out.splitlines()[1] == "owners: cleo@example.org"
    assert run("forum", "list", "--json").json()[0]["owners"] == ["cleo@example.org"]
    assert run("forum", "set", "--owner", "none").out.splitlines()[1] == "owners: none"
    assert run("forum", "list", "--json").json()[0]["owners"] == []
    for words in (("add", "village@example.org"), ("set",)):
        said = run("forum", *words, "--owner", "nobody")
        assert (said.code, said.err) == (2, "gateway: 'nobody' is not an address\n")
    assert len(run("forum", "list", "--json").json()) == 1


def bounced(folder: Path, bounces: Bounces) -> None:
    """So much is known of Ann."""
    store = Store(f"sqlite:///{folder / Settings().data / 'gateway.db'}")
    [forum] = roster.list_forums(store)
    member = roster.find_member(store, forum.id, Address("ann", "example.org"))
    assert member is not None
    with store.write() as db:
        roster.keep_bounces(db, forum.id, member.id, bounces)
    store.close()


def test_what_came_back_is_listed_and_forgotten(town: Run, tmp_path: Path) -> None:  # noqa: F811
    now = datetime.now(UTC)
    assert town("member", "add", ANN).code == 0
    bounced(tmp_path, Bounces(score=3.0, bounced_at=now - timedelta(days=7)))
    [listed] = town("member", "list", "--json").json()
    assert (listed["bounces"], listed["bounce_score"], listed["paused_by_bounces_at"]) == ("1.50", 1.5, None)
    bounced(tmp_path, Bounces(score=6.0, bounced_at=now, paused_at=now))
    since = f"paused by bounces since {now:%Y-%m-%d}"
    assert since in town("member", "list").out
    assert town("member", "set", ANN, "hour=8").out == f"{ANN}: no digest, {since}, html, en, member, trusted\n"
    assert town("member", "list", "--json").json()[0]["paused_by_bounces_at"] == now.isoformat()
    assert town("member", "set", ANN, "bounces=0").out == f"{ANN}: daily digest at 08:00 UTC, html, en, member, trusted\n"
    [listed] = town("member", "list", "--json").json()
    assert (listed["bounces"], listed["bounce_score"], listed["paused_by_bounces_at"]) == ("", 0.0, None)
