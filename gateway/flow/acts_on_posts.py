"""Commands about posts and threads: to get them, follow or mute them, change one's own, move them; and the house rules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from gateway.digest.issue import Issue
from gateway.digest.parts import Caps
from gateway.flow.acts import Act, Answer, is_at_least, is_own, member_of, no_such_post, post_named, words_of
from gateway.flow.alter import NotChanged, make
from gateway.flow.browse import by_key, tell_new, tell_thread
from gateway.flow.desk import Desk
from gateway.flow.rendering import render_parts
from gateway.flow.repair import BadMove, node_of_post
from gateway.journal import Verb
from gateway.mail.forum import Forum, Role
from gateway.mail.piece import Alteration
from gateway.people.request import Command
from gateway.people.sender import Proof, Sender
from gateway.people.vocabulary import Order
from gateway.render.blocks import clean, one_line
from gateway.render.digest import render_thread_text
from gateway.render.wrap import clip
from gateway.store import interests, ledger, moves, outbox, roster, shelf
from gateway.store.changes import UNCHANGED, conditions
from gateway.store.engine import Transaction

# A thread, or all since a day, of more than this is cut, or comes in so many letters.
TEXT_MAX = 500_000
PARTS_MAX = 5


def _get(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """The post as a letter of its own, with its files."""
    post = post_named(db, forum, member_of(sender), command.target)
    if post is None or conditions(db, forum.id, [post.marker]).get(post.marker, UNCHANGED).is_removed:
        return no_such_post(sender)
    return Answer(letters=((outbox.Kind.POST, post.id, ""),))


def _thread(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    post = post_named(db, forum, member, command.target)
    if post is None or post.number is None:
        return no_such_post(sender)
    part = tell_thread(db, forum, by_key(roster.members_in(db, forum.id)), post.thread_id, is_public=True)
    text = render_thread_text(part, member.zone, language=member.language)
    if len(text) > TEXT_MAX:
        more = words.word("This was too long for one letter. Get the rest post by post.")
        text = f"{text[:TEXT_MAX]}\n\n[...]\n\n{more}\n"
    title = clip(one_line(part.title), 60) or words.word("Without a title")
    return Answer(letters=((outbox.Kind.NOTICE, None, f"{title}\n\n{text}"),))


def _since(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """A digest in text of all that was published since the beginning of a day, in the member's zone."""
    member, words = member_of(sender), words_of(sender)
    [day] = command.words
    since = datetime.combine(date.fromisoformat(day), time(), tzinfo=member.zone).astimezone(UTC)
    found = shelf.published_since(db, forum.id, since) if may_read(forum, sender) else {}
    if not found:
        return Answer(words.word("Nothing has been posted since {day}.").format(day=words.day(date.fromisoformat(day))))
    members = by_key(roster.members_in(db, forum.id))
    threads = tuple(tell_new(db, forum, members, found))
    number = ledger.issue_number(db, forum.id, ledger.last_published(db, forum.id, desk.now))
    issue = Issue(forum=forum, number=number, since=since, until=desk.now, threads=threads)
    parts = render_parts(issue, member, Caps(), form="plain")
    letters = tuple((outbox.Kind.NOTICE, None, f"{one.subject}\n\n{one.text}") for _, one in parts[:PARTS_MAX])
    if len(parts) > PARTS_MAX:
        return Answer(words.word("That is a lot: only the first letters of it come. Please ask for a later day."), letters)
    return Answer(letters=letters)


def may_read(forum: Forum, sender: Sender) -> bool:
    """Whether the member may read the posts of others."""
    return is_at_least(member_of(sender), {"editors": Role.EDITOR, "owners": Role.OWNER}.get(forum.policy.read, Role.MEMBER))


def _rules(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    rules = clean(forum.policy.house_rules).strip()
    words = words_of(sender)
    return Answer(rules or words.word("No house rules have been written yet. Be kind, and stay with the subject."))


def _follow(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    post = post_named(db, forum, member, command.target)
    if post is None:
        return no_such_post(sender)
    kind = {Order.FOLLOW: interests.Interest.FOLLOW, Order.MUTE: interests.Interest.MUTE}.get(command.order)
    interests.set_interest(db, forum.id, member.id, post.thread_id, kind, desk.now)
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.CHANGED, subject=member.id, detail=command.order)
    title = clip(one_line(post.subject), 60) or words.word("Without a title")
    said = {
        Order.FOLLOW: words.word("You follow the discussion around this post: {title}. New posts in it come to you at once."),
        Order.MUTE: words.word("The discussion around this post is left out of your digests from now on: {title}"),
    }.get(command.order, words.word("The discussion around this post is to you like any other again: {title}"))
    return Answer(said.format(title=title))


def _change(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """Edit or withdraw: one's own post, while its time runs."""
    member, words = member_of(sender), words_of(sender)
    post = post_named(db, forum, member, command.target)
    if post is None:
        return no_such_post(sender)
    if not is_own(post, member):
        return Answer(words.word("That post is not yours, or not from an address of yours that we know."))
    minutes = forum.policy.edit_minutes
    asked_at = desk.now if sender.proof is Proof.CONFIRMED else mail.received_at
    if not minutes:
        return Answer(words.word("Posts here stay as they are."))
    if asked_at > shelf.mail_of(db, forum.id, post.mail_id).received_at + timedelta(minutes=minutes):
        late = words.word("It is too late to change that post: after {minutes} minutes a post stays as it is.")
        return Answer(late.format(minutes=minutes))
    is_edit = command.order is Order.EDIT
    if is_edit and not command.text.strip():
        return Answer(words.word("There was no new text. Put it into the lines below the command."))
    try:
        what = Alteration.EDITED if is_edit else Alteration.WITHDRAWN
        make(db, forum, post, what, desk.now, desk.new_id, command.text)
    except NotChanged:
        return Answer(words.word("Nothing was changed: your post is like that already."))
    if is_edit:
        return Answer(words.word("Your post #{marker} has its new text.").format(marker=post.marker))
    return Answer(
        words.word("Your post #{marker} is withdrawn. Its place and the answers to it stay.").format(marker=post.marker)
    )


def _move(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    post, parent = (post_named(db, forum, member, marker) for marker in (command.target, *command.words))
    if post is None or parent is None:
        return no_such_post(sender)
    if post.author_key not in member.keys and not is_at_least(member, Role.EDITOR):
        return Answer(words.word("Only its author, editors and moderators move a post."))
    try:
        moves.move(db, forum.id, node_of_post(desk.store, forum, post), parent.msgid, desk.now, desk.new_id)
    except BadMove:
        return Answer(words.word("That post cannot hang there."))
    return Answer(words.word("#{marker} hangs below #{parent} now.").format(marker=post.marker, parent=parent.marker))


POST_ACTS: Mapping[Order, Act] = {
    Order.GET: _get,
    Order.THREAD: _thread,
    Order.SINCE: _since,
    Order.RULES: _rules,
    Order.FOLLOW: _follow,
    Order.MUTE: _follow,
    Order.UNFOLLOW: _follow,
    Order.EDIT: _change,
    Order.WITHDRAW: _change,
    Order.MOVE: _move,
}
