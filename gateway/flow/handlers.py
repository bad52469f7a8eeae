"""Which handler the desk has for which mail: the one table, so that handlers and desk need not know each other."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.flow.confirm import take_answer
from gateway.flow.desk import Handler
from gateway.flow.first_mail import ask_author
from gateway.flow.join import at_the_door
from gateway.flow.votes import handle_vote
from gateway.mail.verdict import Reason

HANDLERS: Mapping[Reason, Handler] = {
    Reason.COMMAND: at_the_door,
    Reason.CONFIRMATION: take_answer,
    Reason.STRANGER: ask_author,
    Reason.UNPROVED: ask_author,
    Reason.VOTE: handle_vote,
}
