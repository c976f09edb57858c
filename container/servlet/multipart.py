"""Uploads (§3.2): Part, one part of a multipart/form-data request; MultipartConfigElement, their limits."""

from __future__ import annotations

from typing import BinaryIO

from container.servlet.annotations import MultipartConfig

__all__ = ["MultipartConfigElement", "Part"]


class Part:
    """One part of a multipart/form-data request: a form field, or a file if it has a file name."""

    __slots__ = ()

    def getInputStream(self) -> BinaryIO:
        """Return the content, from its beginning each time."""
        raise NotImplementedError

    def getContentType(self) -> str | None:
        raise NotImplementedError

    def getName(self) -> str:
        """Return the name of the form field."""
        raise NotImplementedError

    def getSubmittedFileName(self) -> str | None:
        """Return the file name as the client gave it (never use it as a path); None for a plain field."""
        raise NotImplementedError

    def getSize(self) -> int:
        raise NotImplementedError

    def write(self, fileName: str) -> None:
        """Store the content, a relative name below the configured location (RT-MP-07). May work only once."""
        raise NotImplementedError

    def delete(self) -> None:
        """Remove what is stored. Happens by itself at the end of the request."""
        raise NotImplementedError

    def getHeader(self, name: str) -> str | None:
        raise NotImplementedError

    def getHeaders(self, name: str) -> list[str]:
        raise NotImplementedError

    def getHeaderNames(self) -> list[str]:
        raise NotImplementedError


class MultipartConfigElement:
    """What uploads a servlet takes, sizes in bytes, -1 = no limit; a threshold of 0 puts every file on disk.

    Made from the four values or from a MultipartConfig:
    ``MultipartConfigElement(MultipartConfig(maxFileSize=1000))``.
    """

    __slots__ = ("_said",)

    def __init__(
        self,
        location: str | MultipartConfig | None = None,
        maxFileSize: int = -1,
        maxRequestSize: int = -1,
        fileSizeThreshold: int = 0,
    ) -> None:
        if isinstance(location, MultipartConfig):
            said = location
        else:
            said = MultipartConfig(location or "", maxFileSize, maxRequestSize, fileSizeThreshold)
        self._said = said

    def getLocation(self) -> str:
        """Return the folder for files; "" is the web app's temporary folder."""
        return self._said.location

    def getMaxFileSize(self) -> int:
        return self._said.maxFileSize

    def getMaxRequestSize(self) -> int:
        return self._said.maxRequestSize

    def getFileSizeThreshold(self) -> int:
        return self._said.fileSizeThreshold

    def __eq__(self, other: object) -> bool:
        return self._said == other._said if isinstance(other, MultipartConfigElement) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._said)

    def __repr__(self) -> str:
        return repr(self._said).replace("MultipartConfig", "MultipartConfigElement")
