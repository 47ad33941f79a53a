"""A PNG of a few lines, for the emulator, which draws no metrics. It says in the picture that it is no real one."""

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise

type Color = tuple[int, int, int]
type Points = Sequence[tuple[float, float]]

WHITE, BLACK, GREY, RED, GREEN, BLUE = (
    (255, 255, 255),
    (40, 40, 40),
    (220, 220, 220),
    (214, 39, 40),
    (44, 160, 44),
    (31, 119, 180),
)
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 40, 40
_SCALE = 2
_WIDTH_OF_A_LETTER, _HEIGHT_OF_A_LETTER = 4, 5
# Each letter is five rows of three dots, as octal digits.
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:/(),<>=%"
_ROWS = (
    "75557 26227 71747 71717 55711 74717 74757 71111 75757 75717 "
    "25755 65656 34443 65556 74647 74644 34553 55755 72227 11152 55655 44447 57755 "
    "57775 25552 65644 25573 65655 34216 72222 55557 55552 55775 55255 55222 71247 "
    "00002 00700 02020 11244 12221 42224 00024 12421 42124 07070 51245"
)
_FONT = dict(zip(_LETTERS, _ROWS.split(), strict=True))


class Canvas:
    """An image of dots. What lies outside is left out."""

    def __init__(self, width: int, height: int) -> None:
        """Start white."""
        self.width, self.height = width, height
        self._rows = [bytearray(bytes(WHITE) * width) for _ in range(height)]

    def dot(self, x: int, y: int, color: Color) -> None:
        """Draw one dot."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._rows[y][3 * x : 3 * x + 3] = bytes(color)

    def line(self, start: tuple[float, float], end: tuple[float, float], color: Color, gap: int = 0) -> None:
        """Draw a line two dots wide; with `gap` a dashed one."""
        steps = max(1, int(max(abs(end[0] - start[0]), abs(end[1] - start[1]))))
        for step in range(steps + 1):
            if gap and step // gap % 2:
                continue
            x, y = (round(a + (b - a) * step / steps) for a, b in zip(start, end, strict=True))
            for near in ((x, y), (x + 1, y), (x, y + 1)):
                self.dot(*near, color)

    def text(self, x: int, y: int, text: str, color: Color = BLACK) -> None:
        """Write capital letters and digits; others are blanks."""
        for place, letter in enumerate(text.upper()):
            for row, dots in enumerate(_FONT.get(letter, "00000")):
                for column in range(3):
                    if int(dots) >> (2 - column) & 1:
                        self._block(x + (place * _WIDTH_OF_A_LETTER + column) * _SCALE, y + row * _SCALE, color)

    def _block(self, x: int, y: int, color: Color) -> None:
        for down in range(_SCALE):
            for across in range(_SCALE):
                self.dot(x + across, y + down, color)

    def png(self) -> bytes:
        """Return the image as a file (PNG specification, third edition)."""
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        data = zlib.compress(b"".join(b"\x00" + bytes(row) for row in self._rows))
        chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def graph(  # noqa: PLR0913 (what a picture shows)
    title: str,
    span: tuple[float, float],
    lines: Sequence[Points],
    thresholds: Sequence[float],
    moments: Sequence[tuple[float, str]],
    *,
    size: tuple[int, int] = (1000, 400),
) -> bytes:
    """Return a picture of lines over a span of seconds, with thresholds across and moments down."""
    canvas = Canvas(*size)
    values = [value for line in lines for _, value in line] + list(thresholds) or [0.0, 1.0]
    lowest, highest = min(0.0, *values), max(0.0, *values) * 1.1 or 1.0
    width, height = size[0] - _LEFT - _RIGHT, size[1] - _TOP - _BOTTOM

    def at(seconds: float, value: float) -> tuple[float, float]:
        across = (seconds - span[0]) / max(1.0, span[1] - span[0])
        return _LEFT + across * width, _TOP + height - (value - lowest) / (highest - lowest) * height

    for part in range(5):
        value = lowest + (highest - lowest) * part / 4
        _, y = at(span[0], value)
        canvas.line((_LEFT, y), (_LEFT + width, y), GREY)
        canvas.text(4, round(y) - 5, f"{value:.4g}")
    for value in thresholds:
        canvas.line(at(span[0], value), at(span[1], value), RED)
        canvas.text(size[0] - 90, round(at(span[1], value)[1]) - 14, f"{value:g}", RED)
    for seconds, name in moments:
        x, _ = at(seconds, lowest)
        color = GREEN if name == "OK" else RED
        canvas.line((x, _TOP), (x, _TOP + height), color, gap=6)
        canvas.text(round(x) + 5, _TOP + 2, name, color)
    for line in lines:
        for one, other in pairwise(line):
            canvas.line(at(*one), at(*other), BLUE)
    canvas.text(_LEFT, 10, title[:90])
    canvas.text(_LEFT, size[1] - 24, "drawn by the local emulator, not by CloudWatch", BLACK)
    return canvas.png()
