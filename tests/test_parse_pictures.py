"""Pictures are drawn anew: the same to look at, and nothing in them that tells of who made them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest

from gateway.flow.reading import Reader
from gateway.parse.pictures import redraw
from tests.conftest import need_module

CANARY = b"Ann's camera, 51.5 N 0.1 W"


@pytest.fixture(scope="module", autouse=True)
def pillow() -> None:
    need_module("PIL")


def picture(kind: str, size: tuple[int, int] = (40, 20)) -> bytes:
    """Red on the left, blue on the right, with a canary in every place that the format has."""
    from PIL import Image, PngImagePlugin

    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, *size))
    exif = Image.Exif()
    exif[0x010F] = CANARY.decode()
    exif[0x0112] = 6
    out = BytesIO()
    more: dict[str, object] = {"GIF": {"comment": CANARY}, "PNG": {"exif": exif}}.get(kind, {"exif": exif, "xmp": CANARY})  # type: ignore[assignment]
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_text("Author", CANARY.decode())
        more["pnginfo"] = info
    if kind == "JPEG":
        more["comment"] = CANARY
    image.save(out, kind, **more)  # type: ignore[arg-type]
    assert CANARY in out.getvalue()
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_drawn_anew(kind: str) -> None:
    from PIL import Image

    found = redraw(picture(kind))
    assert found is not None
    assert CANARY not in found[1]
    assert b"Ann" not in found[1]
    with Image.open(BytesIO(found[1])) as image:
        assert found[0] == ("image/jpeg" if kind == "JPEG" else "image/png")
        assert not image.getexif()
        # It is turned as its EXIF asked for, since that is gone.
        assert image.size == ((20, 40) if kind != "GIF" else (40, 20))
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def huge_png() -> bytes:
    """A header that promises 10,000 x 10,000 pixels, and little else."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", huge_png(), b"BM" + bytes(60)])
def test_what_is_no_picture_or_too_large(data: bytes) -> None:
    assert redraw(data) is None


def test_in_the_process_that_may_be_killed() -> None:
    with Reader() as reader:
        found = reader.redraw(picture("JPEG"))
        assert found is not None
        assert CANARY not in found[1]
        assert reader.redraw(b"no picture") is None
