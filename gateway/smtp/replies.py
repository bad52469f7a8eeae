"""Every reply of the front door (RFC 5321 section 4.2, RFC 3463), in one table.

In: an `Event` of the dialogue, or what was decided about a mail. Out: a `Reply`, whose text is a constant: no word of
the client's and no word of an exception is ever sent back. 2xx says that it is ours; 4xx that we kept nothing and it
may be tried again; 5xx that the sender must change something. Our own trouble is never 5xx.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.mail.verdict import Decision, Reason, Verdict


class Event(StrEnum):
    """What can happen in a dialogue before anybody looks at the mail."""

    OK = "ok"
    BYE = "bye"
    NOT_SAID = "not said"
    HELP = "help"
    READY_FOR_TLS = "ready for TLS"
    GO_ON = "go on"
    LOGGED_IN = "logged in"

    SHUTTING_DOWN = "shutting down"
    TOO_MANY_CONNECTIONS = "too many connections"
    TOO_MANY_FROM_YOU = "too many from you"
    TOO_SLOW = "too slow"
    TOO_MANY_ERRORS = "too many errors"
    TROUBLE = "trouble"
    LOGIN_LATER = "login later"
    LOGIN_TROUBLE = "login trouble"
    TOO_MANY_POSTS = "too many posts"
    NO_SPACE = "no space"
    TOO_MANY_RECIPIENTS = "too many recipients"

    UNKNOWN_COMMAND = "unknown command"
    LINE_TOO_LONG = "line too long"
    BAD_LINE = "bad line"
    BAD_ARGUMENT = "bad argument"
    BAD_PATH = "bad path"
    NO_SUCH_SERVICE = "no such service"
    NOT_HTTP = "not HTTP"
    NO_MECHANISM = "no such mechanism"
    NEEDS_TLS = "needs TLS"
    LOGIN_CANCELLED = "login cancelled"
    LOGIN_FAILED = "login failed"
    WRONG_ORDER = "wrong order"
    NO_RECIPIENT = "no recipient"
    NOT_OURS = "not ours"
    BARE_LINE_END = "bare line end"
    TOO_BIG = "too big"
    BAD_LOCAL_PART = "bad local part"
    NEEDS_SMTPUTF8 = "needs SMTPUTF8"
    TOO_EARLY = "too early"
    TEXT_LINE_TOO_LONG = "text line too long"
    UNKNOWN_PARAMETER = "unknown parameter"

    REFUSED = "refused"
    UNPROVED = "unproved"
    LOOP = "loop"
    BAD_CONTENT = "bad content"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `enhanced` is empty only where RFC 2034 section 4 leaves it out."""

    code: int
    enhanced: str
    text: str

    @property
    def wire(self) -> bytes:
        """The line as sent, with its CRLF."""
        words = (str(self.code), self.enhanced, self.text) if self.enhanced else (str(self.code), self.text)
        return " ".join(words).encode("ascii") + b"\r\n"


REPLIES: dict[Event, Reply] = {
    Event.OK: Reply(250, "2.0.0", "OK"),
    Event.BYE: Reply(221, "2.0.0", "Bye"),
    Event.NOT_SAID: Reply(252, "2.0.0", "Send some mail and see"),
    Event.HELP: Reply(214, "2.0.0", "This server speaks RFC 5321"),
    Event.READY_FOR_TLS: Reply(220, "2.0.0", "Ready to start TLS"),
    Event.GO_ON: Reply(354, "", "End data with <CR><LF>.<CR><LF>"),
    Event.LOGGED_IN: Reply(235, "2.7.0", "Logged in"),
    Event.SHUTTING_DOWN: Reply(421, "4.3.2", "Shutting down, try again later"),
    Event.TOO_MANY_CONNECTIONS: Reply(421, "4.3.2", "Too many connections, try again later"),
    Event.TOO_MANY_FROM_YOU: Reply(421, "4.7.0", "Too many connections from your network"),
    Event.TOO_SLOW: Reply(421, "4.4.2", "Timeout, closing the connection"),
    Event.TOO_MANY_ERRORS: Reply(421, "4.7.0", "Too many errors, closing the connection"),
    Event.TOO_MANY_POSTS: Reply(450, "4.7.1", "Too many posts this hour, try again later"),
    Event.TROUBLE: Reply(451, "4.3.0", "Trouble on our side, try again later"),
    Event.NO_SPACE: Reply(452, "4.3.1", "Not enough space, try again later"),
    Event.TOO_MANY_RECIPIENTS: Reply(452, "4.5.3", "Too many recipients, send the rest in another mail"),
    Event.LOGIN_LATER: Reply(454, "4.7.0", "Too many failures, try again later"),
    Event.LOGIN_TROUBLE: Reply(454, "4.7.0", "Trouble on our side, try again later"),
    Event.UNKNOWN_COMMAND: Reply(500, "5.5.1", "Unknown command"),
    Event.LINE_TOO_LONG: Reply(500, "5.5.2", "Command line too long"),
    Event.BAD_LINE: Reply(500, "5.5.2", "Commands are printable and end with CR LF"),
    Event.BAD_ARGUMENT: Reply(501, "5.5.4", "Syntax error in the argument"),
    Event.BAD_PATH: Reply(501, "5.1.3", "Syntax error in the address, or no angle brackets"),
    Event.LOGIN_CANCELLED: Reply(501, "5.7.0", "Login cancelled"),
    Event.NO_SUCH_SERVICE: Reply(502, "5.5.1", "Command not offered here"),
    Event.NOT_HTTP: Reply(502, "5.7.0", "This is not a web server"),
    Event.WRONG_ORDER: Reply(503, "5.5.1", "Commands in the wrong order"),
    Event.NO_RECIPIENT: Reply(503, "5.5.1", "No valid recipients"),
    Event.NO_MECHANISM: Reply(504, "5.5.4", "This mechanism is not offered"),
    Event.LOGIN_FAILED: Reply(535, "5.7.8", "Name or password is wrong"),
    Event.NEEDS_TLS: Reply(538, "5.7.11", "Start TLS first"),
    Event.NOT_OURS: Reply(550, "5.1.1", "No such address here"),
    Event.BARE_LINE_END: Reply(550, "5.6.11", "Bare CR, bare LF or NUL in the mail"),
    Event.TOO_BIG: Reply(552, "5.3.4", "Mail too big"),
    Event.BAD_LOCAL_PART: Reply(553, "5.1.3", "This form of local part is not taken"),
    Event.NEEDS_SMTPUTF8: Reply(553, "5.6.7", "This address needs SMTPUTF8"),
    Event.TOO_EARLY: Reply(554, "5.5.0", "You spoke before your turn"),
    Event.TEXT_LINE_TOO_LONG: Reply(554, "5.6.0", "A line of the mail is too long"),
    Event.UNKNOWN_PARAMETER: Reply(555, "5.5.4", "Unknown parameter"),
    Event.REFUSED: Reply(550, "5.7.1", "Not taken"),
    Event.UNPROVED: Reply(550, "5.7.1", "Not proved which member sent this anonymous mail, nothing was kept"),
    Event.LOOP: Reply(554, "5.4.6", "Too many hops"),
    Event.BAD_CONTENT: Reply(554, "5.6.0", "The mail could not be read"),
}

WIRE: dict[Event, bytes] = {event: reply.wire for event, reply in REPLIES.items()}

_REFUSALS: dict[Reason, Event] = {
    Reason.LOOP: Event.LOOP,
    Reason.ANONYMOUS_UNPROVED: Event.UNPROVED,
    Reason.HEADER_TOO_LARGE: Event.BAD_CONTENT,
    Reason.UNREADABLE: Event.BAD_CONTENT,
    Reason.NO_SPACE: Event.NO_SPACE,
    Reason.TROUBLE: Event.TROUBLE,
}
_DELAYS: dict[Reason, Event] = {
    Reason.NO_SPACE: Event.NO_SPACE,
    Reason.TOO_MANY: Event.TOO_MANY_POSTS,
}


def event_of(decision: Decision) -> Event:
    """What one recipient's decision says on the wire. Held and discarded mail is answered like accepted mail."""
    if decision.verdict is Verdict.REFUSE:
        return _REFUSALS.get(decision.reason, Event.REFUSED)
    if decision.verdict is Verdict.DEFER:
        return _DELAYS.get(decision.reason, Event.TROUBLE)
    return Event.OK


def event_of_all(decisions: Sequence[Decision]) -> Event:
    """One reply for several recipients: any DEFER defers, all REFUSE refuse as the first does, else it is ours."""
    for decision in decisions:
        if decision.verdict is Verdict.DEFER:
            return event_of(decision)
    if decisions and all(decision.verdict is Verdict.REFUSE for decision in decisions):
        return event_of(decisions[0])
    return Event.OK
