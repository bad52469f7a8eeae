"""Rules of the operator over header fields (design 10): five verbs, the first rule that hits decides. Pure.

In: the text of a TOML file, and the fields of a message. Out: the rule that hits, or none. A pattern is one of the shell: "*" is
anything, "?" one character, "[0-9]" one of these; it must fit the whole value, and upper and lower case are one. That is enough
for the tags of spam filters, and no pattern can take longer than its text is long, as regular expressions can.

    [[rule]]
    verb = "refuse"              # allow, hold, refuse, discard or defer
    header = "Subject"           # one of mail.message.RULED
    matches = ["*casino*", "*lottery*"]
    forum = "town"               # without it: every forum
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache
from typing import Any, Final

from gateway.mail.forum import Forum
from gateway.mail.message import RULED, is_ruled
from gateway.parse.text import clean_line
from gateway.parse.words import decode_words

RULES_MAX: Final = 500
PATTERN_MAX: Final = 200


class RuleVerb(StrEnum):
    """What becomes of a mail that a rule hits; "allow" passes over what else would be held for its header."""

    ALLOW = "allow"
    HOLD = "hold"
    REFUSE = "refuse"
    DISCARD = "discard"
    DEFER = "defer"


class BadRules(Exception):
    """The file of rules is wrong; the text says which rule, and how."""

    temporary = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderRule:
    """`header` in lower case; `forum` a name, or name@domain, "" for all."""

    verb: RuleVerb
    header: str
    matches: tuple[str, ...]
    forum: str = ""

    def is_for(self, forum: Forum) -> bool:
        return self.forum in ("", forum.name, str(forum.address))


@dataclass(frozen=True, slots=True)
class Hit:
    """Which rule (from 1), and what it hit."""

    number: int
    rule: HeaderRule
    pattern: str
    value: str


def first_hit(rules: Sequence[HeaderRule], forum: Forum, fields: Iterable[tuple[bytes, bytes]]) -> Hit | None:
    """The first rule that hits, and why."""
    wanted = {rule.header for rule in rules}
    known = [(name, _as_text(value)) for key, value in fields if (name := key.decode("ascii", "replace")) in wanted]
    for number, rule in enumerate(rules, 1):
        if not rule.is_for(forum):
            continue
        for name, value in known:
            if name == rule.header:
                for pattern in rule.matches:
                    if _compiled(pattern).match(value):
                        return Hit(number, rule, pattern, value)
    return None


def _as_text(value: bytes) -> str:
    return clean_line(decode_words(value))


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern), re.IGNORECASE)


def read_rules(text: str) -> tuple[HeaderRule, ...]:
    """The rules of a file. Raises BadRules."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRules(f"not TOML: {error}") from None
    found = data.pop("rule", [])
    if data or not isinstance(found, list):
        raise BadRules(f"{next(iter(data), 'rule')}: there are only tables [[rule]]")
    if len(found) > RULES_MAX:
        raise BadRules(f"more than {RULES_MAX} rules")
    return tuple(_read_rule(number, one) for number, one in enumerate(found, 1))


def _read_rule(number: int, data: Any) -> HeaderRule:
    where = f"rule {number}"
    if not isinstance(data, dict):
        raise BadRules(f"{where}: there are only tables [[rule]]")
    unknown = sorted(set(data) - {"verb", "header", "matches", "forum"})
    if unknown:
        raise BadRules(f"{where}: {unknown[0]}: there is no such key")
    verb, header, forum = (str(data.get(key, "")).strip().lower() for key in ("verb", "header", "forum"))
    if verb not in list(RuleVerb):
        raise BadRules(f"{where}: verb: one of {', '.join(RuleVerb)}")
    if not is_ruled(header.encode()):
        raise BadRules(f"{where}: header: one of {', '.join(sorted(RULED))}, or x-spam-*")
    matches = data.get("matches", [])
    patterns = tuple(matches) if isinstance(matches, list) else (matches,)
    if not patterns or not all(isinstance(one, str) and 0 < len(one) <= PATTERN_MAX for one in patterns):
        raise BadRules(f"{where}: matches: a pattern, or a list of them, of at most {PATTERN_MAX} characters")
    return HeaderRule(verb=RuleVerb(verb), header=header, matches=patterns, forum=forum)
