"""Files that callers attach: which kinds, and under which names."""

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
    return File(name, Content(media_type, data))
