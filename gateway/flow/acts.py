"""What the functions behind commands have in common: how they are called, what they answer, which posts a member may name.

A function for an `Order` gets the desk, the transaction, the forum, the mail, its sender (a member, and what proves it) and the
command. It does what was asked for, and returns an `Answer`. To add one, put it into `flow.command.ACTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from gateway.flow.desk import Desk
from gateway.mail.forum import Forum, Member, Role, Who
from gateway.people.request import Command
from gateway.people.sender import Sender
from gateway.render.wording import Wording, wording
from gateway.store import outbox, shelf
from gateway.store.engine import Transaction


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` goes into the one letter about the mail, "" for nothing; `letters` are more letters: kind, what about, text."""

    text: str = ""
    letters: tuple[tuple[outbox.Kind, UUID | None, str], ...] = ()


Act = Callable[[Desk, Transaction, Forum, shelf.Mail, Sender, Command], Answer]

_RANKS = {Who.ANYONE: 0, Who.MEMBERS: 0, Who.EDITORS: 1, Who.OWNERS: 3}
_RANK_OF = {Role.MEMBER: 0, Role.EDITOR: 1, Role.MODERATOR: 2, Role.OWNER: 3}


def member_of(sender: Sender) -> Member:
    """The member who asks; nobody else gets as far."""
    if sender.member is None:
        raise ValueError("a stranger asks for what only members may")
    return sender.member


def is_at_least(member: Member, role: Role) -> bool:
    return _RANK_OF[member.role] >= _RANK_OF[role]


def words_of(sender: Sender) -> Wording:
    return wording(member_of(sender).language)


def post_named(db: Transaction, forum: Forum, member: Member, marker: str) -> shelf.Post | None:
    """The post with that marker if that member may see it; what he may not see is not there.

    Others' posts are there once they are published.
    """
    post = shelf.find_post(db, forum.id, marker)
    if post is None or post.marker != marker:
        return None
    may_read = _RANK_OF[member.role] >= _RANKS[forum.policy.read]
    return post if is_own(post, member) or (may_read and post.number is not None) else None


def is_own(post: shelf.Post, member: Member) -> bool:
    return bool(post.author_key) and not post.tag and post.author_key in member.keys


def no_such_post(sender: Sender) -> Answer:
    """The same for what is not there, what is not to be seen, and what was taken away."""
    words = words_of(sender)
    return Answer(words.word("There is no post with that marker."))
