"""Mails made to cost time: one generator a trouble, each given a size in bytes that it keeps to about (reliability P1-P9)."""

from __future__ import annotations

from collections.abc import Callable

Generator = Callable[[int], bytes]

MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
HTML = b"Content-Type: text/html\n\n"
PLAIN = b"\n"


def fill(head: bytes, unit: bytes, tail: bytes = b"") -> Generator:
    """`unit` again and again between `head` and `tail`."""
    return lambda size: head + unit * (size // len(unit)) + tail


def count(head: bytes, unit: bytes) -> Generator:
    """As `fill`, but `unit` has a place for a number that goes up."""
    return lambda size: head + b"".join(unit % number for number in range(size // (len(unit) + 4)))


def both(first: Generator, second: Generator) -> Generator:
    """Half of each."""
    return lambda size: first(size // 2) + second(size // 2)


GENERATORS: dict[str, Generator] = {
    # P1: structure
    "parts": fill(MIXED, b"--b\n\nx\n"),
    "nesting": count(b"", b"Content-Type: multipart/mixed; boundary=%d\n\n--0\n"),
    "one boundary for all": fill(b"", b"Content-Type: multipart/mixed; boundary=b\n\n--b\n"),
    "delimiters": fill(MIXED, b"\n--"),
    "long delimiter": fill(MIXED + b"\n--", b"b"),
    "delimiters of others": count(MIXED, b"\n--b%d\n"),
    "fields": count(b"", b"X%d: y\n"),
    "one field": fill(b"", b"X: y\n"),
    "folds": fill(b"Subject: a\n", b" b\n"),
    "messages in a message": fill(b"", b"Content-Type: message/rfc822\n\n"),
    "digest of empty mails": fill(b"Content-Type: multipart/digest; boundary=b\n\n", b"--b\n\n"),
    "invitations": fill(MIXED, b"--b\nContent-Type: text/calendar\n\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n"),
    "one long invitation": fill(b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nSUMMARY:", b"x\n "),
    "events without an end": fill(b"Content-Type: text/calendar\n\n", b"BEGIN:VEVENT\n"),
    "parameters of an event": fill(b"Content-Type: text/calendar\n\nBEGIN:VEVENT\nDTSTART", b';A="b":'),
    # P2: fields that others read quadratically
    "encoded words": fill(b"Subject: ", b"=?utf-8?q?a?= "),
    "opened words": fill(b"Subject: ", b"=?"),
    "words without an end": fill(b"Subject: ", b"=?a?q?"),
    "words of other charsets": count(b"Subject: ", b"=?cp%d?b?gICA?= "),
    "addresses": fill(b"From: ", b"a@b.example,"),
    "open quotes": fill(b'From: "', b"\\"),
    "parentheses": fill(b"From: ", b"(", b"\nDate: " + b"(" * 9_000 + b"\n\n"),
    "angle brackets": fill(b"From: ", b"<", b"\n\n"),
    "ids": count(b"References: ", b"<%d@b> "),
    "open ids": fill(b"In-Reply-To: ", b"a@<"),
    "semicolons": fill(b"Content-Type: text/plain", b"; a"),
    "blanks in a parameter": fill(b"Content-Type: text/plain; a", b" ", b"\n\n"),
    "segments of a name": count(b"Content-Disposition: attachment", b"; filename*%d*=a"),
    # P3 and P4: characters and encodings
    "soft line breaks": fill(b"Content-Transfer-Encoding: quoted-printable\n\n", b"= \n"),
    "escapes that are none": fill(b"Content-Transfer-Encoding: quoted-printable\n\n", b"=="),
    "base64 rubbish": fill(b"Content-Transfer-Encoding: base64\n\n", b"=*A"),
    "utf-7": fill(b"Content-Type: text/plain; charset=utf-7\n\n", b"+AGE-"),
    "iso-2022-cn": fill(b"Content-Type: text/plain; charset=iso-2022-cn\n\n", b"\x1b$)A\x0eVP\n"),
    "escapes": fill(PLAIN, b"\x1b$B"),
    "bytes of no charset": fill(PLAIN, bytes(range(0x80, 0x100))),
    "marks": fill(b"\nZ", "\u0301".encode()),
    "marks of upper planes": fill(b"\nZ", "\U000101fd".encode()),
    "carriage returns": both(fill(PLAIN, b"\r"), fill(b"", b"\r\n")),
    # P5 and P6: text
    "quote marks": fill(PLAIN, b"> "),
    "quoted lines": fill(PLAIN, b">\n"),
    "blank lines": fill(b"\na", b"\n"),
    "blanks": fill(b"\na", b" "),
    "flowed": fill(b"Content-Type: text/plain; format=flowed\n\n", b"a \n"),
    "signatures": fill(PLAIN, b"-- \n"),
    "attributions": fill(PLAIN, b"On a wrote:\n>b\n"),
    "half attributions": fill(PLAIN, b"On a\n"),
    "header labels": fill(PLAIN, b"From: a\nSent: b\nTo: c\n"),
    "underlines": fill(PLAIN, b"_" * 40 + b"\n"),
    "armour": fill(PLAIN, b"-----BEGIN PGP SIGNED MESSAGE-----\n"),
    "armour that ends": fill(PLAIN, b"-----BEGIN PGP MESSAGE-----\n" * 2 + b"-----END PGP MESSAGE-----\n"),
    "armour that is none": fill(PLAIN, b"-----BEGIN PGP MESSAGE-----\n", b"no\n-----END PGP MESSAGE-----\n"),
    "enriched": fill(b"Content-Type: text/enriched\n\n", b"<param><"),
    # P9: HTML
    "html depth": fill(HTML, b"<div>"),
    "html comments": fill(HTML, b"<!--"),
    "html attributes": fill(HTML + b"<p ", b"a=b ", b">"),
    "html attributes of other names": count(HTML + b"<p ", b"a%d=b "),
    "html tables": fill(HTML, b"<table><tr><td>"),
    "html cells": fill(HTML + b"<table><tr>", b"<td>x"),
    "html lists": fill(HTML, b"<ul><li>"),
    "html links": fill(HTML, b'<a href="https://e.example">x</a>'),
    "html links that stay open": fill(HTML, b'<a href="https://e.example">x'),
    "html quotes": fill(HTML, b"<blockquote>x</blockquote>"),
    "html formatting": fill(HTML, b"<b><i>x</b>"),
    "html entities": fill(HTML, b"&amp;&#0;&nbsp;"),
    "html styles": fill(HTML + b'<p style="', b"a:b;", b'">x'),
    "html without tags": fill(HTML, b"< "),
    "html of one word": fill(HTML, b"x"),
    "html that is left out": fill(HTML, b"<svg><style>"),
}
