"""From the outbox to a courier (design 9): claim, compose, carry, settle. One attempt for each letter that is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from gateway.flow.bounces import count_refusal
from gateway.flow.compose import Composer
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum
from gateway.send.courier import Courier, Fate, Outcome
from gateway.send.signing import Signer
from gateway.store import ledger, outbox, roster
from gateway.store.engine import Store

BATCH = 50
LIFE = timedelta(days=5)
# Minutes until the next attempt, then the last of them again and again (design 9).
DELAYS = (1, 5, 15, 30, 60, 120, 240)
_END = {Fate.SENT: outbox.State.SENT, Fate.BOUNCED: outbox.State.BOUNCED, Fate.DEFERRED: outbox.State.READY}
_VERB = {Fate.SENT: Verb.SENT, Fate.BOUNCED: Verb.BOUNCED, Fate.DEFERRED: Verb.DEFERRED}


class Office(NamedTuple):
    """What delivering needs besides the store: who carries, the key for tokens, chance, ids; where our pages are; who signs."""

    courier: Courier
    key: bytes
    random: Random
    new_id: Callable[[], UUID]
    web: str = ""
    signer: Signer | None = None


def next_attempt(attempts: int, now: datetime, jitter: float) -> datetime:
    """When to try again after `attempts` tries; `jitter` in 0..1 spreads letters that failed together."""
    minutes = DELAYS[min(attempts, len(DELAYS)) - 1]
    return now + timedelta(minutes=minutes * (0.8 + 0.4 * jitter))


def deliver(store: Store, office: Office, now: datetime) -> int:
    """One attempt for each letter that is due; returns how many were sent."""
    forums = {forum.id: forum for forum in roster.list_forums(store)}
    composer = Composer(store, office.key, office.web, office.signer)
    sent = 0
    while True:
        with store.write() as db:
            letters = outbox.claim(db, now, BATCH)
        for letter in letters:
            outcome = _attempt(office, composer, forums[letter.forum_id], letter)
            _settle(store, office, letter, outcome, now)
            sent += outcome.fate is Fate.SENT
        if len(letters) < BATCH:
            return sent


def _attempt(office: Office, composer: Composer, forum: Forum, letter: outbox.Letter) -> Outcome:
    recipient = parse_address(letter.recipient)
    if recipient is None:
        return Outcome(Fate.BOUNCED, "not an address")
    try:
        envelope = composer.compose(forum, letter, recipient)
    except Exception as error:  # noqa: BLE001 - one letter that cannot be composed must not stop the others
        log.error("letter not composed", exc_info=True)
        return Outcome(Fate.DEFERRED, f"not composed: {type(error).__name__}")
    try:
        return office.courier.deliver(envelope.reverse_path, recipient, envelope.raw)
    except Exception as error:  # noqa: BLE001 - a courier never raises for trouble on the way: this is ours, and may be mended
        log.error("courier failed", exc_info=True)
        return Outcome(Fate.DEFERRED, f"not carried: {type(error).__name__}")


def _settle(store: Store, office: Office, letter: outbox.Letter, outcome: Outcome, now: datetime) -> None:
    is_too_old = outcome.fate is Fate.DEFERRED and now - letter.at > LIFE
    state = outbox.State.BOUNCED if is_too_old else _END[outcome.fate]
    due_at = next_attempt(letter.attempts, now, office.random.random())
    verb = Verb.BOUNCED if is_too_old else _VERB[outcome.fate]
    with store.write() as db:
        if outbox.settle(db, letter, state=state, reply=outcome.reply, due_at=due_at):
            ledger.note(db, letter.forum_id, id=office.new_id(), at=now, verb=verb, subject=letter.id, detail=outcome.reply)
            if outcome.fate is Fate.BOUNCED:
                count_refusal(db, letter, outcome.reply, now, office.new_id)
    log.info(verb, letter=letter.id.hex, attempts=letter.attempts, reply=outcome.reply)
