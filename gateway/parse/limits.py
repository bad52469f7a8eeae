"""How much of a mail is read at all. Past a limit the rest is ignored or stays opaque; the mail is kept.

Read by every module of this room. The peers that each number was taken from are public-inbox, MIME-tools, mime4j and
Postfix; all but the character counts are bytes.
"""

from __future__ import annotations

from typing import Final

HEADER_MAX: Final = 256 * 1024
FIELDS_MAX: Final = 1_000
FIELD_MAX: Final = 102_400
STRUCTURED_MAX: Final = 8 * 1024  # of From, Date, Content-Type and Content-Disposition
ENCODED_WORDS_MAX: Final = 1_000
IDS_MAX: Final = 1_000
ANCESTORS_MAX: Final = 20
ID_MAX: Final = 244
DEPTH_MAX: Final = 20
PARTS_MAX: Final = 1_000
BOUNDARY_MAX: Final = 2_048
TEXT_MAX: Final = 1 << 20
LINES_MAX: Final = 40_000  # of text; a mail of 1 MiB has half as many
HTML_MAX: Final = 512 * 1024
HTML_DEPTH_MAX: Final = 256
HTML_TAGS_MAX: Final = 20_000
HTML_ATTRIBUTES_MAX: Final = 200  # of one element
ATTACHMENTS_MAX: Final = 100
FILE_NAME_MAX: Final = 255
SUBJECT_MAX: Final = 998  # characters, as the two below
AUTHOR_NAME_MAX: Final = 200
MARKS_MAX: Final = 8  # combining marks on one base character
ORDINARY_MAX: Final = 256 * 1024
ORDINARY_HTML_MAX: Final = 64 * 1024
ORDINARY_TAGS_MAX: Final = 4_000
ORDINARY_HEADER_MAX: Final = 64 * 1024
ORDINARY_DELIMITERS_MAX: Final = 100
ORDINARY_WORDS_MAX: Final = 300
