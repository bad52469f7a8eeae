"""The same forest by increments: what changes when one more post arrives (design 5, rules 2, 4 and 6).

In: a node, and an `Archive` that answers what is known. Out: changes told to the archive. `thread.forest` is the
definition; this keeps it for one post at the cost of that post alone: a tree is loaded only when it falls in two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from gateway.thread.forest import FOLLOWED, Claim, Key, Node, Rule, claims_of, followed_by, rule_of

# How far up we look for a shorter proof that a tree stays whole before the whole tree is loaded.
WALK = 64


@dataclass(slots=True)
class Container:
    """A post or a ghost as the archive knows it. Mutable: it is the archive's working copy of a row.

    A ghost's `date` and `claimant` are those of its best claim; a post has no claimant. `base` and `is_reply` are those of
    a post's node, and `rule` is what decided its place.
    """

    msgid: str
    is_ghost: bool
    parent: str | None
    thread: UUID
    date: datetime
    claimant: str = ""
    base: str = ""
    is_reply: bool = False
    rule: str = ""

    @property
    def key(self) -> Key:
        """Of a ghost: who speaks for it, to be compared with a new claim."""
        return (self.date, self.claimant)


class Archive(Protocol):
    """What is known of one forum, and where changes go; all within one transaction of the store."""

    def find(self, msgid: str) -> Container | None: ...
    def add(self, container: Container) -> None: ...
    def change(self, container: Container) -> None: ...
    def remove(self, ghost: Container) -> None: ...
    def claims_on(self, ghost: str) -> list[Claim]: ...
    def claims_by(self, claimant: str) -> list[Claim]: ...
    def best_claim(self, ghost: str) -> Claim | None:
        """The claim on `ghost` with the smallest key."""
        ...

    def moved(self, msgid: str) -> tuple[str | None] | None:
        """The parent that was given to that msgid by hand, in a tuple of its own; None when nobody did."""
        ...

    def by_subject(self, base: str, since: datetime, until: datetime) -> list[Container]:
        """The posts with that base subject whose date is in that range, both ends included."""
        ...

    def add_claim(self, claim: Claim) -> None: ...
    def remove_claim(self, claim: Claim) -> None: ...
    def smaller(self, one: UUID, other: UUID) -> tuple[UUID, UUID]:
        """The two threads, the one with fewer containers first."""
        ...

    def merge(self, small: UUID, large: UUID) -> None: ...
    def members(self, thread: UUID) -> list[Container]: ...


def place(node: Node, archive: Archive, new_id: Callable[[], UUID]) -> Container:
    """Takes a post that was not there (or was a ghost) into the forest; returns its container."""
    known = archive.find(node.msgid)
    if known is None:
        _claim(node, archive, new_id)
        known = _create(node.msgid, _parent(node, archive), archive, new_id, date=node.date)
        _settle(known, node, archive, new_id)
        return known
    if not known.is_ghost:
        raise ValueError("already placed")
    known.is_ghost, known.date, known.claimant = False, node.date, ""
    archive.change(known)
    # Its own claims come before those of its claimants are taken back: a ghost that both name must not come and go.
    _claim(node, archive, new_id)
    for claim in archive.claims_on(node.msgid):
        archive.remove_claim(claim)
        behind = [other for other in archive.claims_by(claim.claimant) if other.position > claim.position]
        _withdraw(behind, archive, new_id)
    _link(known, _parent(node, archive), archive, new_id)
    _settle(known, node, archive, new_id)
    return known


def rehead(node: Node, archive: Archive, new_id: Callable[[], UUID]) -> Container:
    """Another mail with the same msgid turned out to be the first one: its headers win (rule 6)."""
    known = archive.find(node.msgid)
    if known is None or known.is_ghost:
        raise ValueError("not placed")
    _link(known, None, archive, new_id)
    _withdraw(archive.claims_by(node.msgid), archive, new_id)
    before = Node(known.msgid, (), known.date, known.base, known.is_reply)
    known.date = node.date
    known.base, known.is_reply = node.base, node.is_reply
    archive.change(known)
    _claim(node, archive, new_id)
    _link(known, _parent(node, archive), archive, new_id)
    _settle(known, node, archive, new_id)
    _draw_followers(before, archive, new_id)
    return known


def move(node: Node, archive: Archive, new_id: Callable[[], UUID]) -> Container:
    """Puts a placed post where `archive.moved` has it by now, or where it belongs by itself when a move was undone.

    ValueError when it is not placed.
    """
    known = archive.find(node.msgid)
    if known is None or known.is_ghost:
        raise ValueError("not placed")
    _link(known, _parent(node, archive), archive, new_id)
    known.rule = rule_of(node, known.parent, is_moved=archive.moved(node.msgid) is not None)
    archive.change(known)
    return known


def _parent(node: Node, archive: Archive) -> str | None:
    """By hand, by reference, or by subject."""
    moved = archive.moved(node.msgid)
    if moved is not None and (moved[0] is None or archive.find(moved[0]) is not None):
        return moved[0]
    if node.ancestors:
        return node.ancestors[0]
    if not node.is_follower:
        return None
    found = archive.by_subject(node.base, node.date - FOLLOWED, node.date)
    return followed_by(node.date, [(one.date, one.msgid) for one in found if not one.is_reply and one.msgid != node.msgid])


def _settle(known: Container, node: Node, archive: Archive, new_id: Callable[[], UUID]) -> None:
    """Writes down what a placed post is to others, and draws those to it that follow it by subject."""
    known.base, known.is_reply = node.base, node.is_reply
    known.rule = rule_of(node, known.parent, is_moved=archive.moved(node.msgid) is not None)
    archive.change(known)
    _draw_followers(node, archive, new_id)


def _draw_followers(article: Node, archive: Archive, new_id: Callable[[], UUID]) -> None:
    """Gives a new parent to the replies by subject for which an article has come or gone."""
    if not article.is_article:
        return
    for follower in archive.by_subject(article.base, article.date, article.date + FOLLOWED):
        if follower.is_reply and archive.moved(follower.msgid) is None:
            node = Node(follower.msgid, (), follower.date, follower.base, is_reply=True)
            _link(follower, _parent(node, archive), archive, new_id)
            rule = Rule.SUBJECT if follower.parent is not None else Rule.ARTICLE
            if follower.rule != rule:
                follower.rule = rule
                archive.change(follower)


def _create(
    msgid: str, parent: str | None, archive: Archive, new_id: Callable[[], UUID], *, date: datetime, claimant: str = ""
) -> Container:
    above = archive.find(parent) if parent is not None else None
    thread = above.thread if above is not None else new_id()
    container = Container(msgid, bool(claimant), parent, thread, date, claimant)
    archive.add(container)
    return container


def _withdraw(claims: Iterable[Claim], archive: Archive, new_id: Callable[[], UUID]) -> None:
    """Takes claims back; a ghost that nobody claims any more goes, one with another best claim moves."""
    for claim in sorted(claims, key=lambda claim: claim.position):
        archive.remove_claim(claim)
        ghost = archive.find(claim.ghost)
        if ghost is None or not ghost.is_ghost:
            continue
        best = archive.best_claim(claim.ghost)
        if best is None:
            # What hung under it is void too, or the post that is being placed, which its own link will move.
            archive.remove(ghost)
        elif best.key != ghost.key:
            _follow(ghost, best, archive, new_id)


def _claim(node: Node, archive: Archive, new_id: Callable[[], UUID]) -> None:
    """Writes what `node` claims; the far end first, so that a ghost's parent exists when the ghost is linked to it."""
    received: set[str] = set()
    for msgid in node.ancestors:
        known = archive.find(msgid)
        if known is not None and not known.is_ghost:
            received.add(msgid)
            break
    for claim in reversed(list(claims_of(node, received))):
        archive.add_claim(claim)
        ghost = archive.find(claim.ghost)
        if ghost is None:
            _create(claim.ghost, claim.next, archive, new_id, date=claim.date, claimant=claim.claimant)
        elif claim.key < ghost.key:
            _follow(ghost, claim, archive, new_id)


def _follow(ghost: Container, best: Claim, archive: Archive, new_id: Callable[[], UUID]) -> None:
    ghost.date, ghost.claimant = best.key
    archive.change(ghost)
    _link(ghost, best.next, archive, new_id)


def _link(child: Container, parent: str | None, archive: Archive, new_id: Callable[[], UUID]) -> None:
    """Hangs `child` (and all below it) under `parent`; splits and merges threads as that asks for."""
    old = child.parent
    if old == parent:
        return
    child.parent = parent
    archive.change(child)
    if old is not None:
        if parent is not None and _reaches(parent, old, child.msgid, archive):
            return
        _split(child, archive, new_id)
    if parent is not None:
        above = archive.find(parent)
        assert above is not None, "a parent is a post or a claimed ghost"
        if above.thread != child.thread:
            archive.merge(*archive.smaller(above.thread, child.thread))


def _reaches(start: str, goal: str, barrier: str, archive: Archive) -> bool:
    """Whether a short walk up from `start` meets `goal` before `barrier`: then child and old parent are still one tree."""
    at: str | None = start
    for _ in range(WALK):
        if at is None or at == barrier:
            return False
        if at == goal:
            return True
        container = archive.find(at)
        at = container.parent if container else None
    return False


def _split(top: Container, archive: Archive, new_id: Callable[[], UUID]) -> None:
    """`top` has just lost its parent: it and what hangs below it become a thread, unless that is all there was."""
    members = archive.members(top.thread)
    children: dict[str | None, list[Container]] = {}
    for member in members:
        children.setdefault(member.parent, []).append(member)
    below = {top.msgid: top}
    queue = [top]
    while queue:
        for child in children.get(queue.pop().msgid, ()):
            if child.msgid not in below:
                below[child.msgid] = child
                queue.append(child)
    if len(below) == len(members):
        return
    thread = new_id()
    for container in below.values():
        container.thread = thread
        archive.change(container)
