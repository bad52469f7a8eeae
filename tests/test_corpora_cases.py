"""The threading cases of others (RFC 5256, JWZ, notmuch): the same trees, or a reason why ours are better for readers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.exchange.archives import read_mbox
from gateway.mail.message import Message
from gateway.parse.message import parse_message
from gateway.store.incoming import node_of
from gateway.thread.forest import effective_date, forest
from gateway.thread.titles import subject_key
from gateway.thread.weave import Place, Row, weave

Mails = list[tuple[datetime, Message]]

LOOP = "who answers whom cannot be known: the oldest of a circle is its head, whatever came first"
SAME = "the same mail twice is one post"
NAMED = "it names what it answers, which has not arrived: its subject does not put it elsewhere"
IMPOSTER = "another text under a known Message-ID is a flagged leaf under the first, so that nobody can take a comment's place"
BY_SUBJECT = "equal subjects alone are no answer; only a reply that names no mail at all follows its article by subject"
FOLLOWS = "the case switches joining by subject off; this reply without any id follows its article"
GHOST = "a comment that has not arrived is drawn where it stands, so that its answers are not taken for answers to another"
FORWARD = "a forward is no reply: it starts a thread of its own"
SLIP = "one product's taste: no mail program writes this prefix"
COMMENT = "an id with a comment after it is well-formed (RFC 5322): In-Reply-To says which mail is answered"

# Case, and how many-eth tree of it: what we have there, and why. Numbers are those of the mails, from 1; None is a ghost.
IMAPTEST: dict[tuple[str, int], tuple[list[Any], str]] = {
    ("thread", 0): ([[1, []], [2, [[3, []]]]], LOOP),
    ("thread", 1): ([[1, [[2, []]]]], LOOP),
    ("thread2", 0): ([[1, []]], SAME),
    ("thread4", 0): ([[1, []], [2, []]], NAMED),
    ("thread6", 0): ([[1, []]], SAME),
    ("thread7", 0): ([[1, [[2, [[4, []], [3, []]]]]]], IMPOSTER),
    ("thread-orderedsubject", 0): (
        [[2, [[13, []], [12, []]]], [3, [[11, []]]], *([number, []] for number in (1, *range(4, 11), 14, 15))],
        BY_SUBJECT,
    ),
    ("thread-orderedsubject2", 0): ([[number, []] for number in range(1, 9)], BY_SUBJECT),
}
# Mails that do not hang under what the case says, but for ghosts that it leaves out or we leave out at the top.
MAIL_THREAD = {
    ("t/4.t", "F122YsoaJ70EgyBiQhe00003799@hotmail.com"): ("20000719155037.A27886@O2.chapin.edu", FOLLOWS),
    ("t/3.t", "3E146C15.8000302@ntlworld.com"): ("20030102144211.GV7700@ox.compsoc.net", GHOST),
}
HEADERS = {"Use last Reference when In-Reply-To is dodgy": ("baz@four.com", COMMENT)}
SUBJECTS = {
    "Re: Fwd:  Re:  Software": FORWARD,
    "Fwd : Re : Re: Many": FORWARD,
    "Re: [Fwd: [Fwd: FW: Policy]]": FORWARD,
    'Re: Fwd: [Fwd: FW: "Drink Plenty of Water"]': FORWARD,
    "FW: FW: (fwd) FW:  Warning from XYZ...": FORWARD,
    "FW: (Fwd) (Fwd) ": FORWARD,
    "Fwd: [Fwd: [Fwd: Big, Bad Surf Moving]]": FORWARD,
    "FW: [Fwd: Fw: drawing by a school age child in PA (fwd)]": FORWARD,
    "Re: Fwd": FORWARD,
    "Fwd: Re: fwd is an acronym (four-wheel drive)": FORWARD,
    "this is the subject (fwd)": FORWARD,
    "[RE: (no subject)]": SLIP,
    "Re  : : Re: Many": SLIP,
    "Re:: Many": SLIP,
    "Re; Many": SLIP,
    "RE--": SLIP,
    "RE: : Presidential Ballots for Florida": SLIP,
}


def mails_of(path: Path) -> Mails:
    found = []
    for piece in read_mbox(path):
        assert piece.raw is not None
        assert piece.received_at is not None
        found.append((piece.received_at, parse_message(piece.raw)))
    return found


def outlines(mails: Mails) -> Iterator[list[Place]]:
    """Each thread as it is drawn; the id of a row is the number of its mail."""
    firsts: dict[str, tuple[datetime, Message]] = {}
    kept: dict[tuple[str, bytes], Row] = {}
    rows: list[tuple[int, datetime, Message, bool]] = []
    for number, (at, message) in sorted(enumerate(mails, 1), key=lambda one: (one[1][0], one[1][1].content_hash)):
        if (message.msgid, message.content_hash) in kept:
            continue
        kept[message.msgid, message.content_hash] = Row(message.msgid, None, at)
        rows.append((number, at, message, message.msgid in firsts))
        firsts.setdefault(message.msgid, (at, message))
    woven = forest(node_of(message, at) for at, message in firsts.values())
    for tree in woven.threads():
        ghosts = [Row(msgid, woven.parents[msgid], woven.ghosts[msgid], True) for msgid in tree if msgid in woven.ghosts]
        yield weave(
            [
                *ghosts,
                *(
                    Row(m.msgid, woven.parents[m.msgid], effective_date(m.date, at), False, is_imposter, str(number))
                    for number, at, m, is_imposter in rows
                    if m.msgid in tree
                ),
            ]
        )


def nested(mails: Mails) -> list[Any]:
    """All trees as lists of number (None: a ghost) and children."""
    tops: list[Any] = []
    for places in outlines(mails):
        made: list[Any] = []
        for place in places:
            made.append([int(place.row.id) if place.row.id else None, []])
            (tops if place.parent is None else made[place.parent][1]).append(made[-1])
    return sorted(tops, key=str)


def states(case: dict[str, Any], mails: Mails) -> Iterator[tuple[Mails, list[Any]]]:
    """What is there at each tree of a case, and the tree. Ours is that of the set: it does not know what was there before."""
    here = list(mails) if case["preload"] == "all" else []
    left = mails[len(here) :]
    gone: Sequence[int] = ()
    for step in case["steps"]:
        if "append_next" in step:
            here += left[: step["append_next"]]
            left = left[step["append_next"] :]
        gone = step.get("delete", gone)
        if "expunge" in step:
            here = [mail for number, mail in enumerate(here, 1) if number not in gone]
        if "tree" in step:
            yield here, step["tree"]


def test_imaptest(corpora: Path, subtests: pytest.Subtests) -> None:
    folder = corpora / "b" / "imaptest-thread"
    others = set()
    for case in json.loads((folder / "expected.json").read_text())["cases"]:
        for index, (here, tree) in enumerate(states(case, mails_of(folder / case["mbox"]))):
            with subtests.test(case=case["name"], tree=index):
                if (have := nested(here)) != sorted(tree, key=str):
                    others.add((case["name"], index))
                    assert have == sorted(IMAPTEST[case["name"], index][0], key=str)
    assert others == IMAPTEST.keys()


def parents(places: Sequence[Place]) -> Iterator[tuple[str, str | None]]:
    """Of each mail the msgid that it is drawn under; the top is None, and so is a ghost at the top."""
    for place in places:
        if place.row.is_ghost:
            continue
        above = places[place.parent] if place.parent is not None else None
        is_top = above is None or (above.row.is_ghost and above.parent is None)
        yield place.row.msgid, None if is_top or above is None else above.row.msgid


def test_mail_thread(corpora: Path, subtests: pytest.Subtests) -> None:
    folder = corpora / "b" / "mail-thread"
    others = {}
    for case in json.loads((folder / "expected.json").read_text())["cases"]:
        mails = mails_of(folder / case["mbox"])
        have = {msgid: parent for places in outlines(mails) for msgid, parent in parents(places)}
        assert len(have) == len({message.msgid for _, message in mails})
        path: list[tuple[str, bool]] = []
        for depth, subject, msgid in case["expected_depth_subject_id"]:
            path = [*path[:depth], (msgid, subject is not None)]
            if subject is not None:
                # A ghost at the top, or a row of them, is no parent.
                real = any(is_there for _, is_there in path[:-1])
                want = path[-2][0] if real else None
                if have[msgid] != want:
                    others[case["name"], msgid] = have[msgid]
        with subtests.test(case=case["name"]):
            assert case["expected_roots"] in (None, len(list(outlines(mails)))) or case["name"] == "t/4.t"
    assert others == {key: parent for key, (parent, _) in MAIL_THREAD.items()}


def test_notmuch(corpora: Path) -> None:
    folder = corpora / "b" / "notmuch-threading"
    expected = json.loads((folder / "expected.json").read_text())
    for case in expected["trees"]:
        mails = mails_of(folder / case["mbox"])
        drawn = [place.row for places in outlines(mails) for place in places if not place.row.is_ghost]
        assert {row.msgid for row in drawn} == {message.msgid for _, message in mails}
        assert len([row for row in drawn if not row.is_imposter]) == len({message.msgid for _, message in mails})
        have = {msgid: parent for places in outlines(mails) for msgid, parent in parents(places)}
        stack = [(root, None) for root in case.get("roots", ())]
        while stack:
            (msgid, below), parent = stack.pop()
            stack += [(child, msgid) for child in below]
            # GHOST: this one names a mail that has not arrived, and is drawn under it.
            wanted = "nonexistent-message@example.org" if msgid == "001-fake-message-root@example.org" else parent
            assert have[msgid] == wanted
        # Not as one thread, which they are there by a reference that names nobody's parent: a mail that cites a thousand
        # threads would make them one.
        threads = [{place.row.msgid for place in places} for places in outlines(mails)]
        for *together, other in case.get("same_thread_expected", ()):
            assert any(set(together) <= thread and other not in thread for thread in threads)
    for case in expected["header_cases"]:
        *_, last = case["messages"]
        fields = "".join(f"{name}: {value}\r\n" for name, value in last.items() if name != "id")
        ancestors = parse_message(f"Message-ID: <last@x>\r\n{fields}\r\nHi\r\n".encode()).ancestors
        assert ancestors[0] == HEADERS.get(case["name"], (case["parent_of_last"], ""))[0]
        assert case["parent_of_last"] in ancestors


def test_base_subjects(corpora: Path) -> None:
    pairs = json.loads((corpora / "b" / "base-subject" / "zulip-subjects.json").read_text())
    others = {
        pair["original_subject"]
        for pair in pairs
        if subject_key(pair["original_subject"])[0] != pair["stripped_subject"].casefold()
    }
    assert others == SUBJECTS.keys()
