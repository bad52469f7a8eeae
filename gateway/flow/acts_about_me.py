"""Commands about the member who sends them: settings, pauses, name, own posts, what is kept of him, and being forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

from gateway.flow.acts import Act, Answer, is_at_least, member_of, words_of
from gateway.flow.desk import Desk
from gateway.journal import Verb
from gateway.mail.forum import Forum, Member, Role, Standing
from gateway.people.lookalike import Flaw, flaw_of, shown_handle
from gateway.people.preferences import DAYS, with_preferences
from gateway.people.request import Command
from gateway.people.sender import Sender
from gateway.people.vocabulary import Order
from gateway.render.answers import flaw_line
from gateway.render.blocks import one_line
from gateway.render.wording import Wording, wording
from gateway.render.wrap import clip
from gateway.store import interests, ledger, outbox, roster, shelf
from gateway.store.engine import Transaction

POSTS_MAX = 100
_TITLE = 50


def _set(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member = member_of(sender)
    if not command.words:
        return _status(desk, db, forum, mail, sender, command)
    if any(word.startswith("cases=") for word in command.words) and not is_at_least(member, Role.MODERATOR):
        words = words_of(sender)
        return Answer(words.word("cases: only moderators get any, so there is nothing to set."))
    changed = with_preferences(member, command.words)
    _write(desk, db, forum, changed, " ".join(word.partition("=")[0] for word in command.words))
    return _told(changed, desk.now.date(), is_new=True)


def _status(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    return _told(member_of(sender), desk.now.date(), is_new=False)


def _told(member: Member, today: date, *, is_new: bool) -> Answer:
    """All settings, as one would write them after "set"."""
    words = wording(member.language)
    lines = [
        f"digest={member.rhythm if member.has_digest else 'off'}",
        f"hour={member.hour:02d}:{member.minute:02d}",
        f"day={DAYS[member.weekday]}",
        f"zone={member.zone.key}",
        f"form={member.form}",
        f"language={member.language}",
        f"pause={_pause_of(member, today)}",
        f"receipts={member.receipts}",
        *([f"cases={member.cases}"] if is_at_least(member, Role.MODERATOR) else []),
    ]
    more = [words.word("Your name here: {handle}").format(handle=one_line(member.handle) or words.word("(no name)"))]
    if member.bounces.paused_at is not None:
        more.append(words.word("Nothing is sent to you at present, since our letters came back. To have them again: resume"))
    if not is_new:
        more.append(words.word('To change something, write it like this into the subject of a mail: "set hour=18:00"'))
    first = words.word("This is set for you now:") if is_new else words.word("This is set for you:")
    return Answer("\n".join([first, "", *(f"  {line}" for line in lines), "", *more]))


def _pause_of(member: Member, today: date) -> str:
    until = member.paused_until
    return until.isoformat() if until is not None and until >= today else "off"


def _pause(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    [when] = command.words
    today = desk.now.astimezone(member.zone).date()
    until = today + timedelta(days=int(when[1:])) if when.startswith("+") else date.fromisoformat(when)
    if until <= today:
        return Answer(words.word("pause: that day has passed, so nothing was changed."))
    _write(desk, db, forum, replace(member, paused_until=until), "pause")
    said = words.word("No digest comes before {day}. What is posted until then comes with the first one after it.")
    return Answer(said.format(day=words.day(until)))


def _resume(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    changed = with_preferences(replace(member, has_digest=True), ["pause=off", "bounces=0"])
    _write(desk, db, forum, changed, "resume")
    return Answer(words.word("Digests come to you again."))


def _handle(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    """Badge and standing belong to the name: the new one begins without."""
    member, words = member_of(sender), words_of(sender)
    wanted = shown_handle(command.text)
    forums = roster.forums(db)
    flaw = flaw_of(wanted, [name for one in forums for name in (one.name, one.title) if name])
    if flaw is Flaw.NONE and roster.is_handle_taken(db, wanted, member.keys):
        flaw = Flaw.TAKEN
    if flaw is not Flaw.NONE:
        return Answer(flaw_line(flaw, member.language))
    if wanted == member.handle:
        return Answer(words.word("That is your name already."))
    standing = Standing.NEW if member.standing is Standing.TRUSTED else member.standing
    _write(desk, db, forum, replace(member, handle=wanted, badge="", standing=standing), "handle")
    return Answer(words.word("From now on your name here is {handle}, on older posts too.").format(handle=one_line(wanted)))


def _posts(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    posts = shelf.posts_by(db, forum.id, member.keys, POSTS_MAX)
    if not posts:
        return Answer(words.word("You have not posted anything yet."))
    lines = [f"  #{post.marker}  {words.day(post.date.astimezone(member.zone).date())}  {_title(post, words)}" for post in posts]
    return Answer("\n".join([words.word("Your posts, the latest first:"), "", *lines]))


def _title(post: shelf.Post, words: Wording) -> str:
    return clip(one_line(post.subject), _TITLE) or words.word("Without a title")


def _export(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    subject = words.word("{name}: all that is yours").format(name=one_line(forum.title) or forum.name)
    said = words.word("Attached is a ZIP file with your settings and with each of your posts as it came.")
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.ANSWERED, subject=member.id, detail="export")
    return Answer(letters=((outbox.Kind.EXPORT, None, f"{subject}\n\n{said}\n"),))


def _forget(desk: Desk, db: Transaction, forum: Forum, mail: shelf.Mail, sender: Sender, command: Command) -> Answer:
    member, words = member_of(sender), words_of(sender)
    outbox.drop_waiting(db, forum.id, member.id, "the member wished to be forgotten")
    interests.forget_interests(db, forum.id, member.id)
    former = roster.forget_member(db, member)
    shelf.rename_author(db, forum.id, member.keys, former.address.key)
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.LEFT, subject=member.id, detail="forgotten")
    return Answer(words.word("You are no member any more, and your posts have lost your name. This is our last letter to you."))


def _write(desk: Desk, db: Transaction, forum: Forum, member: Member, detail: str) -> None:
    roster.write_member(db, member)
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.CHANGED, subject=member.id, detail=detail)


MEMBER_ACTS: Mapping[Order, Act] = {
    Order.SET: _set,
    Order.STATUS: _status,
    Order.PAUSE: _pause,
    Order.RESUME: _resume,
    Order.HANDLE: _handle,
    Order.POSTS: _posts,
    Order.EXPORT: _export,
    Order.FORGET: _forget,
}
