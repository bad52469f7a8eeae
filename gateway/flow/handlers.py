"""Which handler the desk has for which mail: the one table, so that handlers and desk need not know each other."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.flow.desk import Handler
from gateway.flow.votes import handle_vote
from gateway.mail.verdict import Reason

HANDLERS: Mapping[Reason, Handler] = {Reason.VOTE: handle_vote}
