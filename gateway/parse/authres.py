"""Authentication-Results (RFC 8601): what the mail server in front of us found out about the sender of a mail.

In: the raw mail and the authserv-id that we believe. Out: its findings. A field counts when it has exactly that id (section 5)
and stands above the second Received field: what is further down came with the mail, and anybody can have written it. Of
two such fields with one method the upper counts, for servers put theirs on top. A field that is not in the grammar of
section 2.2 says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.parse.limits import STRUCTURED_MAX

HEAD_MAX: Final = 64 * 1024
FINDINGS_MAX: Final = 50
_FIELD_END = re.compile(rb"\r?\n(?![ \t])")
_TOKEN = re.compile(r"""[^\s"();=\\]+|"(?:[^"\\]|\\.)*"|=|;""")
_METHOD = re.compile(r"([a-z0-9][a-z0-9-]*)(?:/[0-9]+)?\Z")
_PROPERTY = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z0-9][a-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True)
class Finding:
    """One method and its result, such as "dkim" and "pass", with properties such as ("header.d", "example.org")."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...] = ()

    def all(self, name: str) -> tuple[str, ...]:
        """The values of a property, in lower case."""
        return tuple(value.lower() for key, value in self.properties if key == name)


def read_results(raw: bytes, authserv_id: str) -> tuple[Finding, ...]:
    """What the server called `authserv_id` found; () when it said nothing that counts."""
    found: list[Finding] = []
    known: set[str] = set()
    hops = 0
    for piece in _FIELD_END.split(raw[:HEAD_MAX]):
        name, colon, value = piece.partition(b":")
        if not colon:
            break
        name = name.rstrip(b" \t").lower()
        if name == b"received":
            hops += 1
            if hops > 1:
                break
        elif name == b"authentication-results":
            new = [one for one in parse_field(value, authserv_id) if one.method not in known]
            known |= {one.method for one in new}
            found += new
    return tuple(found[:FINDINGS_MAX])


def parse_field(value: bytes, authserv_id: str) -> tuple[Finding, ...]:
    """The findings in one field of that server; () for another's, for "none", and for what is out of the grammar."""
    tokens = _tokens(value)
    if not tokens or _bare(tokens[0]).lower() != authserv_id.lower():
        return ()
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token == ";":
            parts.append([])
        else:
            parts[-1].append(token)
    # The id may be followed by the version, which is 1.
    if parts[0][1:] not in ([], ["1"]):
        return ()
    findings = []
    for part in parts[1:]:
        if [word.lower() for word in part] in ([], ["none"]):
            continue
        finding = _finding(part)
        if finding is None:
            return ()
        findings.append(finding)
    return tuple(findings)


def _finding(words: list[str]) -> Finding | None:
    """method = result, then reason = text and ptype.property = value in any number."""
    if len(words) % 3 or any(words[at] != "=" for at in range(1, len(words), 3)):
        return None
    pairs = [(words[at].lower(), words[at + 2]) for at in range(0, len(words), 3)]
    method = _METHOD.match(pairs[0][0])
    result = pairs[0][1].lower()
    if method is None or not result.isalnum():
        return None
    if not all(name == "reason" or _PROPERTY.match(name) for name, _ in pairs[1:]):
        return None
    properties = tuple((name, _bare(text)) for name, text in pairs[1:] if name != "reason")
    return Finding(method[1], result, properties)


def _tokens(value: bytes) -> list[str] | None:
    """Words, quoted strings, "=" and ";" without comments and folding; None when something else is in it."""
    if len(value) > STRUCTURED_MAX:
        return None
    try:
        text = re.sub(r"\r?\n(?=[ \t])", "", value.decode())
    except UnicodeDecodeError:
        return None
    bare = _without_comments(text)
    if bare is None or any(ord(sign) < 32 and sign != "\t" for sign in bare):
        return None
    found, at = [], 0
    while at < len(bare):
        if bare[at] in " \t":
            at += 1
            continue
        match = _TOKEN.match(bare, at)
        if match is None:
            return None
        found.append(match[0])
        at = match.end()
    return found


def _without_comments(text: str) -> str | None:
    """`text` with a blank for each comment (RFC 5322 section 3.2.2), nested ones too; None when one does not end."""
    kept: list[str] = []
    depth, at, is_quoted = 0, 0, False
    while at < len(text):
        sign = text[at]
        if sign == "\\" and (depth or is_quoted):
            if not depth:
                kept.append(text[at : at + 2])
            at += 2
            continue
        if sign == '"' and not depth:
            is_quoted = not is_quoted
        if not is_quoted and sign == "(":
            depth += 1
        if not depth:
            kept.append(sign)
        if not is_quoted and sign == ")":
            if not depth:
                return None
            depth -= 1
            kept.append(" ")
        at += 1
    return None if depth or is_quoted else "".join(kept)


def _bare(token: str) -> str:
    """Without the quotes of a quoted string."""
    return re.sub(r"\\(.)", r"\1", token[1:-1]) if token[:1] == '"' else token
