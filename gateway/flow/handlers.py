"""Which handler the desk has for which mail: the one table, so that handlers and desk need not know each other."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.flow.command import obey
from gateway.flow.desk import Handler
from gateway.mail.verdict import Reason

HANDLERS: Mapping[Reason, Handler] = {Reason.COMMAND: obey}
