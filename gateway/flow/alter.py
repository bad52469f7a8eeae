"""A post that was posted is removed, put back, or given another text (design 10).

In: a post that somebody named. Out: a fact, from which all that is shown follows; what a digest has told is not taken back, the
next one says what changed. The mail stays as it came.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from gateway.journal import Verb, log
from gateway.mail.forum import Forum
from gateway.mail.piece import Alteration, Change
from gateway.store import changes, ledger, outbox
from gateway.store.engine import Store, Transaction
from gateway.store.shelf import Post

_VERB = {
    Alteration.REMOVED: Verb.REMOVED,
    Alteration.WITHDRAWN: Verb.WITHDRAWN,
    Alteration.RESTORED: Verb.RESTORED,
    Alteration.EDITED: Verb.EDITED,
}


class NotChanged(Exception):
    """There is nothing to do; the text says why."""

    temporary = False


def alter(
    store: Store, forum: Forum, post: Post, alteration: Alteration, now: datetime, new_id: Callable[[], UUID], text: str = ""
) -> None:
    """Records the change, and drops copies of a removed post that wait. Raises NotChanged."""
    with store.write() as db:
        alter_in(db, forum, post, alteration, now, new_id, text)
    log.info(_VERB[alteration], forum=forum.name, marker=post.marker)


def alter_in(
    db: Transaction, forum: Forum, post: Post, alteration: Alteration, now: datetime, new_id: Callable[[], UUID], text: str = ""
) -> None:
    """The same in the caller's transaction."""
    ledger.lock_forum(db, forum.id)
    condition = changes.conditions(db, forum.id, [post.marker]).get(post.marker, changes.UNCHANGED)
    takes_away = alteration in (Alteration.REMOVED, Alteration.WITHDRAWN)
    if alteration is not Alteration.EDITED and condition.is_removed == takes_away:
        raise NotChanged(f"that post is {'removed already' if condition.is_removed else 'not removed'}")
    if alteration is Alteration.EDITED and (condition.text == text or not text.strip()):
        why = "that is what the post says already" if text.strip() else "a text is wanted; remove takes a post away"
        raise NotChanged(why)
    changes.record(db, forum.id, new_id(), Change(marker=post.marker, alteration=alteration, text=text, at=now))
    if takes_away:
        outbox.drop_copies(db, forum.id, post.id, "the post was removed")
    ledger.note(db, forum.id, id=new_id(), at=now, verb=_VERB[alteration], subject=post.id, detail=post.marker)
