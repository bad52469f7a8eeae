"""Pictures without what they tell of who made them: drawn anew from their pixels. The home of Pillow.

In: the bytes of a JPEG, PNG, GIF or WebP. Out: a JPEG, or a PNG of the first frame, without EXIF, XMP, comments, profile, or
thumbnail; None for anything else. Pixels are counted from the header, before any is unpacked.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

PIXELS_MAX: Final = 40_000_000
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP")
_QUALITY: Final = 88


def redraw(data: bytes) -> tuple[str, bytes] | None:
    """Its type and bytes; for the worker of `flow.reading`, since a picture may be made to do harm."""
    # Loaded only where a picture comes: most processes never see one.
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as found:
            if found.width * found.height > PIXELS_MAX:
                return None
            is_jpeg = found.format == "JPEG"
            turned = ImageOps.exif_transpose(found)
            has_holes = "A" in turned.getbands() or "transparency" in turned.info
            picture = turned.convert("RGBA" if has_holes and not is_jpeg else "RGB")
    except Exception:  # noqa: BLE001 - it raises what it likes; a picture that cannot be drawn is not a picture
        return None
    # What `info` holds would be written again.
    bare = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    out = BytesIO()
    if is_jpeg:
        bare.save(out, "JPEG", quality=_QUALITY)
        return "image/jpeg", out.getvalue()
    bare.save(out, "PNG")
    return "image/png", out.getvalue()
