"""A template that fails and a comment that cannot be rendered: named, and the rest goes out."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

import gateway.flow.rendering
from gateway.digest.issue import Issue
from gateway.render.digest import Rendering, render_issue
from gateway.store.archive import POST
from gateway.store.engine import Store
from gateway.store.ledger import ISSUE
from tests.test_flow_forms import NEXT_NOON, post, sent, town
from tests.test_flow_publish import FORUM, preview, reader_in
from tests.test_store import rows


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{{ masthead }}\n{% for %}\n", 2),
        ("one\n{{ nothing_of_that_name }}\n", 2),
        ("one\ntwo\n{{ 1 / 0 }}", 3),
        ("{{ masthead.__class__.__mro__ }}", 1),
    ],
)
def test_a_template_that_fails_is_named_and_ours_is_used(store: Store, tmp_path: Path, template: str, line: int) -> None:
    reader = reader_in("Europe/London")
    town(store, reader)
    post(store, "one@x", "First")
    (tmp_path / "digest.txt.j2").write_text(template)
    with capture_logs() as logs:
        [rendering] = preview(store, FORUM, reader, NEXT_NOON, None, tmp_path)
    assert "First" in rendering.text
    [entry] = [one for one in logs if one["log_level"] == "error"]
    assert entry["where"] == f"{tmp_path / 'digest.txt.j2'}:{line}"


def test_a_template_of_an_operator_is_used(store: Store, tmp_path: Path) -> None:
    reader = reader_in("Europe/London")
    town(store, reader)
    post(store, "one@x", "First")
    (tmp_path / "digest.txt.j2").write_text("Ours: {{ masthead }}\n")
    [rendering] = preview(store, FORUM, reader, NEXT_NOON, None, tmp_path)
    assert rendering.text == "Ours: Town Talk Digest, Issue 1\n"
    assert "First" in rendering.html


def test_a_poison_comment_is_parked_and_the_rest_goes_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    town(store, reader_in("Europe/London"))
    post(store, "one@x", "First")
    post(store, "two@x", "Poison", **{"In-Reply-To": "<one@x>"})
    post(store, "three@x", "Third", **{"In-Reply-To": "<two@x>"})

    def render(issue: Issue, **more: object) -> Rendering:
        if any(entry.title == "Poison" for part in issue.threads for entry in part.entries):
            raise RecursionError("nobody foresaw it")
        return render_issue(issue, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(gateway.flow.rendering, "render_issue", render)
    with capture_logs() as logs:
        [mail] = sent(store)
    [poison] = [row.marker for row in rows(store, POST) if row.msgid == "two@x"]
    assert [entry["marker"] for entry in logs if entry["event"] == "comment parked"] == [poison]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "First" in text
    assert "Third" in text
    assert "This comment cannot be shown here." in text
    assert poison in text
    assert len(rows(store, ISSUE)) == 1


def test_a_damaged_row_stops_no_digest(store: Store) -> None:
    town(store, reader_in("Europe/London"))
    post(store, "one@x", "First")
    post(store, "two@x", "Second")
    with store.write() as db:
        db.execute(update(POST).where(POST.c.msgid == "two@x").values(spans="[[", attachments="{"))
    [mail] = sent(store)
    assert "First" in str(mail)
    assert "Second" in str(mail)
