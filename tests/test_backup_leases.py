"""A backup that is made while letters are being carried."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.flow.backup import restore
from gateway.flow.deliver import deliver
from gateway.store import outbox
from gateway.store.engine import Store
from tests.test_backup import AT, KEY, second_url, take  # noqa: F401 - a fixture among them
from tests.test_flow_deliver import queued_for_three  # noqa: F401 - a fixture
from tests.test_flow_publish import NEXT_NOON, FakeCourier, office

pytestmark = pytest.mark.usefixtures("postgres_programs")


def test_who_was_at_a_letter_when_the_backup_was_made_is_nobody_any_more(
    store: Store,
    queued_for_three: None,  # noqa: F811
    database_url: str,
    second_url: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    (tmp_path / "secrets").write_text(KEY)
    with store.write() as db:
        assert len(outbox.claim(db, NEXT_NOON, 2)) == 2
    take(tmp_path / "made", database_url, {"secrets": tmp_path / "secrets"})
    restore(tmp_path / "made", second_url, tmp_path / "second" / "secrets", AT)
    second = Store(second_url)
    try:
        with second.write() as db:
            outbox.release(db)
        assert deliver(second, office(FakeCourier()), max(NEXT_NOON, AT)) == 3
    finally:
        second.close()
