"""Files that callers attach: which kinds, and under which names."""

import re
from collections.abc import Mapping

from common.api.incidents import File
from common.api.problems import Kind, ProblemError, invalid
from common.servicenow.client import Content
from common.text import one_line

MEDIA_TYPES = (
    "application/gzip",
    "application/json",
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "image/gif",
    "image/jpeg",
    "image/png",
    "text/csv",
    "text/plain",
)
"""What may be attached. Nothing that a browser would run, such as HTML or SVG."""

FILE_NAME = r"^[^\x00-\x1f\x7f/\\]{1,100}$"
"""A name without a path."""


# The first bytes of a kind of file, and what its name ends with. Of the others only the name is known.
_SIGNATURES: Mapping[str, tuple[bytes, ...]] = {
    "application/gzip": (b"\x1f\x8b",),
    "application/pdf": (b"%PDF-",),
    "application/zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
}
_ENDINGS: Mapping[str, tuple[str, ...]] = {
    "application/gzip": ("gz", "tgz"),
    "application/json": ("json",),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "image/gif": ("gif",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/png": ("png",),
    "text/csv": ("csv",),
    "text/plain": ("txt", "log", "md", "yaml", "yml", "toml", "ini", "conf", "cfg", "properties", "out", "err", "text"),
}
# What a browser or a desktop runs when somebody opens it, in the last part of its name.
_RUN = re.compile(
    "bat|cmd|com|cpl|exe|hta|html?|jar|js|jse|lnk|mht|mhtml|mjs|msi|pif|ps1|scr|shtml|svgz?|url|vb[es]|ws[fh]|xht"
    "|xhtml|xml|xslt?"
)
_MARKUP = re.compile(rb"(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\x00]*<[\x00]?[!?/a-zA-Z]")


def _disagreement(name: str, media_type: str, data: bytes) -> str:
    """Return in what the name, the declared type and the first bytes of a file contradict each other, if at all."""
    ending = name.rstrip(". ").rpartition(".")[2].lower()
    if _RUN.fullmatch(ending):
        return "Its name is that of something that runs when it is opened."
    if media_type in _ENDINGS and ending not in _ENDINGS[media_type]:
        return f"The name of a file of the type {media_type} ends with {' or '.join(_ENDINGS[media_type])}."
    own = _SIGNATURES.get(media_type, ())
    if own and not data.startswith(own):
        return f"It does not begin as a file of the type {media_type} does."
    if not own and _MARKUP.match(data[:512]):
        return "It begins as a page or a drawing does that a browser would run."
    for other, signatures in _SIGNATURES.items():
        if ending in _ENDINGS[other] and not data.startswith(signatures):
            return f"Its name is that of the type {other}, and its first bytes are not."
    return ""


def file_of(name: str, content_type: str, data: bytes) -> File:
    """Return the file of a request. Raises ProblemError where its kind is not among those that may be attached."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise ProblemError(
            Kind.MEDIA_TYPE,
            "Files of this content type are not attached.",
            action=f"Send one of {', '.join(MEDIA_TYPES)}, as it is or packed.",
        )
    if not data:
        raise invalid("The file is empty.")
    if one_line(name) != name:
        raise invalid("The name of the file holds characters that nobody sees.", "Leave them out.")
    if name.strip(". ") == "":
        raise invalid("The file has no name.", "Send it in the query parameter file_name.")
    if why := _disagreement(name, media_type, data):
        raise ProblemError(
            Kind.MEDIA_TYPE,
            f"Name, type and content of the file do not agree. {why}",
            action="Send it under its own name and type, or packed.",
        )
    return File(name, Content(media_type, data))
