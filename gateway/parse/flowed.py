"""format=flowed (RFC 3676): soft line breaks out, paragraphs as single lines.

In: text with LF ends. Out: text with LF ends, quoted lines with their ">" in front. A line that was stuffed because it
begins with ">" keeps its stuffing, so that nobody takes it for a quote.
"""

from __future__ import annotations

SIGNATURE_LINE = "-- "


def unfold_flowed(text: str, *, is_delsp: bool) -> str:
    """`text` with each paragraph on one line; `is_delsp` drops the blank before a soft break."""
    if " \n" not in text and "\n " not in text and not text.startswith(" ") and not text.endswith(" "):
        return text
    lines: list[str] = []
    pending: list[str] = []
    depth = 0
    for line in text.split("\n"):
        found, content = _split_quote(line)
        if pending and (found != depth or content == SIGNATURE_LINE):
            # A quote that ends in a soft break is an error of the sender (section 4.5): the paragraph ends here.
            lines.append(_marked(depth, "".join(pending)))
            pending.clear()
        depth = found
        if content.endswith(" ") and content != SIGNATURE_LINE:
            pending.append(content[:-1] if is_delsp else content)
        else:
            pending.append(content)
            lines.append(_marked(depth, "".join(pending)))
            pending.clear()
    if pending:
        lines.append(_marked(depth, "".join(pending)))
    return "\n".join(lines)


def _split_quote(line: str) -> tuple[int, str]:
    if not line.startswith(">"):
        return 0, line[1:] if line.startswith(" ") and not line.startswith(" >") else line
    content = line.lstrip(">")
    return len(line) - len(content), content[1:] if content.startswith(" ") else content


def _marked(depth: int, content: str) -> str:
    return f"{'>' * depth} {content}" if depth else content
