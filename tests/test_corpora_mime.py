"""The malformed mail of corpora/c: every one is read, tells what a person would see, and decodes as mime4j expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.parse.header import split_header
from gateway.parse.lines import split_lines
from gateway.parse.message import PARSER_FAILED, parse_message
from gateway.parse.mime import split_parts
from gateway.parse.transfer import decode_transfer

BODY = re.compile(rb'<(?:text|binary)-body name="([^"]+)"')

# Where we differ from mime4j, and why ours is better for readers or as good.
DIFFERENT = {
    "badbound": "no delimiter is as announced: the whole is shown, mime4j shows nothing",
    "missing-boundary": "no delimiter at all: the text is shown, mime4j shows nothing",
    "missing-inner-boundary": "the inner delimiter is missing: the text there is shown",
    "missing-inner-start-boundary": "the inner part never begins: its text is shown",
    "multipartnopart": "no part: what a reader would see of it is shown",
    "ending-boundaries": "text after the delimiter on its line: a delimiter is a whole line for us, since similar-boundary of "
    "enmime has two that begin alike; the whole is shown",
    "frag": "base64 that was cut within its last four characters: we keep the two bytes that are there, mime4j drops them",
    "multi-frag": "as frag: the delimiter is damaged, so that words stand at the end of base64",
    "hdr-fakeout": "the blank line has a blank: we see where the header ends, mime4j takes all for header",
    "basic-plain-with-bad-header-separator": "as hdr-fakeout",
    "malformedHeader-nocrlfcrlf": "a line that is no field begins the body; mime4j drops it",
    "malformedHeader-noheader": "as malformedHeader-nocrlfcrlf",
    "malformedHeaderStartsBody-nocrlfcrlf": "the body begins with the malformed line; mime4j drops the line below it",
    "malformedHeaderStartsBody-noheader": "as malformedHeaderStartsBody-nocrlfcrlf",
    "obsolete": "a field name with 8-bit characters: words before a colon begin the body for us",
    "very-long-boundary": "blanks at the end of a delimiter are padding (RFC 2046 section 5.1.1)",
    "weird-boundary": "as very-long-boundary",
    "very-very-long-boundary": "a boundary of 7,000 bytes is past our limit: opaque, and held",
}
# Mails in which a person would see no text either: a header alone, files alone, or a structure past our limits (held).
SILENT = {
    *("attachment-only-inline", "attachment-only-no-disposition", "attachment-only-text-attachment", "attachment-only"),
    *("header-only", "barren-content-type", "chardet-fail-non-txt", "malformed-content-type-params"),
    *("missing-closing-param-quote", "unquoted-ctype-param-special", "bluedot-simple", "dup-names"),
    *("multi-digest", "multi-2gifs-base64", "frag", "re-fwd", "russian", "bad-newlines-multiple-parts-base64"),
    *("base64encoded-rfc822message", "base64encoded-rfc822message-nested", "very-very-long-boundary", "russian-headers"),
    *("multipartemptypart", "multipartnestedemptyparts", "multipartnestedemptypartsnorfc822", "multipartdigestnestedemptyparts"),
}


def mails(corpora: Path) -> list[Path]:
    return sorted([*corpora.glob("c/mime4j-testmsgs/*/*.msg"), *corpora.glob("c/enmime-mail/*/*.raw")])


def decoded_parts(raw: bytes) -> list[bytes]:
    """All leaves in the order of the mail, those of mails within the mail too, as mime4j counts them."""
    found: list[bytes] = []
    waiting = [split_lines(raw).data]
    while waiting:
        item = waiting.pop()
        if item.startswith(b"leaf:"):
            found.append(item[5:])
            continue
        here: list[bytes] = []
        for part in split_parts(item, split_header(item))[0]:
            if not part.is_open:
                body = decode_transfer(item[part.start : part.end], part.content.encoding)
                is_mail = part.content.type == "message/rfc822"
                here.append(split_lines(body).data if is_mail else b"leaf:" + body)
        waiting += reversed(here)
    return found


def plain(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").rstrip(b"\n")


def test_decoded_parts_are_those_of_mime4j(corpora: Path) -> None:
    different = set()
    paths = sorted(corpora.glob("c/mime4j-testmsgs/*/*.msg"))
    for path in paths:
        names = BODY.findall(path.with_name(f"{path.stem}_decoded.xml").read_bytes())
        expected = [plain(path.with_name(name.decode()).read_bytes()) for name in names]
        if [plain(part) for part in decoded_parts(path.read_bytes())] != expected:
            different.add(path.stem)
    assert len(paths) == 80
    assert different == DIFFERENT.keys()


def test_every_mail_is_read_and_tells_something(corpora: Path) -> None:
    silent = set()
    for path in mails(corpora):
        message = parse_message(path.read_bytes())
        assert PARSER_FAILED not in message.defects
        text = "".join(span.text for span in message.spans)
        if not re.search(r"\w", text):
            silent.add(path.stem)
    assert silent == SILENT


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("html-only-inline", "Test of HTML section"),
        ("incorrect-charset", "∮ E⋅da = Q"),
        ("unk-charset-html-only", "Hello World!"),
        ("chardet-success-big-5", "顏是家訓"),
        ("chardet-detection", "öoöo"),
        ("mime-signed", "Section two"),
        ("german-qp", "Sönderzäichen"),
        ("multi-nested", "cool?"),
        ("base64-encoded-text", "Text body"),
    ],
)
def test_sensible_text(corpora: Path, name: str, words: str) -> None:
    (path,) = [path for path in mails(corpora) if path.stem == name][:1]
    assert words in "\n".join(span.text for span in parse_message(path.read_bytes()).spans)
