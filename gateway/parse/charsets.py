"""Bytes to text by the name of a character set (RFC 2045 section 6, RFC 2046 section 4.1.2).

In: bytes and a label that a stranger wrote. Out: str, always. Labels are those of the WHATWG Encoding Standard, with the
Python codec that reads the superset in use (gb2312 is read as gb18030, iso-8859-1 as windows-1252), and a few of mail's
own. Whatever is not in the table is no character set: Python has codecs named zip, idna and unicode_escape.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from gateway.parse.iso2022cn import decode_iso_2022_cn

_TABLE: Final = """
utf-8        unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8
utf-8        ascii us-ascii ansi_x3.4-1968 iso-ir-6 iso646-us us csascii 646 unknown-8bit x-unknown unknown
cp866        866 cp866 csibm866 ibm866
iso8859-2    csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2
iso8859-3    csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3
iso8859-4    csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4
iso8859-5    csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988
iso8859-6    arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114 iso-8859-6 iso-8859-6-e iso-8859-6-i
iso8859-6    iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
iso8859-7    csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126 iso8859-7 iso88597 iso_8859-7
iso8859-7    iso_8859-7:1987 sun_eu_greek
iso8859-8    csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8
iso8859-8    iso_8859-8:1988 visual csiso88598i iso-8859-8-i logical
iso8859-10   csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6
iso8859-13   iso-8859-13 iso8859-13 iso885913
iso8859-14   iso-8859-14 iso8859-14 iso885914
iso8859-15   csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9 latin9 latin-9
iso8859-16   iso-8859-16 iso8859-16 iso885916
koi8-r       cskoi8r koi koi8 koi8-r koi8_r
koi8-u       koi8-ru koi8-u
mac_roman    csmacintosh mac macintosh x-mac-roman
cp874        dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
cp1250       cp1250 windows-1250 x-cp1250
cp1251       cp1251 windows-1251 x-cp1251
cp1252       ansi_x3.110-1983 cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1
cp1252       iso_8859-1:1987 l1 latin1 latin-1 windows-1252 x-cp1252 x-ansi iso-8859-8859-1
cp1253       cp1253 windows-1253 x-cp1253
cp1254       csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9 iso_8859-9:1989 l5 latin5
cp1254       cp1254 windows-1254 x-cp1254
cp1255       cp1255 windows-1255 x-cp1255
cp1256       cp1256 windows-1256 x-cp1256
cp1257       cp1257 windows-1257 x-cp1257
cp1258       cp1258 windows-1258 x-cp1258
mac_cyrillic x-mac-cyrillic x-mac-ukrainian
gb18030      chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk gb18030 cp936 ms936 euc-cn
big5hkscs    big5 big5-hkscs cn-big5 csbig5 x-x-big5
cp950        cp950 ms950
euc_jp       cseucpkdfmtjapanese euc-jp x-euc-jp eucjp
iso2022_jp_2 csiso2022jp iso-2022-jp iso-2022-jp-1 iso-2022-jp-2
iso2022_jp_3 iso-2022-jp-3
iso2022_jp_2004 iso-2022-jp-2004
iso2022_jp_ext iso-2022-jp-ext cp50220 cp50221 iso-2022-jp-ms
iso2022_kr   csiso2022kr iso-2022-kr
hz           hz-gb-2312 hz
cp932        csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis cp932
cp949        cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 windows-949 cp949
utf-16-be    unicodefffe utf-16be
utf-16       csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16
utf-16-le    utf-16le
utf-7        utf-7 utf7 unicode-1-1-utf-7 csunicode11utf7
cp437        cp437 ibm437 437
cp850        cp850 ibm850 850
cp852        cp852 ibm852 852
cp858        cp858 ibm00858
cp737        cp737 ibm737
cp855        cp855 ibm855 855
cp857        cp857 ibm857 857
cp865        cp865 ibm865 865
mac_latin2   x-mac-ce x-mac-centraleurroman macce
mac_greek    x-mac-greek
mac_turkish  x-mac-turkish
iso-2022-cn  iso-2022-cn iso-2022-cn-ext
"""

CODECS: Final[dict[str, str]] = {label: line.split()[0] for line in _TABLE.strip().splitlines() for label in line.split()[1:]}

# The one that Python has no codec for.
_OWN: Final = "iso-2022-cn"
_BY_HAND = re.compile(r"(windows|win|cp|iso[-_ ]?8859)[-_ ]?([0-9]{1,4})(?:[^0-9]|\Z)")
_GUESS_MAX = 64 * 1024
# Half-width katakana and the 2000 planes are in no single one of Python's codecs for Japanese mail.
_JAPANESE = ("iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004")


def codec_of(label: str) -> str:
    """The codec for a label; "" for a label that is not in the table."""
    label = label.strip("\"'; \t").lower()
    return CODECS.get(label) or CODECS.get(label.replace("_", "-")) or CODECS.get(_respelt(label), "")


def _respelt(label: str) -> str:
    # "windows1252", "win-1251" and "iso 8859 1" are what people write by hand.
    match = _BY_HAND.match(label)
    return f"{'iso-8859' if match[1].startswith('iso') else 'windows'}-{match[2]}" if match else ""


def decode_bytes(data: bytes, label: str = "") -> str:
    """Text of `data`: by its label, else as UTF-8, else by a guess, else as windows-1252; unreadable bytes become U+FFFD."""
    codec = codec_of(label) if label else "utf-8"
    if codec == _OWN:
        return decode_iso_2022_cn(data)
    if b"\x1b" in data and codec in ("", "utf-8", "cp1252", "iso2022_jp_2", "cp932", "euc_jp"):
        # 7-bit Japanese with a wrong label or none at all is the usual case: tests/mails/iso-2022-jp-unlabelled.eml
        for candidate in _JAPANESE if b"\x1b$)C" not in data else ("iso2022_kr",):
            text = _strictly(data, candidate)
            if text is not None:
                return text
    for candidate in (codec, "utf-8"):
        text = _strictly(data, candidate) if candidate else None
        if text is not None:
            return text
    return _guessed(data, codec)


def _strictly(data: bytes, codec: str) -> str | None:
    try:
        text = codecs.decode(data, codec) if codec != "utf-8" else data.decode()
    except (UnicodeError, ValueError, LookupError):
        return None
    assert isinstance(text, str)
    return text[1:] if text[:1] == "\ufeff" else text


def _guessed(data: bytes, codec: str) -> str:
    import cchardet

    guess = codec_of(str(cchardet.detect(data[:_GUESS_MAX]).get("encoding") or ""))
    if guess and guess not in ("utf-8", "utf-7"):
        text = _strictly(data, guess)
        if text is not None:
            return text
    return data.decode(codec if codec and codec != "utf-8" else _fallback(data), "replace")


def _fallback(data: bytes) -> str:
    # A cut or damaged UTF-8 text is still UTF-8 when nearly all of its high bytes make characters.
    broken = data.decode("utf-8", "replace").count("\ufffd")
    high = len(data) - len(data.translate(None, bytes(range(0x80, 0x100))))
    return "utf-8" if broken * 8 < high else "cp1252"
