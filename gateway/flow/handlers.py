"""Which handler the desk has for which mail: the one table, so that handlers and desk need not know each other."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.flow.desk import Handler
from gateway.flow.report import handle_report
from gateway.flow.ruling import handle_ruling
from gateway.mail.verdict import Reason

HANDLERS: Mapping[Reason, Handler] = {Reason.REPORT: handle_report, Reason.RULING: handle_ruling}
