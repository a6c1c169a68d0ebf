"""Headers of a tar, read so that a fault among them is told.

The standard library takes a broken header that is not the first one for the end of the archive, and looks at nothing
behind the end; what stands there would be lost without a word.
"""

from io import RawIOBase
from tarfile import (  # type: ignore[attr-defined]  # whose stubs lack two of them
    GNUTYPE_LONGLINK,
    GNUTYPE_LONGNAME,
    SOLARIS_XHDTYPE,
    XGLTYPE,
    XHDTYPE,
    EmptyHeaderError,
    EOFHeaderError,
    HeaderError,
    ReadError,
    TarFile,
    TarInfo,
)
from typing import IO, Self

from blocks.errors import UnreadableImage

MOST_HEADER_BYTES = 16_000_000
"""Of what describes one member: it is read into memory at once, whatever length it says of itself."""

_DESCRIBING = (XHDTYPE, XGLTYPE, SOLARIS_XHDTYPE, GNUTYPE_LONGNAME, GNUTYPE_LONGLINK)

MOST_TIMES_BEHIND_THE_END = 100

_AT_ONCE = 1_000_000


class TarHeader(TarInfo):
    """A header that says why it is none; only a block of zeros is the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Return what stands in a block of 512 bytes.

        Raises:
            ReadError: It describes a member at more length than is read.
        """
        header = super().frombuf(buf, encoding, errors)
        if header.type in _DESCRIBING and header.size > MOST_HEADER_BYTES:
            raise ReadError(f"a header of {header.size:,} bytes")
        return header

    @classmethod
    def fromtarfile(cls, tarfile: TarFile) -> Self:
        """Return the next header.

        Raises:
            EOFHeaderError: There is none, as this is the end.
            ReadError: It is broken, or the archive has been cut off.
        """
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except EmptyHeaderError as error:
            raise ReadError("it is cut off, as its end is missing") from error
        except HeaderError as error:
            raise ReadError(f"a header is broken or cut off: {error}") from error


class EndingOnce(RawIOBase):
    """A stream that is not read for ever: `tarfile` reads on behind the end, up to whatever size is written down."""

    def __init__(self, stream: IO[bytes] | RawIOBase) -> None:
        self._stream = stream
        self._times = 0

    def read(self, size: int = -1) -> bytes:
        """Return some of it.

        Raises:
            EOFError: It has ended, and more was asked for again and again.
        """
        data = self._stream.read(size)
        self._times = 0 if data else self._times + 1
        if self._times > MOST_TIMES_BEHIND_THE_END:
            raise EOFError("it is cut off, or a size in it is wrong")
        return data


def refuse_more_behind_the_end(archive: TarFile) -> None:
    """Read what is behind the end of an archive that was read as a stream; only zeros belong there.

    Raises:
        UnreadableImage: There is something.
    """
    while archive.fileobj is not None and (block := archive.fileobj.read(_AT_ONCE)):
        if block.count(0) < len(block):
            raise UnreadableImage(
                "behind its end there is more, such as a second archive, or what a damaged header hides: pack it again"
            )
