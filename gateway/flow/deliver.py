"""From the outbox to the couriers (design 9): claim, look again, compose, carry, settle. One attempt for each letter that is due.

Each courier has a thread, and one letter at a time, whose end is committed before the next is begun: a process that is
killed leaves at most one letter for each courier of which nobody knows whether it went, and that is sent again with the same
Message-ID. Any number of processes may do this with one store: a letter is claimed under a lease with a fencing number.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from gateway.flow.bounces import count_refusal
from gateway.flow.compose import Composer
from gateway.flow.lease import Leases
from gateway.flow.settler import Settler
from gateway.flow.sheaf import Sheaf
from gateway.flow.way import Way
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.send.courier import Courier, Fate, Fault, Outcome
from gateway.send.signing import Signer
from gateway.store import ledger, outbox
from gateway.store.engine import Store, Transaction

BATCH = 50
LIFE = timedelta(days=5)
# Minutes until the next attempt, then the last of them again and again (design 9).
DELAYS = (1, 5, 15, 30, 60, 120, 240)
_END = {Fate.SENT: outbox.State.SENT, Fate.BOUNCED: outbox.State.BOUNCED, Fate.DEFERRED: outbox.State.READY}
_VERB = {Fate.SENT: Verb.SENT, Fate.BOUNCED: Verb.BOUNCED, Fate.DEFERRED: Verb.DEFERRED}


def _stands_still() -> float:
    return 0.0


def _never() -> bool:
    return False


class Office(NamedTuple):
    """What delivering needs besides the store: who carries, the key for tokens, chance, ids; where our pages are; who signs.

    `others` carry at the same time as `courier`, each in a thread. `clock` gives seconds since some moment; `is_over` says
    whether to stop after the letters in hand.
    """

    courier: Courier
    key: bytes
    random: Random
    new_id: Callable[[], UUID]
    web: str = ""
    signer: Signer | None = None
    others: tuple[Courier, ...] = ()
    way: Way | None = None
    clock: Callable[[], float] = _stands_still
    is_over: Callable[[], bool] = _never
    lease: timedelta = outbox.LEASE


def next_attempt(attempts: int, now: datetime, jitter: float) -> datetime:
    """When to try again after `attempts` tries; `jitter` in 0..1 spreads letters that failed together."""
    minutes = DELAYS[min(attempts, len(DELAYS)) - 1]
    return now + timedelta(minutes=minutes * (0.8 + 0.4 * jitter))


def why_dropped(letter: outbox.Letter, wants_digest: bool | None) -> str:
    """Why a letter is not wanted any more, "" when it is: who has left (None) gets nothing; a notice may be just about that."""
    if letter.member_id is None or letter.kind in outbox.DUTIES:
        return ""
    if wants_digest is None:
        return "no member any more"
    return "" if wants_digest or letter.kind not in outbox.TELLING else "wants no digest any more"


def deliver(store: Store, office: Office, now: datetime) -> int:
    """One attempt for each letter that is due; returns how many were sent. Who carries nothing closes its connection."""
    run = _Run(store, office, now)
    couriers = (office.courier, *office.others)
    sent = 0
    if len(couriers) == 1:
        sent = run.work(office.courier)
    elif run.has_work():
        with ThreadPoolExecutor(len(couriers), "courier") as pool:
            sent = sum(pool.map(run.work, couriers))
    else:
        for courier in couriers:
            courier.close()
    store.forget_deleted(has_some=run.has_forgotten)
    return sent


class _Run:
    """One run over what is due, shared by its threads."""

    def __init__(self, store: Store, office: Office, now: datetime) -> None:
        self._store = store
        self._office = office
        self._way = office.way or Way()
        self._now = now
        self.has_forgotten = False
        self._begun = office.clock()
        self._settler = Settler(store)
        self._composer = Composer(store, office.key, office.web, office.signer)

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self._office.clock() - self._begun)

    def has_work(self) -> bool:
        with self._store.read() as db:
            return outbox.is_due(db, self.now())

    def work(self, courier: Courier) -> int:
        """Carries letters until none is due, the way out fails, no more may go, or it is over; how many were sent."""
        sent = tried = 0
        with Leases(self._store, self.now, self._office.lease) as leases:
            while not self._office.is_over() and (letters := self._claim(leases)):
                done = self._carry_all(courier, leases, letters)
                sent += done
                tried += len(letters)
        if not tried:
            courier.close()
        return sent

    def _claim(self, leases: Leases) -> list[outbox.Letter]:
        wanted = self._way.take(BATCH, self._office.clock())
        if not wanted:
            return []
        now = self.now()
        with self._store.write() as db:
            letters = outbox.claim(db, now, wanted, self._office.lease)
        self._way.give_back(wanted - len(letters))
        leases.add(letters, now)
        return letters

    def _carry_all(self, courier: Courier, leases: Leases, letters: list[outbox.Letter]) -> int:
        """One letter after the other; the rest is put back when the way out fails or it is over. How many were sent."""
        sent = 0
        sheaf = Sheaf(self._store, letters, self._office.clock)
        for index, letter in enumerate(letters):
            if self._office.is_over():
                self._put_back(leases, letters[index:], None)
                break
            if not leases.holds(letter):
                log.warning("lease lost", letter=letter.id.hex)
                continue
            outcome = self._attempt(courier, letter, sheaf)
            if outcome is not None and outcome.fault is not Fault.LETTER:
                self._put_back(leases, letters[index:], outcome)
                break
            if outcome is not None:
                sent += outcome.fate is Fate.SENT
                self._settle(letter, outcome)
            leases.end(letter)
        return sent

    def _attempt(self, courier: Courier, letter: outbox.Letter, sheaf: Sheaf) -> Outcome | None:
        """None when the letter is not wanted any more, and dropped."""
        recipient = parse_address(letter.recipient)
        if recipient is None:
            return Outcome(Fate.BOUNCED, "not an address")
        try:
            envelope = self._composer.compose(sheaf.forum_of(letter), letter, recipient, sheaf.issue_of(letter))
        except Exception as error:  # noqa: BLE001 - one letter that cannot be composed must not stop the others
            log.error("letter not composed", exc_info=True)
            return Outcome(Fate.DEFERRED, f"not composed: {type(error).__name__}")
        why = why_dropped(letter, sheaf.wants_digest(letter))
        if why:
            self._drop(letter, why)
            return None
        try:
            return courier.deliver(envelope.reverse_path, recipient, envelope.raw)
        except Exception as error:  # noqa: BLE001 - a courier never raises for trouble on the way: this is ours, and may be mended
            log.error("courier failed", exc_info=True)
            courier.close()
            return Outcome(Fate.DEFERRED, f"not carried: {type(error).__name__}")

    def _drop(self, letter: outbox.Letter, why: str) -> None:
        now = self.now()
        with self._store.write() as db:
            if outbox.settle(db, letter, state=outbox.State.DROPPED, reply=why, due_at=now):
                self._note(db, letter, Verb.DISCARDED, now, f"letter dropped: {why}")
        log.info(Verb.DISCARDED, letter=letter.id.hex, why=why)

    def _settle(self, letter: outbox.Letter, outcome: Outcome) -> None:
        now = self.now()
        is_too_old = outcome.fate is Fate.DEFERRED and now - letter.at > LIFE
        state = outbox.State.BOUNCED if is_too_old else _END[outcome.fate]
        due_at = next_attempt(letter.attempts, now, self._office.random.random())
        verb = Verb.BOUNCED if is_too_old else _VERB[outcome.fate]
        had_failed, may_be_noted = self._way.worked()

        def write(db: Transaction) -> bool:
            if may_be_noted:
                outbox.end_trouble(db)
            if letter.kind is outbox.Kind.RECEIPT:
                return self._settle_receipt(db, letter, state, due_at)
            if not outbox.settle(db, letter, state=state, reply=outcome.reply, due_at=due_at):
                return False
            self._note(db, letter, verb, now, outcome.reply)
            if outcome.fate is Fate.BOUNCED:
                count_refusal(db, letter, outcome.reply, now, self._office.new_id)
            return True

        is_ours = self._settler.settle(write)
        if had_failed:
            log.info("the way out works again")
        if letter.kind is outbox.Kind.RECEIPT:
            return
        if not is_ours:
            log.error("sent after the lease was lost: may go twice", letter=letter.id.hex)
        log.info(verb, letter=letter.id.hex, attempts=letter.attempts, reply=_without_address(outcome.reply, letter))

    def _settle_receipt(self, db: Transaction, letter: outbox.Letter, state: outbox.State, due_at: datetime) -> bool:
        """Without a word in journal or log: its row names the author of an anonymous post, and is gone with it."""
        if state is outbox.State.READY:
            return outbox.settle(db, letter, state=state, reply="", due_at=due_at)
        self.has_forgotten = True
        return outbox.forget(db, letter)

    def _note(self, db: Transaction, letter: outbox.Letter, verb: Verb, now: datetime, detail: str) -> None:
        ledger.note(db, letter.forum_id, id=self._office.new_id(), at=now, verb=verb, subject=letter.id, detail=detail)

    def _put_back(self, leases: Leases, letters: list[outbox.Letter], failure: Outcome | None) -> None:
        """Letters wait as if nobody had tried them; a failure of the way out pauses it, and is told once."""
        now = self.now()
        if failure is not None:
            is_first, seconds = self._way.failed(self._office.clock(), self._office.random.random())
            reply = _without_address(failure.reply, letters[0])
            if is_first:
                tell = log.error if failure.fault is Fault.SETUP else log.warning
                tell("the way out fails: letters wait", reply=reply, seconds=round(seconds))
        for letter in letters:
            leases.end(letter)
        with self._store.write() as db:
            outbox.put_back(db, letters, now, None if failure is None else failure.reply)
            if failure is not None:
                outbox.note_trouble(db, now, reply)
        self._way.give_back(len(letters))


def _without_address(reply: str, letter: outbox.Letter) -> str:
    """As it may be logged: mail servers like to say whom they mean."""
    return reply.replace(letter.recipient, "the recipient")
