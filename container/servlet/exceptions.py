"""The exceptions of the Servlet API: Java's names, and each also the Python exception of that meaning.

    ServletException ── UnavailableException
    OSError (IOException) ── UnsupportedEncodingException, CharConversionException, MalformedURLException
    RuntimeError ── IllegalStateException
    ValueError ── IllegalArgumentException ── NumberFormatException
    TypeError ── NullPointerException
    NotImplementedError ── UnsupportedOperationException

So ``except OSError`` catches what Java calls IOException, and ``except ValueError`` an
IllegalArgumentException. Where the specification says "runtime exception" it means whatever is neither a
ServletException nor an OSError.
"""
# ruff: noqa: N818  (the names are Jakarta's)

from __future__ import annotations

__all__ = [
    "CharConversionException",
    "IOException",
    "IllegalArgumentException",
    "IllegalStateException",
    "MalformedURLException",
    "NullPointerException",
    "NumberFormatException",
    "ServletException",
    "UnavailableException",
    "UnsupportedEncodingException",
    "UnsupportedOperationException",
]

IOException = OSError


class ServletException(Exception):
    """A servlet or filter could not do its work. The root cause, if there is one, is also the ``__cause__``.

    The four Java forms: ``ServletException()``, ``(message)``, ``(message, rootCause)`` and ``(rootCause)``,
    which takes its message from the cause.
    """

    def __init__(
        self, message: str | BaseException | None = None, rootCause: BaseException | None = None
    ) -> None:
        if isinstance(message, BaseException):
            cause: BaseException | None = message
            message = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
        else:
            cause = rootCause
        super().__init__(*(() if message is None else (message,)))
        self._message = message
        if cause is not None:
            self.__cause__ = cause

    def getMessage(self) -> str | None:
        return self._message

    def getRootCause(self) -> BaseException | None:
        return self.__cause__


class UnavailableException(ServletException):
    """The servlet or filter is out of service: for good, or for about ``seconds`` (RT-LIFE-10, 11)."""

    def __init__(self, msg: str, seconds: int | None = None) -> None:
        super().__init__(msg)
        self._seconds = seconds

    def isPermanent(self) -> bool:
        return self._seconds is None

    def getUnavailableSeconds(self) -> int:
        """Return what the constructor was given, not what is left of it; -1 if permanent or unknown."""
        return self._seconds if self._seconds is not None and self._seconds > 0 else -1


class UnsupportedEncodingException(OSError, LookupError):
    """The named character encoding is not known."""


class CharConversionException(OSError):
    """A character cannot be written in the encoding of the stream."""


class MalformedURLException(OSError, ValueError):
    """A path or URL does not have the form it needs."""


class IllegalStateException(RuntimeError):
    """The call comes too early or too late: the response is committed, the session invalidated."""


class IllegalArgumentException(ValueError):
    """An argument that the call does not allow."""


class NumberFormatException(IllegalArgumentException):
    """Text that should be a number and is not."""


class NullPointerException(TypeError):
    """None where the call needs a value."""


class UnsupportedOperationException(NotImplementedError):
    """A call that is not supported, or not allowed from here (§4.4)."""
