"""The bytes between 354 and the final dot (RFC 5321 sections 4.1.1.4 and 4.5.2).

In: pieces of any size. Out: `Raw`, dot-unstuffed, or the `Event` that says why it is not taken. Only CR LF . CR LF ends
the mail; a CR, LF or NUL anywhere else makes it a smuggler's mail. Work is done on whole pieces, never a line at a
time, and what is held in memory has a bound that does not depend on the content.
"""

from __future__ import annotations

import io
from pathlib import Path

from gateway.mail.envelope import Raw
from gateway.smtp.limits import Limits
from gateway.smtp.replies import Event
from gateway.smtp.spool import SpoolFile

_END = b"\r\n.\r\n"
_LINE_DOT = b"\r\n."
_HEADS = tuple(_END[:length] for length in range(4, 0, -1))


class DataReader:
    """Collects one mail. `feed` until it says True, then ask for `flaw`, `raw` and `rest`; `discard` at any time."""

    __slots__ = (
        "_file",
        "_has_bare",
        "_has_long_line",
        "_has_no_space",
        "_is_first",
        "_limits",
        "_memory",
        "_open_line",
        "_spool",
        "_tail",
        "rest",
        "size",
    )

    def __init__(self, limits: Limits, spool: Path) -> None:
        self._limits = limits
        self._spool = spool
        self.size = 0
        self.rest = b""
        # The CR LF of the DATA command counts as the end of a line before the first.
        self._tail = b"\r\n"
        self._is_first = True
        self._has_bare = False
        self._has_long_line = False
        self._has_no_space = False
        self._open_line = 0
        self._memory = io.BytesIO()
        self._file: SpoolFile | None = None

    @property
    def flaw(self) -> Event | None:
        """Why the mail is not taken: smuggling before all else, because it ends the session."""
        if self._has_bare:
            return Event.BARE_LINE_END
        if self.size > self._limits.message_size:
            return Event.TOO_BIG
        if self._has_long_line:
            return Event.TEXT_LINE_TOO_LONG
        return Event.NO_SPACE if self._has_no_space else None

    @property
    def is_hopeless(self) -> bool:
        """Whether it is so far past the limit that we stop listening."""
        return self.size > self._limits.message_size + self._limits.message_excess

    @property
    def held(self) -> int:
        """Bytes of mail in memory."""
        return self._memory.getbuffer().nbytes + len(self._tail) + len(self.rest)

    def feed(self, piece: bytes) -> bool:
        """Takes the next piece; True when the mail has ended, and then `rest` is what came after its end."""
        block = self._tail + piece
        # The first dot that begins a line is stuffed or the end; mostly it is the end, and there is none before it.
        dot = block.find(_LINE_DOT) if b"." in block else -1
        end = block.find(_END, dot) if dot >= 0 else -1
        if end >= 0:
            self._tail = b""
            self.rest = block[end + len(_END) :]
            self._take(block[: end + 2], is_stuffed=dot < end)
            return True
        # A piece never ends inside what may become the end of data, a stuffed dot or a CR LF.
        for head in _HEADS:
            if block.endswith(head):
                self._tail = head
                self._take(block[: -len(head)], is_stuffed=dot >= 0)
                return False
        self._tail = b""
        self._take(block, is_stuffed=dot >= 0)
        return False

    def _take(self, part: bytes, *, is_stuffed: bool) -> None:
        if not part:
            return
        if is_stuffed:
            part = part.replace(b"\r\n.", b"\r\n")
        if self._is_first:
            self._is_first = False
            part = part[2:]
        self.size += len(part)
        if not self._has_bare:
            ends = part.count(b"\r\n")
            self._has_bare = part.count(b"\n") != ends or part.count(b"\r") != ends or b"\0" in part
        if not self._has_long_line:
            self._measure_lines(part)
        if self.flaw is None:
            self._keep(part)
        else:
            self.discard()

    def _measure_lines(self, part: bytes) -> None:
        """Looks for a line over the limit by jumping from line end to line end, as far as one line may reach."""
        longest = self._limits.text_line
        at, end = -self._open_line, len(part)
        while end - at > longest:
            # A line end belongs to its line: it may stand as far as `longest` bytes from the start of it.
            found = part.rfind(b"\n", max(at, 0), at + longest)
            if found < 0:
                self._has_long_line = True
                return
            at = found + 1
        last = part.rfind(b"\n", max(at, 0))
        self._open_line = end - (last + 1 if last >= 0 else at)

    def _keep(self, part: bytes) -> None:
        try:
            if self._file is None:
                if self.size <= self._limits.memory:
                    self._memory.write(part)
                    return
                self._file = SpoolFile(self._spool)
                self._file.write(self._memory.getbuffer())
                self._memory = io.BytesIO()
            self._file.write(part)
        except OSError:
            self._has_no_space = True
            self.discard()

    def raw(self) -> Raw:
        """The mail. Its spool file, if any, is the caller's to remove."""
        if self._file is None:
            return Raw.of(self._memory.getvalue())
        self._file.close()
        return Raw(size=self.size, path=self._file.path)

    def release(self) -> None:
        """Forgets what was collected: from here on the spool file is somebody else's."""
        self._memory = io.BytesIO()
        self._file = None

    def discard(self) -> None:
        """Forgets what was collected and removes the spool file."""
        self._memory = io.BytesIO()
        if self._file is not None:
            self._file.remove()
            self._file = None
