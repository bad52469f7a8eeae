"""The rules for one mail and one recipient, in the order they are asked; the first hit decides (design 4).

In: a `Case`. Out: a `Decision`. A rule neither logs nor writes. An import takes everything that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.admit.rules import HeaderRule, RuleVerb, first_hit
from gateway.mail.answer import is_issue
from gateway.mail.envelope import Envelope, Via
from gateway.mail.forum import Destination, Posting, Purpose, Role, Standing
from gateway.mail.message import Automation, Message
from gateway.mail.token import names_nobody
from gateway.mail.verdict import ACCEPTED, Decision, Reason, Verdict
from gateway.people.rights import is_exempt, may
from gateway.people.sender import NOBODY, Proof, Sender
from gateway.people.votes import report_in, vote_in

HOPS_MAX = 50
HEADER_MAX = 256 * 1024
_BULK = frozenset({"bulk", "junk", "list"})
# What is to be posted.
POSTS = (Purpose.POST, Purpose.ENTRY, Purpose.ANONYMOUS)
# Held until `flow.desk` has read them.
_FOR_DESK = {
    Purpose.REQUEST: Reason.COMMAND,
    Purpose.JOIN: Reason.COMMAND,
    Purpose.CONFIRM: Reason.CONFIRMATION,
    Purpose.UP: Reason.VOTE,
    Purpose.DOWN: Reason.VOTE,
    Purpose.REPORT: Reason.REPORT,
    Purpose.CASE: Reason.RULING,
    Purpose.DIGEST: Reason.DIGEST_ANSWER,
}
_MAY_BE_NAMELESS = frozenset({Purpose.POST, Purpose.ENTRY, Purpose.ANONYMOUS})
_NEVER_NAMELESS = frozenset({Purpose.BOUNCES, Purpose.LEAVE})


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: one mail for one recipient.

    The `sender` of an anonymous one has no role. `starts_thread`: it answers nothing; `is_locked`: what it answers is locked;
    `is_over_limit`: it would be one post too many in this hour.
    """

    envelope: Envelope
    message: Message
    destination: Destination
    sender: Sender = NOBODY
    starts_thread: bool = False
    is_locked: bool = False
    is_over_limit: bool = False

    @property
    def is_mirrored(self) -> bool:
        """Whether it comes by a list that this forum mirrors."""
        return bool(set(self.message.list_ids) & set(self.destination.forum.mirrors))

    @property
    def is_of_known(self) -> bool:
        """Whether it is judged by its author: not in a forum where everybody may post, nor by a list that is mirrored."""
        return self.destination.forum.policy.posting is not Posting.OPEN and not self.is_mirrored

    @property
    def standing(self) -> Standing | None:
        """That of an author whose posts are not taken without a look; None of all others."""
        member = self.sender.member
        return member.standing if self.is_of_known and member is not None and not is_exempt(member) else None

    @property
    def is_anonymous(self) -> bool:
        """Whether its author wants to be Anonymous Coward."""
        return is_nameless(self.message, self.destination)

    @property
    def is_blind(self) -> bool:
        """Whether nothing of it may be kept as it came: `flow.anonymous` makes what is kept."""
        return self.is_anonymous or self.destination.purpose is Purpose.WITHDRAW


def is_nameless(message: Message, destination: Destination) -> bool:
    """Whether the author of a mail wants to be Anonymous Coward: by the address, or by the first line."""
    purpose = destination.purpose
    return purpose is Purpose.ANONYMOUS or (message.wants_anonymity and purpose not in _NEVER_NAMELESS)


Rule = Callable[[Case], Decision | None]


def hops(case: Case) -> Decision | None:
    """A mail that loops grows a Received field a turn (RFC 5321 section 6.3)."""
    return Decision(Verdict.REFUSE, Reason.LOOP) if case.message.received_count > HOPS_MAX else None


def header_size(case: Case) -> Decision | None:
    return Decision(Verdict.REFUSE, Reason.HEADER_TOO_LARGE) if case.message.header_size > HEADER_MAX else None


def bounce(case: Case) -> Decision | None:
    """Kept for the bounce reader, never a post. One of a letter about an anonymous post names its author: not kept."""
    if case.destination.purpose is Purpose.BOUNCES and names_nobody(case.destination.token):
        return Decision(Verdict.REFUSE, Reason.BOUNCE)
    return Decision(Verdict.DISCARD, Reason.BOUNCE) if case.destination.purpose is Purpose.BOUNCES else None


def leaving(case: Case) -> Decision | None:
    """Held for `flow.leave`, which reads the token: that is the proof, whoever wrote. A program's mail gets no answer."""
    if case.destination.purpose is not Purpose.LEAVE or not case.destination.token:
        return None
    is_by_program = automatic(case) is not None or maybe_automatic(case) is not None
    return Decision(Verdict.HOLD, Reason.LEAVING_BY_PROGRAM if is_by_program else Reason.LEAVING)


def nameless(case: Case) -> Decision | None:
    """Before every rule that would keep the mail as it came. What is anonymous must be a member's, and proved (design 7)."""
    if not case.is_blind:
        return None
    purpose, sender = case.destination.purpose, case.sender
    if automatic(case) or maybe_automatic(case):
        return Decision(Verdict.REFUSE, Reason.AUTOMATIC)
    if purpose is Purpose.WITHDRAW:
        return Decision(Verdict.HOLD, Reason.WITHDRAWAL)
    if sender.member is None or not sender.is_proved:
        return Decision(Verdict.REFUSE, Reason.ANONYMOUS_UNPROVED)
    if purpose not in _MAY_BE_NAMELESS:
        return Decision(Verdict.REFUSE, Reason.ANONYMOUS)
    if case.message.is_unreadable:
        return Decision(Verdict.REFUSE, Reason.UNREADABLE)
    return Decision(Verdict.REFUSE, Reason.OWN_LIST) if own_list(case) else None


def own_list(case: Case) -> Decision | None:
    """Our own letter, sent back by a subscriber that is a list, perhaps as its own."""
    is_own = case.sender.is_us or case.destination.forum.list_id in case.message.list_ids
    return Decision(Verdict.DISCARD, Reason.OWN_LIST) if is_own else None


def automatic(case: Case) -> Decision | None:
    """Bounces and responders (RFC 3834 section 2, RFC 5321 section 4.5.5)."""
    message = case.message
    says_so = case.envelope.reverse_path is None or message.auto_submitted not in ("", "no")
    is_automatic = says_so or message.automation is Automation.CERTAIN
    return Decision(Verdict.DISCARD, Reason.AUTOMATIC) if is_automatic else None


def unreadable(case: Case) -> Decision | None:
    return Decision(Verdict.HOLD, Reason.UNREADABLE) if case.message.is_unreadable else None


def for_owner(case: Case) -> Decision | None:
    return Decision(Verdict.HOLD, Reason.FOR_OWNER) if case.destination.purpose is Purpose.OWNER else None


def for_desk(case: Case) -> Decision | None:
    """Mail that asks for something, where no post comes of it by itself; `flow.desk` does what it asks for, or answers."""
    if case.destination.purpose is Purpose.LEAVE:
        return Decision(Verdict.HOLD, Reason.COMMAND)
    reason = _FOR_DESK.get(case.destination.purpose)
    return Decision(Verdict.HOLD, reason) if reason is not None else None


def other_list(case: Case) -> Decision | None:
    is_other = bool(case.message.list_ids) and not case.is_mirrored
    return Decision(Verdict.HOLD, Reason.OTHER_LIST) if is_other else None


def maybe_automatic(case: Case) -> Decision | None:
    """The subject or the sender's name is no proof: somebody looks."""
    is_likely = case.message.automation is Automation.LIKELY and not case.is_mirrored
    return Decision(Verdict.HOLD, Reason.MAYBE_AUTOMATIC) if is_likely else None


def bulk(case: Case) -> Decision | None:
    is_bulk = case.message.precedence in _BULK and not case.is_mirrored
    return Decision(Verdict.HOLD, Reason.BULK) if is_bulk else None


def to_digest(case: Case) -> Decision | None:
    """An answer to an issue of ours that did not go to its Reply-To: `flow.filing` finds what it answers."""
    forum, message = case.destination.forum, case.message
    is_hit = bool(message.ancestors) and is_issue(message.ancestors[0], forum.domain)
    if not is_hit and not message.ancestors:
        is_hit = re.search(rf"{re.escape(forum.title)}\W{{1,3}}?(?:Digest|Übersicht)\b.*\d", message.subject) is not None
    return Decision(Verdict.HOLD, Reason.DIGEST_ANSWER) if is_hit and case.destination.purpose is Purpose.POST else None


def vote(case: Case) -> Decision | None:
    """A known member's answer that is nothing but a vote; what others write so is a comment."""
    is_answer = case.destination.purpose is Purpose.ENTRY or bool(case.message.ancestors)
    if case.destination.purpose not in (Purpose.POST, Purpose.ENTRY) or not is_answer:
        return None
    if case.sender.member is None or not case.sender.is_proved or not vote_in(case.message.spans):
        return None
    return Decision(Verdict.HOLD, Reason.VOTE)


def report(case: Case) -> Decision | None:
    """The same for a report, by the address of an entry only: elsewhere the word may begin anything."""
    if case.destination.purpose is not Purpose.ENTRY or case.sender.proof is not Proof.TOKEN:
        return None
    return Decision(Verdict.HOLD, Reason.REPORT) if report_in(case.message.spans) is not None else None


def stranger(case: Case) -> Decision | None:
    is_hit = case.is_of_known and case.sender.member is None
    return Decision(Verdict.HOLD, Reason.STRANGER) if is_hit else None


def unproved(case: Case) -> Decision | None:
    """Before all that depends on who it is: what a forger is told must not depend on whose name he took."""
    must_prove = case.is_of_known and case.destination.forum.policy.posting is Posting.PROVED
    return Decision(Verdict.HOLD, Reason.UNPROVED) if must_prove and not case.sender.is_proved else None


def banned(case: Case) -> Decision | None:
    """Told at once: mail that is silently dropped would be waited for."""
    return Decision(Verdict.REFUSE, Reason.BANNED) if case.standing is Standing.BANNED else None


def right(case: Case) -> Decision | None:
    """Who may start a thread, and who may comment; the moderators decide on what others send."""
    policy = case.destination.forum.policy
    has_right = may(policy.start if case.starts_thread else policy.comment, case.sender.member)
    return Decision(Verdict.HOLD, Reason.NO_RIGHT) if not has_right and not case.is_mirrored else None


def newcomer(case: Case) -> Decision | None:
    is_hit = case.standing is Standing.NEW and case.sender.accepted < case.destination.forum.policy.newcomer_posts
    return Decision(Verdict.HOLD, Reason.NEWCOMER) if is_hit else None


def probation(case: Case) -> Decision | None:
    return Decision(Verdict.HOLD, Reason.PROBATION) if case.standing is Standing.PROBATION else None


def locked(case: Case) -> Decision | None:
    return Decision(Verdict.HOLD, Reason.LOCKED) if case.is_locked and not case.is_mirrored else None


def too_many(case: Case) -> Decision | None:
    """Kept by the sender's own server, which comes again."""
    return Decision(Verdict.DEFER, Reason.TOO_MANY) if case.is_over_limit and not case.is_mirrored else None


def flood(case: Case) -> Decision | None:
    """While too much comes, a moderator looks at everything that is not by one."""
    is_flooded = case.destination.forum.flooded_at is not None and case.destination.purpose in POSTS
    member = case.sender.member
    is_by_moderator = member is not None and case.sender.is_proved and member.role in (Role.MODERATOR, Role.OWNER)
    return Decision(Verdict.HOLD, Reason.FLOOD) if is_flooded and not is_by_moderator else None


LIVE: tuple[Rule, ...] = (
    hops,
    header_size,
    bounce,
    leaving,
    nameless,
    own_list,
    automatic,
    unreadable,
    for_owner,
    other_list,
    maybe_automatic,
    bulk,
    for_desk,
    to_digest,
    vote,
    report,
    stranger,
    unproved,
    banned,
    right,
    newcomer,
    probation,
    locked,
    too_many,
    flood,
)
IMPORT: tuple[Rule, ...] = (unreadable,)
# In the place of these stand the operator's rules, when one of them hits a mail that is to be posted.
_BY_HEADER: tuple[Rule, ...] = (other_list, maybe_automatic, bulk)
_VERDICTS = {
    RuleVerb.HOLD: Verdict.HOLD,
    RuleVerb.REFUSE: Verdict.REFUSE,
    RuleVerb.DISCARD: Verdict.DISCARD,
    RuleVerb.DEFER: Verdict.DEFER,
}


def decide(case: Case, rules: Sequence[HeaderRule] = ()) -> Decision:
    """The decision of the first rule that hits, or accept. `rules` are the operator's."""
    is_import = case.envelope.via is Via.IMPORT
    is_ruled = bool(rules) and not is_import and case.destination.purpose in POSTS
    hit = first_hit(rules, case.destination.forum, case.message.fields) if is_ruled else None
    for rule in IMPORT if is_import else LIVE:
        if hit is not None and rule in _BY_HEADER:
            verdict = _VERDICTS.get(hit.rule.verb)
            if verdict is None:
                continue
            return Decision(verdict, Reason.RULE)
        decision = rule(case)
        if decision is not None:
            return decision
    return ACCEPTED
