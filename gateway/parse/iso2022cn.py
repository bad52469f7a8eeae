"""ISO-2022-CN (RFC 1922), which Python has no codec for: seven-bit Chinese mail of the nineties.

In: bytes. Out: str. GB 2312 is read; the planes of CNS 11643 have no table in Python, and their characters become U+FFFD.
"""

from __future__ import annotations

import re

_SWITCH = re.compile(rb"(\x1b\$\)[AEG]|\x1b\$\*H|\x1b\$\+[I-M]|\x1b[NO][!-~]{2}|[\x0e\x0f\n])")


def decode_iso_2022_cn(data: bytes) -> str:
    """`data` as text; linear, never an error."""
    pieces: list[str] = []
    is_gb = is_out = False
    for number, piece in enumerate(_SWITCH.split(data)):
        if not number % 2:
            pieces.append(_shifted(piece, is_gb=is_gb) if is_out else piece.decode("ascii", "replace"))
        elif piece in (b"\x0e", b"\x0f"):
            is_out = piece == b"\x0e"
        elif piece == b"\n":
            # Designations and shifts end with the line.
            is_gb = is_out = False
            pieces.append("\n")
        elif piece.startswith(b"\x1b$)"):
            is_gb = piece != b"\x1b$)G"
        elif piece[1:2] in b"NO":
            pieces.append("\ufffd")
    return "".join(pieces)


def _shifted(piece: bytes, *, is_gb: bool) -> str:
    high = bytes(code | 0x80 if code > 0x20 else code for code in piece)
    return high.decode("gb2312", "replace") if is_gb else "\ufffd" * ((len(piece) + 1) // 2)
