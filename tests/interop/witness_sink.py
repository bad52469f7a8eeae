"""An SMTP sink that writes down what it acknowledged: a line for each letter, before the 250 goes out.

Run as a program: the folder of its book, and a delay in seconds before it takes the data of a letter; prints its port.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import sys
from contextlib import suppress
from pathlib import Path

MSGID = re.compile(rb"^Message-ID: <([^>]*)>", re.MULTILINE | re.IGNORECASE)
CONNECTIONS = itertools.count()


class Book:
    """Lines "EHLO-NAME CONNECTION MSGID RECIPIENT" in a file, each written in one piece."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *words: str) -> None:
        os.write(self._file, " ".join(words).encode() + b"\n")


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, book: Book, delay: float) -> None:
    """One connection, as far as a relay is needed."""

    def say(text: str) -> None:
        writer.write(text.encode() + b"\r\n")

    say("220 sink.example ESMTP")
    recipient = name = ""
    connection = str(next(CONNECTIONS))
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while line := (await reader.readline()).decode():
            word = line[:4].upper().strip()
            if word == "EHLO":
                name = line.split()[1]
                say("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME")
            elif word == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
                say("250 ok")
            elif word == "DATA":
                if delay:
                    await asyncio.sleep(delay)
                say("354 go")
                await writer.drain()
                data = await reader.readuntil(b"\r\n.\r\n")
                found = MSGID.search(data)
                book.write(name, connection, found[1].decode() if found else "none", recipient)
                say("250 taken")
            elif word == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
            await writer.drain()
    writer.close()


async def main(path: Path, delay: float) -> None:
    book = Book(path)
    server = await asyncio.start_server(lambda r, w: talk(r, w, book, delay), "127.0.0.1", 0, limit=1 << 24)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
