"""The forest of a forum as a pure function of a set of posts and moves (design 5, rules 2-5, 8 and 10): the definition.

In: nodes (msgid, ancestors nearest first, date). Out: the parent of each post and ghost, and the threads. The store keeps
the same forest by increments (`thread.place`); a property test holds the two together.

A post's parent is its nearest ancestor. A ghost is an ancestor that nobody has received and that somebody claims: a post
claims the ghosts at the near end of its chain, up to the first ancestor that was received. A ghost's parent is what
comes next in the chain of its claimant with the smallest (date, msgid). A post that names no ancestor but has a reply prefix
follows the latest article of its base subject. A move by hand comes before all of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FUTURE = timedelta(days=1)
# How much older an article may be than a reply that names it by nothing but its subject.
FOLLOWED = timedelta(days=30)
OLDEST_YEAR = 1990

Key = tuple[datetime, str]


class Rule(StrEnum):
    """What decided a post's place."""

    MOVED = "moved by hand"
    REFERENCE = "reference"
    SUBJECT = "subject"
    ARTICLE = "article"
    IMPOSTER = "imposter"


@dataclass(frozen=True, slots=True)
class Node:
    """What threading needs to know of one received post.

    `base` is the base subject of a post without ancestors, else ""; `is_reply`: its subject has a reply prefix.
    """

    msgid: str
    ancestors: tuple[str, ...]
    date: datetime
    base: str = ""
    is_reply: bool = False

    @property
    def is_article(self) -> bool:
        """Whether others may follow it by subject."""
        return bool(self.base) and not self.is_reply

    @property
    def is_follower(self) -> bool:
        return bool(self.base) and self.is_reply

    @property
    def key(self) -> Key:
        """Order among siblings, and who wins where claims differ."""
        return (self.date, self.msgid)


@dataclass(frozen=True, slots=True)
class Claim:
    """`claimant` says that ghost `ghost`, at `position` of its chain, has the parent `next` (None: chain ends here)."""

    ghost: str
    claimant: str
    position: int
    next: str | None
    date: datetime

    @property
    def key(self) -> Key:
        return (self.date, self.claimant)


@dataclass(frozen=True, slots=True)
class Forest:
    """`parents` names the parent of every post and ghost (before cycles are cut); `ghosts` maps a ghost to its date."""

    parents: Mapping[str, str | None]
    ghosts: Mapping[str, datetime]

    def threads(self) -> list[frozenset[str]]:
        """The msgids of each tree, in no order."""
        root_of: dict[str, str] = {}
        for start in self.parents:
            path: list[str] = []
            at: str | None = start
            seen: set[str] = set()
            while at is not None and at not in root_of and at not in seen:
                seen.add(at)
                path.append(at)
                at = self.parents[at]
            root = path[-1] if at is None else root_of.get(at, at)
            for msgid in path:
                root_of[msgid] = root
        members: dict[str, set[str]] = {}
        for msgid, root in root_of.items():
            members.setdefault(root, set()).add(msgid)
        return [frozenset(group) for group in members.values()]


def effective_date(date: datetime | None, received_at: datetime) -> datetime:
    """The date that orders a post: its Date field, or `received_at` where that is missing or absurd (design 5.8)."""
    if date is None or date.year < OLDEST_YEAR or date > received_at + FUTURE:
        return received_at
    return date


def claims_of(node: Node, received: Mapping[str, object] | set[str]) -> Iterator[Claim]:
    """What `node` says of ghosts: the near end of its chain, up to the first ancestor in `received`."""
    chain = node.ancestors
    for position, ghost in enumerate(chain):
        if ghost in received:
            return
        following = chain[position + 1] if position + 1 < len(chain) else None
        yield Claim(ghost, node.msgid, position, following, node.date)


def followed_by(follower: datetime, articles: Iterable[Key]) -> str | None:
    """Of `articles` with the same base subject the latest that a reply of that date may follow; its msgid.

    One of the same second may be: mails tell no more, and an article follows nothing, so that no circle comes of it.
    """
    return max((key for key in articles if key[0] <= follower <= key[0] + FOLLOWED), default=(follower, None))[1]


def forest(nodes: Iterable[Node], moves: Mapping[str, str | None] | None = None) -> Forest:
    """The forest of `nodes`; each msgid at most once (imposters are leaves of their first and not given here).

    `moves` names the parent that somebody gave to a post by hand, None for the start of a thread.
    """
    received = {node.msgid: node for node in nodes}
    best: dict[str, Claim] = {}
    articles: dict[str, list[Key]] = {}
    for node in received.values():
        for claim in claims_of(node, received):
            if claim.ghost not in best or claim.key < best[claim.ghost].key:
                best[claim.ghost] = claim
        if node.is_article:
            articles.setdefault(node.base, []).append(node.key)
    parents: dict[str, str | None] = {ghost: claim.next for ghost, claim in best.items()}
    for node in received.values():
        parents[node.msgid] = node.ancestors[0] if node.ancestors else None
        if node.is_follower:
            parents[node.msgid] = followed_by(node.date, articles.get(node.base, ()))
    for msgid, parent in (moves or {}).items():
        if msgid in received and (parent is None or parent in parents):
            parents[msgid] = parent
    return Forest(parents, {ghost: claim.date for ghost, claim in best.items()})


def rule_of(node: Node, parent: str | None, *, is_moved: bool) -> Rule:
    """What decided that `node` hangs under `parent`."""
    if is_moved:
        return Rule.MOVED
    if node.ancestors:
        return Rule.REFERENCE
    return Rule.SUBJECT if parent is not None else Rule.ARTICLE
