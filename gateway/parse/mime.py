"""The tree of a MIME message (RFC 2046 section 5.1), found in one pass over the delimiter lines.

In: bytes with LF ends and the top header. Out: `Part`s in the order of the mail, the root first, each with the index of
its parent. Nothing recurses. Past depth 20, 1,000 parts or a boundary of 2,048 bytes the rest stays one opaque leaf and
the defect MIME_LIMITS is noted. Messages within the message are leaves: their parts are not ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.parse.content import Content, parse_content
from gateway.parse.header import Header, split_header
from gateway.parse.limits import BOUNDARY_MAX, DEPTH_MAX, PARTS_MAX

MIME_LIMITS: Final = "mime limits"
NO_BOUNDARY: Final = "no boundary"
NOT_CLOSED: Final = "multipart not closed"

_OPAQUE: Final = "application/octet-stream"


@dataclass(slots=True, kw_only=True)
class Part:
    """One leaf or multipart; `start`..`end` is its encoded body. `is_open`: a multipart whose delimiters were looked for."""

    header: Header
    content: Content
    start: int
    end: int
    parent: int = -1
    depth: int = 0
    children: int = 0
    is_open: bool = False


def split_parts(data: bytes, header: Header) -> tuple[list[Part], list[str]]:
    """All parts and the defects met."""
    root = Part(header=header, content=parse_content(header), start=header.end, end=len(data))
    if not root.content.is_multipart:
        return [root], []
    scan = _Scan(data, root)
    scan.run()
    return scan.parts, scan.defects


class _Scan:
    """The state of one pass: the open multiparts, and the part whose body is being passed over."""

    def __init__(self, data: bytes, root: Part) -> None:
        self.data = data
        self.parts = [root]
        self.defects: list[str] = []
        self._open: list[tuple[bytes, int]] = []
        self._levels: dict[bytes, list[int]] = {}
        self._leaf = -1
        self._enter(0)

    def run(self) -> None:
        data, position = self.data, self.parts[0].start - 1
        if position < 0 and data.startswith(b"--"):
            position = self._meet(0)
        while self._open:
            position = data.find(b"\n--", max(position, 0))
            if position < 0:
                break
            position = self._meet(position + 1)
        if self._open:
            self._note(NOT_CLOSED)
        for part in self.parts:
            if part.is_open and not part.children:
                # tests/mails/wrong-boundary.eml: the text is there, under another delimiter than the one announced.
                self._note(NO_BOUNDARY)
                part.is_open = False
                part.content = Content(encoding=part.content.encoding)

    def _meet(self, line: int) -> int:
        """Look at the line at `line`, which begins with "--"; the position to search on from."""
        stop = self.data.find(b"\n", line, line + BOUNDARY_MAX + 8)
        if stop < 0:
            stop = len(self.data) if len(self.data) - line <= BOUNDARY_MAX + 8 else line + 2
        text = self.data[line + 2 : stop].rstrip(b" \t\r")
        closing = False
        levels = self._levels.get(text)
        if not levels and text.endswith(b"--"):
            levels, closing = self._levels.get(text[:-2]), True
        if not levels:
            return stop
        level = levels[-1]
        self._close_above(level, max(line - 1, 0))
        if closing:
            self._close_last(max(line - 1, 0))
            return stop
        return self._begin(self._open[level][1], stop + 1)

    def _begin(self, parent: int, start: int) -> int:
        """A part begins at `start`; the position of the LF before the first line of its body."""
        outer = self.parts[parent]
        outer.children += 1
        if len(self.parts) > PARTS_MAX:
            self._note(MIME_LIMITS)
            self._leaf = len(self.parts)
            opaque = Content(type=_OPAQUE)
            self.parts.append(Part(header=Header(), content=opaque, start=start, end=len(self.data), parent=parent))
            self._open.clear()
            return len(self.data)
        start = min(start, len(self.data))
        header = split_header(self.data, start, is_part=True)
        default = "message/rfc822" if outer.content.type == "multipart/digest" else "text/plain"
        content = parse_content(header, default)
        part = Part(header=header, content=content, start=header.end, end=len(self.data), parent=parent, depth=outer.depth + 1)
        self._leaf = len(self.parts)
        self.parts.append(part)
        if content.is_multipart:
            self._enter(self._leaf)
        return header.end - 1

    def _enter(self, index: int) -> None:
        part = self.parts[index]
        boundary = part.content.parameters.get(b"boundary", b"").rstrip(b" \t")
        if len(boundary) > BOUNDARY_MAX or part.depth >= DEPTH_MAX:
            self._note(MIME_LIMITS)
            part.content = Content(type=_OPAQUE, encoding=part.content.encoding)
            return
        part.is_open = True
        if boundary:
            self._levels.setdefault(boundary, []).append(len(self._open))
            self._open.append((boundary, index))
            self._leaf = -1

    def _close_above(self, level: int, end: int) -> None:
        """Close the leaf at hand and the multiparts within the one at `level`."""
        if self._leaf >= 0:
            part = self.parts[self._leaf]
            part.end = max(part.start, end)
            self._leaf = -1
        while len(self._open) > level + 1:
            self._note(NOT_CLOSED)
            self._close_last(end)

    def _close_last(self, end: int) -> None:
        boundary, index = self._open.pop()
        self._levels[boundary].pop()
        part = self.parts[index]
        part.end = max(part.start, end)

    def _note(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)
