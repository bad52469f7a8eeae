"""DKIM: what we sign verifies, whatever a relay may change; what cannot be signed waits."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dkim
import pytest
from uuid_utils.compat import uuid7

from gateway.flow.deliver import Office, deliver
from gateway.flow.publish import send_due
from gateway.send.signing import BadKey, Key, Signer, SigningFailed, make_key, read_keys, record_of
from gateway.store.engine import Store
from gateway.store.outbox import LETTER
from tests.test_flow_forms import NEXT_NOON, post, town
from tests.test_flow_publish import FORUM, KEY, FakeCourier, office, reader_in
from tests.test_store import quiet_log, rows  # noqa: F401 - a fixture

LETTER_OF_OURS = (
    b"From: Town <town@example.org>\r\nTo: ann@example.org\r\nSubject: Digest\r\n"
    b"List-Unsubscribe: <https://example.org/leave/x>,\r\n <mailto:town-leave@example.org>\r\n\r\nHello  world\r\n\r\n"
)


@pytest.fixture
def records(tmp_path: Path) -> dict[bytes, bytes]:
    """The DNS, with an ed25519 and an RSA key of which the private halves are in `tmp_path`."""
    made = {name: make_key(tmp_path, name, is_rsa=name == "rsa") for name in ("ed", "rsa")}
    return {f"{name}._domainkey.example.org.".encode(): record.encode() for name, record in made.items()}


def verified(raw: bytes, records: dict[bytes, bytes], index: int) -> bool:
    try:
        return bool(dkim.DKIM(raw).verify(index, dnsfunc=lambda name, timeout=5: records.get(name)))
    except dkim.ValidationError:
        return False


def test_each_key_signs_and_verifies(tmp_path: Path, records: dict[bytes, bytes]) -> None:
    raw = Signer(read_keys(tmp_path, ["ed", "rsa"])).sign(LETTER_OF_OURS, "example.org")
    assert raw.endswith(LETTER_OF_OURS)
    assert raw.count(b"DKIM-Signature:") == 2
    assert [verified(raw, records, index) for index in (0, 1)] == [True, True]
    # A relay adds fields, folds anew and trims blanks; a thief changes words, or adds a second Subject.
    passed = b"Received: from a\r\n" + raw.replace(b",\r\n <mailto", b", <mailto").replace(b"world\r\n\r\n", b"world\r\n")
    assert [verified(passed, records, index) for index in (0, 1)] == [True, True]
    for forged in (
        raw.replace(b"Hello", b"Hallo"),
        raw.replace(b"<https://example.org", b"<https://evil.example"),
        raw.replace(b"Subject: Digest", b"Subject: Evil\r\nSubject: Digest"),
    ):
        assert [verified(forged, records, index) for index in (0, 1)] == [False, False]


def test_keys_are_private_and_never_overwritten(tmp_path: Path, records: dict[bytes, bytes]) -> None:
    for name in ("ed", "rsa"):
        assert (tmp_path / f"{name}.pem").stat().st_mode & 0o777 == 0o600
        assert record_of(tmp_path, name).encode() == records[f"{name}._domainkey.example.org.".encode()]
        with pytest.raises(FileExistsError):
            make_key(tmp_path, name, is_rsa=False)


@pytest.mark.parametrize(("text", "why"), [(None, "No such file"), ("nonsense", "no private key")])
def test_bad_keys(tmp_path: Path, text: str | None, why: str) -> None:
    if text is not None:
        (tmp_path / "bad.pem").write_text(text)
    with pytest.raises(BadKey, match=why):
        read_keys(tmp_path, ["bad"])


def test_what_cannot_be_signed_waits(store: Store) -> None:
    town(store, reader_in("Europe/London"))
    post(store, "one@x", "First")
    send_due(store, FORUM, NEXT_NOON, uuid7)
    courier = FakeCourier()
    broken = Signer([Key("ed", "ed25519-sha256", b"not a key")])
    with pytest.raises(SigningFailed):
        broken.sign(LETTER_OF_OURS, "example.org")
    plain = office(courier)
    signing = Office(courier, KEY, plain.random, uuid7, "", broken)
    assert deliver(store, signing, NEXT_NOON) == 0
    assert courier.carried == []
    [letter] = rows(store, LETTER)
    assert (letter.state, letter.last_reply) == ("ready", "not composed: SigningFailed")
    assert deliver(store, plain, NEXT_NOON + timedelta(hours=1)) == 1
