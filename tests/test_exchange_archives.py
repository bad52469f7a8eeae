"""The side door: archives read and written without losing a byte."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import archives, public_inbox, sources
from gateway.exchange.archives import BadArchive, Kind, read_mbox
from gateway.exchange.outlets import maildir_outlet, mbox_outlet, mbox_piece
from gateway.exchange.received import received_at
from gateway.exchange.records import Records, header_line, mail_line, move_line
from gateway.mail.piece import Move, Piece, Record, Resolution
from tests.conftest import need_program

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
OLDER = b"Received: from z; Thu, 1 Jan 2026 12:00:00 +0000\n"
SEPARATOR = b"From ann@example.org Thu Jan  1 12:30:00 2026\n"


def mbox(folder: Path, *pieces: bytes) -> Path:
    path = folder / "archive.mbox"
    path.write_bytes(b"".join(pieces))
    return path


def test_mbox(tmp_path: Path) -> None:
    path = mbox(tmp_path, SEPARATOR, b"Subject: a\n\nHi\n\n", SEPARATOR.replace(b"12:30", b"13:30"), b"Subject: b\n\nHo\n")
    one, other = read_mbox(path)
    assert (one.raw, other.raw) == (b"Subject: a\n\nHi\n", b"Subject: b\n\nHo\n")
    assert one.received_at == datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    assert other.received_at == datetime(2026, 1, 1, 13, 30, tzinfo=UTC)
    assert one.size + other.size == path.stat().st_size
    assert (one.where, other.where) == ("line 1", "line 6")


@pytest.mark.parametrize(
    ("stored", "raw"),
    [
        (b">From me\n", b"From me\n"),
        (b">>From me\n", b">From me\n"),
        (b">>>From me\n", b">>From me\n"),
        (b"> From me\n", b"> From me\n"),
        (b">Fromage\n", b">Fromage\n"),
        (b">from me\n", b">from me\n"),
        (b"From me to you\n", b"From me to you\n"),
        (b"\nFrom me to you\n", b"\nFrom me to you\n"),
        (b"\nFrom me on Mon Jan 1\n", b"\nFrom me on Mon Jan 1\n"),
        (b"x\nFrom ann@example.org Thu Jan  1 12:30:00 2026\n", b"x\nFrom ann@example.org Thu Jan  1 12:30:00 2026\n"),
    ],
)
def test_mboxrd_quoting_is_undone(tmp_path: Path, stored: bytes, raw: bytes) -> None:
    pieces = list(read_mbox(mbox(tmp_path, SEPARATOR, b"Subject: a\n\n", stored, b"\n", SEPARATOR, b"Subject: b\n\n")))
    assert [piece.raw for piece in pieces] == [b"Subject: a\n\n" + raw, b"Subject: b\n"]


def test_mbox_with_crlf(tmp_path: Path) -> None:
    path = mbox(tmp_path, *(2 * (SEPARATOR + b"Subject: a\n\n>From x\n\n",)))
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert [piece.raw for piece in read_mbox(path)] == [b"Subject: a\r\n\r\nFrom x\r\n"] * 2


@pytest.mark.parametrize(
    ("line", "when"),
    [
        (b"From - Sat Jan 31 23:59:59 2026", datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC)),
        (b"From ann at example.org  Sat Jan  3 01:02:03 2026", datetime(2026, 1, 3, 1, 2, 3, tzinfo=UTC)),
        (b"From a@b Sat Jan  3 01:02:03 2026 +0130", datetime(2026, 1, 2, 23, 32, 3, tzinfo=UTC)),
        (b"From a@b Sat Jan  3 01:02:03 2026 -0500", datetime(2026, 1, 3, 6, 2, 3, tzinfo=UTC)),
        (b"From a@b Sat Jan  3 01:02 CDT 2026", datetime(2026, 1, 3, 1, 2, tzinfo=UTC)),
        (b"From a@b Sat Foo  3 01:02:03 2026", None),
        (b"From a@b Sat Feb 30 01:02:03 2026", None),
        (b"From a@b Sat Jan  3 25:02:03 2026", None),
    ],
)
def test_separators(tmp_path: Path, line: bytes, when: datetime | None) -> None:
    pieces = list(read_mbox(mbox(tmp_path, SEPARATOR, b"Subject: a\n\n\n", line, b"\nSubject: b\n\n")))
    assert [piece.raw for piece in pieces] == [b"Subject: a\n\n", b"Subject: b\n"]
    assert pieces[1].received_at == when


def test_a_first_separator_without_a_date_will_do(tmp_path: Path) -> None:
    [piece] = read_mbox(mbox(tmp_path, b"From nobody\nSubject: a\n\nHi\n"))
    assert (piece.raw, piece.received_at) == (b"Subject: a\n\nHi\n", None)


def test_an_empty_mbox_has_no_mail(tmp_path: Path) -> None:
    assert list(read_mbox(mbox(tmp_path))) == []


@pytest.mark.parametrize("data", [b"Subject: a\n\nHi\n", b"\x00\x01\x02", b"from ann\n", b">From ann Thu Jan  1 12:30:00 2026\n"])
def test_what_is_no_mbox_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadArchive, match=r"archive\.mbox: line 1: an mbox begins with"):
        list(read_mbox(mbox(tmp_path, data)))


@given(st.lists(st.text(alphabet="From >a\n", max_size=40), min_size=1, max_size=4))
def test_what_mboxrd_wrote_is_read_back(tmp_path_factory: pytest.TempPathFactory, bodies: list[str]) -> None:
    mails = [f"Subject: {index}\n\n{body}\n".encode() for index, body in enumerate(bodies)]
    stored = [re.sub(rb"(?m)^(>*From )", rb">\1", mail) for mail in mails]
    path = mbox(tmp_path_factory.mktemp("m"), *(SEPARATOR + mail + b"\n" for mail in stored))
    assert [piece.raw for piece in read_mbox(path)] == mails


@pytest.mark.parametrize(
    ("kind", "stored", "raw"),
    [
        (Kind.MBOXO, b">From me\n>>From me\n", b"From me\n>>From me\n"),
        (Kind.MBOXRD, b">From me\n>>From me\n", b"From me\n>From me\n"),
        (Kind.MBOXCL, b">From me\n>>From me\n", b"From me\n>>From me\n"),
        (Kind.MBOXCL2, b">From me\n>>From me\n", b">From me\n>>From me\n"),
        (Kind.MBOXCL2, b"a\n\n" + SEPARATOR + b"b\n", b"a\n\n" + SEPARATOR + b"b\n"),
        (Kind.MBOXCL2, b"a\n\n\n", b"a\n\n\n"),
        (Kind.MBOXCL2, b"\n" + SEPARATOR * 3, b"\n" + SEPARATOR * 3),
    ],
)
def test_kinds_of_mbox(tmp_path: Path, kind: Kind, stored: bytes, raw: bytes) -> None:
    head = b"Subject: a\nContent-Length: %d\n\n" % len(stored)
    path = mbox(tmp_path, SEPARATOR, head, stored, b"\n", SEPARATOR, head, stored, b"\n")
    assert [piece.raw for piece in read_mbox(path, kind)] == [head + raw] * 2


@pytest.mark.parametrize("length", [b"0", b"1", b"3", b"4", b"98", b"99999", b"9999999999", b"-1", b"x"])
@pytest.mark.parametrize("kind", [Kind.MBOXCL, Kind.MBOXCL2])
def test_a_wrong_length_does_not_swallow_a_mail(tmp_path: Path, kind: Kind, length: bytes) -> None:
    first = b"Subject: a\nContent-Length: " + length + b"\n\nHi\n\nHo\n"
    path = mbox(tmp_path, SEPARATOR, first, b"\n", SEPARATOR, b"Subject: b\n\nx\n\n", SEPARATOR, b"Subject: c\n\n\n")
    assert [piece.raw for piece in read_mbox(path, kind)] == [first, b"Subject: b\n\nx\n", b"Subject: c\n\n"]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_compressed(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = mbox(tmp_path, pack(SEPARATOR + b"Subject: a\n\nHi\n\n" + SEPARATOR + b"Subject: b\n\nHo\n"))
    pieces = list(read_mbox(path))
    assert [piece.raw for piece in pieces] == [b"Subject: a\n\nHi\n", b"Subject: b\n\nHo\n"]
    assert sum(piece.size for piece in pieces) <= path.stat().st_size
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadArchive, match="is damaged"):
        list(read_mbox(path))


def test_a_mail_that_is_too_large_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAIL_MAX", 1000)
    path = mbox(tmp_path, SEPARATOR, b"Subject: a\n\n", b"x" * 999 + b"\n", b"\n", SEPARATOR, b"Subject: b\n\n\n")
    assert [piece.raw for piece in read_mbox(path)] == [None, b"Subject: b\n\n"]


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64, 1000])
def test_it_does_not_matter_where_a_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(archives, "_BLOCK", block)
    raw = b"Subject: a\n\n" + b"x" * 64 + b">From me" + b"x" * 56 + b"\n" + SEPARATOR + b"y" * 64 + b"\n"
    path = mbox(tmp_path, SEPARATOR, raw, b"\n", SEPARATOR, b"\r\n", SEPARATOR, b"Content-Length: 3\n\na\n\n", SEPARATOR, b"b\n")
    for kind in Kind:
        pieces = list(read_mbox(path, kind))
        assert [piece.raw for piece in pieces] == [raw, b"", b"Content-Length: 3\n\na\n" + b"\n" * ("cl" in kind), b"b\n"]
        assert [piece.where for piece in pieces] == ["line 1", "line 8", "line 10", "line 15"]


@pytest.mark.parametrize(
    ("field", "at"),
    [
        (b"Received: from a by b; Fri, 2 Jan 2026 13:00:00 +0100\n", NOON),
        (b"Received: from a\n\tby b (x; y)\n\tfor c;\n Fri, 2 Jan 2026 12:00:00 GMT\n" + OLDER, NOON),
        (b"Received: from a by b\n", None),
        (b"Received: from a by b; soon\n", None),
        (b"Received: from a by b; Fri, 99 Jan 2026 12:00:00 +9999\n", None),
        (b"X: y\n\nReceived: from a by b; Fri, 2 Jan 2026 13:00:00 +0100\n", None),
        (b"", None),
    ],
)
def test_when_it_was_received(field: bytes, at: datetime | None) -> None:
    assert received_at(field + b"Subject: a\n\nHi\n") == at
    assert received_at((field + b"Subject: a\n\nHi\n").replace(b"\n", b"\r\n")) == at


def raws(source: sources.Source) -> list[bytes | None]:
    return [piece.raw for piece in source.pieces()]


def test_maildir(tmp_path: Path) -> None:
    for name, raw in (("cur/2:2,S", b"two"), ("new/1", b"one"), ("tmp/3", b"half"), ("new/.hidden", b"no")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    (tmp_path / "cur" / "folder").mkdir()
    os.utime(tmp_path / "new" / "1", (0, 86400))
    source = sources.maildir(tmp_path)
    first, second = source.pieces()
    assert first == Piece(b"one", datetime(1970, 1, 2, tzinfo=UTC), 3, "new/1")
    assert (second.raw, source.size) == (b"two", 6)


def test_a_maildir_without_new_is_one(tmp_path: Path) -> None:
    (tmp_path / "cur").mkdir()
    assert raws(sources.maildir(tmp_path)) == []


def test_another_folder_is_no_maildir(tmp_path: Path) -> None:
    with pytest.raises(BadArchive, match="neither cur nor new"):
        sources.maildir(tmp_path)


def test_folder_of_eml(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    dated = f"Received: from a; {format_datetime(NOON)}\n\nb\n".encode()
    for name, raw in (("deep/b.eml", dated), ("a.eml", b"a"), ("c.txt", b"no")):
        (tmp_path / name).write_bytes(raw)
    os.utime(tmp_path / "a.eml", (0, 86400))
    first, second = sources.eml(tmp_path).pieces()
    assert first == Piece(b"a", datetime(1970, 1, 2, tzinfo=UTC), 1, "a.eml")
    assert second == Piece(dated, NOON, len(dated), "deep/b.eml")
    with pytest.raises(BadArchive, match=r"\.eml"):
        sources.eml(tmp_path / "nothing")


def git(folder: Path, *words: str, given: bytes = b"", **env: str) -> str:
    names = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ("git", *words), cwd=folder, input=given, capture_output=True, check=True, env={**os.environ, **names, **env}
    )
    return done.stdout.decode().strip()


def inbox(folder: Path, changes: Sequence[tuple[str, bytes]], start: int = 0) -> Path:
    """A repository with a commit a minute, each a tree of one file."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "--bare", "-b", "master", ".")
    parent: list[str] = []
    for minute, (name, raw) in enumerate(changes):
        blob = git(folder, "hash-object", "-w", "--stdin", given=raw)
        tree = git(folder, "mktree", given=f"100644 blob {blob}\t{name}\n".encode())
        at = f"@{start + minute * 60} +0000"
        commit = git(folder, "commit-tree", tree, *parent, "-m", "x", GIT_COMMITTER_DATE=at, GIT_AUTHOR_DATE="@0 +0000")
        parent = ["-p", commit]
    git(folder, "update-ref", "refs/heads/master", parent[1])
    return folder


def test_public_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_program("git")
    start = int(NOON.timestamp())
    inbox(tmp_path / "git" / "10.git", [("m", b"five")], start + 3600)
    inbox(tmp_path / "git" / "2.git", [("m", b"one"), ("m", b"spam"), ("m", b""), ("d", b"spam"), ("m", b"x" * 100)], start)
    pieces = list(sources.public_inbox(tmp_path).pieces())
    assert [piece.raw for piece in pieces] == [b"one", b"", b"x" * 100, b"five"]
    assert [piece.received_at and (piece.received_at - NOON).seconds for piece in pieces] == [0, 120, 240, 3600]
    assert raws(sources.public_inbox(tmp_path / "git" / "10.git")) == [b"five"]
    monkeypatch.setattr(public_inbox, "MAIL_MAX", 50)
    assert raws(sources.public_inbox(tmp_path)) == [b"one", b"", None, b"five"]
    with pytest.raises(BadArchive, match="no public-inbox archive"):
        sources.public_inbox(tmp_path / "nothing")
    (tmp_path / "git" / "10.git" / "HEAD").write_text("ref: refs/heads/none\n")
    with pytest.raises(BadArchive, match=r"10\.git"):
        sources.public_inbox(tmp_path)


def test_what_a_repository_configures_is_not_run(tmp_path: Path) -> None:
    need_program("git")
    folder = inbox(tmp_path / "0.git", [("m", b"one")])
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
    trap.chmod(0o755)
    for key in ("gpg.program", "core.pager", "diff.external", "core.fsmonitor", "core.sshCommand", "core.editor"):
        git(folder, "config", key, str(trap))
    git(folder, "config", "log.showSignature", "true")
    assert raws(sources.public_inbox(folder)) == [b"one"]
    assert not (tmp_path / "sprung").exists()


MAILS = [
    b"Subject: a\r\n\r\nHi\r\n",
    b"Subject: b\n\nFrom me\n>From me\n>>From you\n\n\n",
    b"no line end at all",
    b"",
    b"\n",
    SEPARATOR,
    b"From first\n\n" + SEPARATOR * 2,
    b"a\rFrom x\r\n\x00\xff\n\n",
]


def record(raw: bytes, **values: Any) -> Record:
    import hashlib

    facts = {
        "received_at": NOON,
        "reverse_path": None,
        "forward_path": "t@x",
        "via": "smtp",
        "peer": "",
        "verdict": "accept",
        "reason": "posted",
    }
    return Record(sha256=hashlib.sha256(raw).hexdigest(), **{**facts, **values})


@given(st.lists(st.one_of(st.sampled_from(MAILS), st.binary(max_size=60)), max_size=8, unique_by=lambda raw: raw.rstrip(b"\n")))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, mails: list[bytes]) -> None:
    """Byte by byte from a Maildir, and from an mbox by the records, where a mail has no last line end."""
    folder = tmp_path_factory.mktemp("out")
    with mbox_outlet(folder / "m") as put_mbox, maildir_outlet(folder / "M") as put_maildir:
        for raw in mails:
            put_mbox(raw, NOON)
            put_maildir(raw, NOON)
    (folder / "m.jsonl").write_bytes(header_line() + b"".join(mail_line(record(raw)) for raw in mails))
    source = sources.mbox(folder / "m", Kind.MBOXRD)
    assert source.records is not None
    back = [source.find(piece.raw) for piece in source.pieces() if piece.raw is not None]
    assert [raw for raw, _ in back] == mails
    assert all(found is not None for _, found in back)
    assert raws(sources.maildir(folder / "M")) == mails
    assert all(piece.received_at == NOON for piece in sources.maildir(folder / "M").pieces())


def test_an_export_does_not_overwrite(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"precious")
    (tmp_path / "M").mkdir()
    (tmp_path / "M" / "x").write_bytes(b"precious")
    with pytest.raises(BadArchive, match="is there already"), mbox_outlet(tmp_path / "m"):
        pass
    with pytest.raises(BadArchive, match="is there already"), maildir_outlet(tmp_path / "M"):
        pass
    assert (tmp_path / "m").read_bytes() == b"precious"


def test_half_an_export_has_no_name(tmp_path: Path) -> None:
    outlet = mbox_outlet(tmp_path / "m")
    outlet.__enter__()(b"x", NOON)
    full = OSError("full")
    assert not outlet.__exit__(OSError, full, None)
    assert not (tmp_path / "m").exists()


def test_an_mbox_piece_has_the_time_in_c_locale() -> None:
    assert mbox_piece(b"a\n", datetime(2026, 3, 1, 2, 3, 4, tzinfo=UTC)) == b"From MAILER-DAEMON Sun Mar  1 02:03:04 2026\na\n\n"


def test_records(tmp_path: Path) -> None:
    full = record(
        b"x", number=7, published_at=NOON, resolutions=(Resolution(NOON, "accept", "decided by hand"),), reverse_path="a@b"
    )
    move = Move(msgid="1@x", parent=None, is_undone=False, at=NOON)
    path = tmp_path / "r.jsonl"
    path.write_bytes(header_line() + b'{"kind":"later"}\n' + mail_line(full) + mail_line(record(b"y")) + move_line(move))
    found = Records(path)
    assert found.find(b"x") == (b"x", full)
    assert found.find(b"x\n") == (b"x", full)
    assert found.find(b"y") == (b"y", record(b"y"))
    assert found.find(b"z\n") == (b"z\n", None)
    assert (found.moves, found.highest) == ([move], 7)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{}\n", "line 1"),
        (header_line().replace(b"1}", b"2}"), "line 1"),
        (header_line() + b"[]\n", "line 2: not a JSON object"),
        (header_line() + b"{\n", "line 2: not a JSON object"),
        (header_line() + b'{"kind":"mail"}\n', "line 2: 'sha256'"),
        (header_line() + mail_line(record(b"x")).replace(b"smtp", b"fax"), "line 2: 'fax'"),
        (header_line() + mail_line(record(b"x")).replace(b"+00:00", b""), "line 2: a time without a zone"),
        (header_line() + b'{"kind":"move","msgid":"x"}\n', "line 2: 'is_undone'"),
    ],
)
def test_broken_records_are_refused(tmp_path: Path, line: bytes, reason: str) -> None:
    (tmp_path / "r.jsonl").write_bytes(line)
    with pytest.raises(BadArchive, match=re.escape(reason)):
        Records(tmp_path / "r.jsonl")
