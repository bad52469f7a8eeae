"""Mails of six mail programs with a canary in every place that could tell who wrote them (for `test_anonymity`)."""

from __future__ import annotations

import zipfile
from base64 import encodebytes
from collections.abc import Callable
from io import BytesIO

FORUM = "town@example.org"
ADDRESS = "kanarilocal@kanaridomain.example"
HANDLE = "Kanarihandle"
# What the roster knows of the author, planted in every mail.
ROSTER = ("kanarilocal", "kanaridomain", "kanarihandle")


class Cage:
    """Gives out canaries, and knows where each was planted."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        canary = f"kanari{len(self.places):02d}q"
        self.places[canary] = place
        return canary


def picture(canary: str, more: str) -> bytes:
    """A JPEG with EXIF and XMP."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F] = canary
    out = BytesIO()
    Image.new("RGB", (30, 20), "green").save(out, "JPEG", exif=exif, xmp=f"<x>{more}</x>".encode())
    return out.getvalue()


def document(canary: str) -> bytes:
    """As a word processor packs it, but for the compression."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        file.writestr("docProps/core.xml", f"<dc:creator>{canary}</dc:creator>")
    return out.getvalue()


def part(kind: str, name: str, data: bytes) -> str:
    head = f'Content-Type: {kind}; name="{name}"\nContent-Transfer-Encoding: base64\n'
    return f'{head}Content-Disposition: attachment; filename="{name}"\n\n{encodebytes(data).decode()}'


def multipart(boundary: str, *parts: str) -> str:
    return "".join(f"--{boundary}\n{one}\n" for one in parts) + f"--{boundary}--\n"


def text(body: str, kind: str = "plain") -> str:
    return f"Content-Type: text/{kind}; charset=utf-8\n\n{body}"


def gmail(c: Cage) -> str:
    name = c("gmail: From")
    boundary = f"000000000000{c('gmail: boundary')}"
    plain = (
        f"What I think: yes. Write to {ADDRESS} or {ADDRESS.replace('@', ' at ').replace('.', ' dot ')}.\n\n-- \n"
        f"{c('gmail: signature')}\n\nAm Fr., 2. Jan. 2026 um 12:34 schrieb {c('gmail: attribution')} "
        f"<{c('gmail: quoted address')}@x.example>:\n\n"
        "> Yes or no?\n"
    )
    parts = [
        text(f"Anonymous: yes\n{plain}"),
        text(f"<div id={c('gmail: HTML')}>Anonymous: yes<br>What I think: yes</div>", "html"),
    ]
    return f"""Received: from mail.example ({c("gmail: Received")} [192.0.2.7]) by mx.example; Fri, 2 Jan 2026 03:00:01 -0800
DKIM-Signature: v=1; a=rsa-sha256; d={c("gmail: DKIM-Signature")}.example; s=x; b=AAAA
X-Google-DKIM-Signature: v=1; d={c("gmail: X-Google-DKIM")}
X-Gm-Message-State: {c("gmail: X-Gm-Message-State")}
ARC-Seal: i=1; d={c("gmail: ARC-Seal")}.example
X-Received: by {c("gmail: X-Received")}
From: {name} Person <{ADDRESS}>
Date: Fri, 2 Jan 2026 12:00:00 +1030
Message-ID: <CA{c("gmail: Message-ID")}@mail.gmail.com>
References: <{c("gmail: References")}@private.example>
To: {FORUM}
Subject: On {HANDLE}
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="{boundary}"

{multipart(boundary, *parts)}"""


def outlook(c: Cage) -> str:
    plain = (
        f"No, says {HANDLE}.\n\n{c('outlook: closing')}\n\n"
        f"-----Original Message-----\nFrom: Bob <bob@x.example>\nSent: Friday, {c('outlook: Sent')}\n"
        f"To: {c('outlook: To in a quote')} <{ADDRESS}>\nSubject: x\n\nYes?\n"
    )
    boundary = f"_004_{c('outlook: boundary')}_"
    file = part("application/vnd.openxmlformats", c("outlook: file name") + ".docx", document(c("outlook: docx author")))
    name = list(c.places)[list(c.places.values()).index("outlook: closing")]
    return f"""Received: from {c("outlook: Received")} by outlook.example; Fri, 2 Jan 2026 11:00:01 +0000
X-Originating-IP: [{c("outlook: X-Originating-IP")}]
Thread-Topic: {c("outlook: Thread-Topic")}
Thread-Index: {c("outlook: Thread-Index")}
X-MS-Exchange-Organization: {c("outlook: X-MS-Exchange")}
Accept-Language: {c("outlook: Accept-Language")}
Organization: {c("outlook: Organization")}
From: "{name}" <{ADDRESS}>
To: {FORUM}
Subject: No
Message-ID: <{c("outlook: Message-ID")}@prod.outlook.example>
Date: Fri, 2 Jan 2026 11:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="{boundary}"

{multipart(boundary, text(plain), file)}"""


def apple(c: Cage) -> str:
    boundary = f"Apple-Mail={c('apple: boundary')}"
    photo = picture(c("apple: EXIF"), c("apple: XMP"))
    words = f"Anonymous: yes\nIcon: beer\nLook at this.\n\nSent from my {c('apple: footer')} iPhone"
    return f"""From: {c("apple: From")} <{ADDRESS}>
X-Mailer: Apple Mail ({c("apple: X-Mailer")})
X-Apple-Auto-Saved: {c("apple: X-Apple")}
X-Universally-Unique-Identifier: {c("apple: UUID")}
To: {FORUM}
Reply-To: {c("apple: Reply-To")}@x.example
Sender: {c("apple: Sender")}@x.example
Subject: A picture
Message-Id: <{c("apple: Message-ID")}@{c("apple: id domain")}.local>
Date: Fri, 2 Jan 2026 12:00:00 +0100
Mime-Version: 1.0
Content-Type: multipart/mixed; boundary="{boundary}"

{multipart(boundary, text(words), part("image/jpeg", c("apple: picture name") + ".jpg", photo))}"""


def thunderbird(c: Cage) -> str:
    boundary = f"------------{c('thunderbird: boundary')}"
    card = f"BEGIN:VCARD\nFN:{c('thunderbird: vCard')}\nEND:VCARD\n".encode()
    return f"""Return-Path: <{c("thunderbird: Return-Path")}@x.example>
Received: from [{c("thunderbird: Received")}] by smtp.example; Fri, 2 Jan 2026 11:00:01 +0000
Message-ID: <{c("thunderbird: Message-ID")}@x.example>
Date: Fri, 2 Jan 2026 12:00:00 +0100
User-Agent: Mozilla Thunderbird {c("thunderbird: User-Agent")}
Autocrypt: addr={c("thunderbird: Autocrypt")}@x.example; keydata=AAAA
Disposition-Notification-To: {c("thunderbird: receipt request")}@x.example
Content-Language: {c("thunderbird: Content-Language")}
X-Identity-Key: {c("thunderbird: X-Identity-Key")}
From: {c("thunderbird: From")} <{ADDRESS}>
To: {FORUM}
Subject: A card
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="{boundary}"

{multipart(boundary, text("My card is with it."), part("text/vcard", c("thunderbird: card name") + ".vcf", card))}"""


def mutt(c: Cage) -> str:
    return f"""Date: Fri, 2 Jan 2026 12:00:00 +0545
From: {c("mutt: From")} <{ADDRESS}>
To: {FORUM}
Subject: Plain
Message-ID: <Z3{c("mutt: Message-ID")}@laptop>
In-Reply-To: <{c("mutt: In-Reply-To")}@private.example>
List-Archive: <https://{c("mutt: List-Archive")}.example/>
X-PGP-Key: {c("mutt: X-PGP-Key")}
User-Agent: Mutt/2.2 ({c("mutt: User-Agent")})
Mail-Followup-To: {c("mutt: Mail-Followup-To")}@x.example
Content-Type: text/plain; charset=utf-8

Anonymous: yes

Plain words.
On Fri, Jan 02, 2026 at 11:00:00AM +0545, {c("mutt: attribution")} wrote:
> {c("mutt: quoted address")}@x.example has them
-- 
{c("mutt: signature")}
"""


def k9(c: Cage) -> str:
    boundary = f"----{c('k9: boundary')}"
    big = part("application/octet-stream", c("k9: file name") + ".bin", c("k9: file").encode() + bytes(1_200_000))
    return f"""Date: Fri, 2 Jan 2026 13:00:00 +0200
From: {c("k9: From")} <{ADDRESS}>
To: {FORUM}
Subject: From the {HANDLE}
User-Agent: K-9 Mail for Android ({c("k9: User-Agent")})
Message-ID: <{c("k9: Message-ID")}@{c("k9: id domain")}.example>
Autocrypt: addr={c("k9: Autocrypt")}@x.example; keydata=AA
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="{boundary}"

{multipart(boundary, text(f"Short.{chr(10)}-- {chr(10)}{c('k9: signature')}"), big)}"""


CLIENTS: dict[str, Callable[[Cage], str]] = {
    "Gmail": gmail,
    "Outlook": outlook,
    "Apple Mail": apple,
    "Thunderbird": thunderbird,
    "mutt": mutt,
    "K-9": k9,
}


def mails(cage: Cage) -> list[tuple[str, bytes]]:
    """The six mails, each with the local part it is sent to."""
    made = [make(cage).replace("\n", "\r\n") for make in CLIENTS.values()]
    to = ["town" if "Anonymous: yes" in mail else "town+anon" for mail in made]
    return [(local, mail.replace(FORUM, "nobody@example.org").encode()) for local, mail in zip(to, made, strict=True)]
