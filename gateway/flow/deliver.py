"""From the outbox to a courier (design 9): claim, compose, carry, settle. One attempt for each letter that is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from gateway.journal import Verb, log
from gateway.mail.address import Address, parse_address
from gateway.mail.forum import Forum
from gateway.mail.token import make_token
from gateway.render.digest import Rendering
from gateway.render.letter import compose_digest
from gateway.send.courier import Courier, Fate, Outcome
from gateway.store import ledger, roster
from gateway.store.engine import Store

BATCH = 50
LIFE = timedelta(days=5)
TOKEN_LIFE = timedelta(days=400)
# Minutes until the next attempt, then the last of them again and again (design 9).
DELAYS = (1, 5, 15, 30, 60, 120, 240)
_END = {Fate.SENT: ledger.State.SENT, Fate.BOUNCED: ledger.State.BOUNCED, Fate.DEFERRED: ledger.State.READY}
_VERB = {Fate.SENT: Verb.SENT, Fate.BOUNCED: Verb.BOUNCED, Fate.DEFERRED: Verb.DEFERRED}


class Office(NamedTuple):
    """What delivering needs besides the store: the courier, the key for tokens, chance and ids."""

    courier: Courier
    key: bytes
    random: Random
    new_id: Callable[[], UUID]


def next_attempt(attempts: int, now: datetime, jitter: float) -> datetime:
    """When to try again after `attempts` tries; `jitter` in 0..1 spreads letters that failed together."""
    minutes = DELAYS[min(attempts, len(DELAYS)) - 1]
    return now + timedelta(minutes=minutes * (0.8 + 0.4 * jitter))


def deliver(store: Store, office: Office, now: datetime) -> int:
    """One attempt for each letter that is due; returns how many were sent."""
    forums = {forum.id: forum for forum in roster.list_forums(store)}
    sent = 0
    while True:
        with store.write() as db:
            letters = ledger.claim(db, now, BATCH)
        for letter in letters:
            outcome = _attempt(store, office, forums[letter.forum_id], letter, now)
            _settle(store, office, letter, outcome, now)
            sent += outcome.fate is Fate.SENT
        if len(letters) < BATCH:
            return sent


def _attempt(store: Store, office: Office, forum: Forum, letter: ledger.Letter, now: datetime) -> Outcome:
    recipient = parse_address(letter.recipient)
    if recipient is None:
        return Outcome(Fate.BOUNCED, "not an address")
    try:
        reverse_path, raw = compose(store, office.key, forum, letter, recipient)
    except Exception as error:  # noqa: BLE001 - one letter that cannot be composed must not stop the others
        log.error("letter not composed", exc_info=True)
        return Outcome(Fate.DEFERRED, f"not composed: {type(error).__name__}")
    try:
        return office.courier.deliver(reverse_path, recipient, raw)
    except Exception as error:  # noqa: BLE001 - a courier never raises for trouble on the way: this is ours, and may be mended
        log.error("courier failed", exc_info=True)
        return Outcome(Fate.DEFERRED, f"not carried: {type(error).__name__}")


def compose(store: Store, key: bytes, forum: Forum, letter: ledger.Letter, recipient: Address) -> tuple[Address, bytes]:
    """The reverse-path and the bytes of a letter: the rendering that many share, and what is personal."""
    with store.read() as db:
        issue, rendered = ledger.find_issue(db, forum.id, letter.issue_id)
        form = roster.form_of(db, forum.id, letter.member_id)
    expires = (letter.at + TOKEN_LIFE).date()

    def address(word: str, purpose: str) -> Address:
        member = letter.member_id.bytes[-4:]
        token = make_token(key, purpose, forum.list_id, marker=issue.id.bytes[-6:], member=member, expires=expires)
        return Address(f"{forum.name}{word}{token}", forum.domain)

    reverse_path = address("-bounces+", "bounces")
    raw = compose_digest(
        Rendering(subject=rendered.subject, text=rendered.text, html=rendered.html),
        forum=forum,
        member_address=recipient,
        msgid=issue.msgid,
        reply_to=address("+d-", "digest"),
        date=letter.at,
        references=(issue.previous,) if issue.previous else (),
        form=form,
        boundary=f"=_{issue.id.hex}",
    )
    return reverse_path, raw


def _settle(store: Store, office: Office, letter: ledger.Letter, outcome: Outcome, now: datetime) -> None:
    is_too_old = outcome.fate is Fate.DEFERRED and now - letter.at > LIFE
    state = ledger.State.BOUNCED if is_too_old else _END[outcome.fate]
    due_at = next_attempt(letter.attempts, now, office.random.random())
    verb = Verb.BOUNCED if is_too_old else _VERB[outcome.fate]
    with store.write() as db:
        if ledger.settle(db, letter, state=state, reply=outcome.reply, due_at=due_at):
            ledger.note(db, letter.forum_id, id=office.new_id(), at=now, verb=verb, subject=letter.id, detail=outcome.reply)
    log.info(verb, letter=letter.id.hex, attempts=letter.attempts, reply=outcome.reply)
