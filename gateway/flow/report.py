"""A member reports a post (design 10): the moderators get a case, once for each post while it is open.

In: who, which post, why. Out: what became of it. Who reported in vain three times in a row is not heard for 30 days.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from gateway.admit.route import destination_of
from gateway.flow.asking import send
from gateway.flow.desk import Desk
from gateway.flow.ruling import own_lines
from gateway.journal import Verb, log
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum, Member
from gateway.mail.message import Automation
from gateway.mail.token import marker_of, read_token
from gateway.mail.verdict import Reason, Verdict
from gateway.people.votes import report_in
from gateway.render.blocks import one_line
from gateway.render.cases import render_reported
from gateway.store import cases, changes, ledger, roster, shelf
from gateway.store.cases import Case, Kind, Report
from gateway.store.engine import Transaction
from gateway.store.keep import set_verdict

PURPOSE: Final = "entry"
IN_VAIN: Final = 3
DEAF_FOR: Final = timedelta(days=30)
A_DAY: Final = 10
REASON_MAX: Final = 300


class Heard(StrEnum):
    """What became of a report."""

    TAKEN = "taken"
    ALREADY = "already"
    TOO_MANY = "too many"
    NOT_HEARD = "not heard"
    NO_POST = "no post"


def report(desk: Desk, db: Transaction, forum: Forum, member: Member, marker: str, reason: str) -> Heard:
    """Notes it in the caller's transaction, and opens a case for the post or joins the one that is open."""
    ledger.lock_forum(db, forum.id)
    post = shelf.find_post(db, forum.id, marker)
    if post is None or changes.conditions(db, forum.id, [post.marker]).get(post.marker, changes.UNCHANGED).is_removed:
        return Heard.NO_POST
    mine = cases.reports_by(db, forum.id, member.id)
    if any(one.marker == post.marker for one in mine):
        return Heard.ALREADY
    if is_deaf(mine, desk):
        return Heard.NOT_HEARD
    if sum(one.at > desk.now - timedelta(days=1) for one in mine) >= A_DAY:
        return Heard.TOO_MANY
    why = one_line(reason)[:REASON_MAX]
    new = Report(id=desk.new_id(), forum_id=forum.id, marker=post.marker, member_id=member.id, reason=why, at=desk.now)
    cases.put_report(db, new)
    if cases.report_case_of(db, forum.id, post.marker) is None:
        case = Case(
            id=desk.new_id(),
            forum_id=forum.id,
            kind=Kind.REPORTED,
            mail_id=post.mail_id,
            marker=post.marker,
            opened_at=desk.now,
            reason=why,
        )
        cases.open_case(db, case)
    ledger.note(db, forum.id, id=desk.new_id(), at=desk.now, verb=Verb.REPORTED, subject=post.id, detail=post.marker)
    return Heard.TAKEN


def is_deaf(mine: list[Report], desk: Desk) -> bool:
    """Whether the last decided reports of a member were all in vain, a short while ago; `mine` the latest first."""
    decided = [one for one in mine if one.outcome][:IN_VAIN]
    is_in_vain = len(decided) == IN_VAIN and all(one.outcome == "dismissed" for one in decided)
    return is_in_vain and decided[0].at > desk.now - DEAF_FOR


def handle_report(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    """A mail to the address that a digest gives for reports, or an answer that is one: its token names post and member, and From
    must be his."""
    _, message = desk.read(mail)
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    token = destination.token if destination is not None else ""
    claims = read_token(desk.key, PURPOSE, forum.list_id, token, mail.received_at)
    key = message.author_address.key if message.author_address is not None else ""
    heard = None
    with desk.store.write() as db:
        member = roster.member_ending(db, forum.id, claims.member) if claims is not None else None
        if claims is not None and member is not None and key in member.keys and message.automation is Automation.NONE:
            marker = marker_of(claims.marker)
            why = report_in(message.spans)
            heard = report(desk, db, forum, member, marker, " ".join(own_lines(message)) if why is None else why)
            text = render_reported(forum, heard, marker, member.language)
            send(desk, db, forum, member.address, text, member=member)
        reason = Reason.DONE if heard is not None else Reason.NOT_UNDERSTOOD
        set_verdict(db, forum.id, mail.id, Verdict.DISCARD, reason, desk.now, desk.new_id())
    log.info(Verb.REPORTED, forum=forum.name, heard=heard or "nobody's")
