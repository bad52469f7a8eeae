"""Which handler the desk has for which mail: the one table, so that handlers and desk need not know each other."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.admit.route import destination_of
from gateway.flow.command import YES, obey
from gateway.flow.confirm import Act, take_answer
from gateway.flow.desk import Desk, Handler
from gateway.flow.filing import file_answer
from gateway.flow.first_mail import WHICH, ask_author
from gateway.flow.join import at_the_door
from gateway.flow.report import handle_report
from gateway.flow.ruling import handle_ruling
from gateway.flow.votes import handle_vote
from gateway.flow.which import chosen
from gateway.flow.withdraw import withdraw_anonymous
from gateway.mail.address import parse_address
from gateway.mail.forum import Forum, Purpose
from gateway.mail.verdict import Reason
from gateway.store import shelf


def _take_command(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    address = parse_address(mail.forward_path)
    destination = destination_of(address, {str(forum.address): forum}) if address is not None else None
    is_at_door = destination is not None and destination.purpose in (Purpose.JOIN, Purpose.LEAVE)
    (at_the_door if is_at_door else obey)(desk, forum, mail)


_ANSWERS: Mapping[str, Act] = {**YES, WHICH: chosen}


def _take_answer(desk: Desk, forum: Forum, mail: shelf.Mail) -> None:
    take_answer(desk, forum, mail, _ANSWERS)


HANDLERS: Mapping[Reason, Handler] = {
    Reason.COMMAND: _take_command,
    Reason.CONFIRMATION: _take_answer,
    Reason.STRANGER: ask_author,
    Reason.UNPROVED: ask_author,
    Reason.VOTE: handle_vote,
    Reason.DIGEST_ANSWER: file_answer,
    Reason.REPORT: handle_report,
    Reason.RULING: handle_ruling,
    Reason.WITHDRAWAL: withdraw_anonymous,
}
