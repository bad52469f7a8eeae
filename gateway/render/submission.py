"""An answer that a member wrote on a page of ours, as the mail that his own program would have sent (RFC 5322).

In: who writes, to which address of ours, what it answers, and the text. Out: CRLF bytes, the same for the same arguments.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.mail.address import Address
from gateway.render.blocks import clean, one_line
from gateway.render.body import text_body
from gateway.render.dates import field_date
from gateway.render.fields import Field, address_field, id_field, is_msgid, text_field
from gateway.render.letter import seal
from gateway.render.rows import answer_subject

_UTC = ZoneInfo("UTC")


def compose_answer(
    *, author: Address, handle: str, to: Address, title: str, answers: str, msgid: str, date: datetime, text: str
) -> bytes:
    """The mail; `answers` is the msgid of what has that `title`. Raises BadField and BadLetter."""
    body = text_body(clean(text))
    header = [
        address_field("From", author, one_line(handle)),
        address_field("To", to),
        text_field("Subject", answer_subject(one_line(title)).strip()),
        Field("Date", (field_date(date, _UTC),)),
        id_field("Message-ID", (msgid,)),
        *([id_field("In-Reply-To", (answers,))] if is_msgid(answers) else ()),
        Field("MIME-Version", ("1.0",)),
        *body.fields,
    ]
    return seal(header, body.filled({}))
