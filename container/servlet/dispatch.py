"""Handing a request to another resource, now (RequestDispatcher, §9) or later (AsyncContext, §2.3.3.3)."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from container.servlet.context import ServletContext
    from container.servlet.listener import AsyncListener
    from container.servlet.request import ServletRequest
    from container.servlet.response import ServletResponse

__all__ = ["AsyncContext", "RequestDispatcher", "Runnable"]

L = TypeVar("L", bound="AsyncListener")


class RequestDispatcher:
    """A servlet, page or file of the web app that a request can be handed to.

    The constants name the request attributes that the target finds: of a forward and an include the values of
    the request before it, of an error dispatch what went wrong.
    """

    __slots__ = ()

    FORWARD_REQUEST_URI = "jakarta.servlet.forward.request_uri"
    FORWARD_CONTEXT_PATH = "jakarta.servlet.forward.context_path"
    FORWARD_MAPPING = "jakarta.servlet.forward.mapping"
    FORWARD_PATH_INFO = "jakarta.servlet.forward.path_info"
    FORWARD_SERVLET_PATH = "jakarta.servlet.forward.servlet_path"
    FORWARD_QUERY_STRING = "jakarta.servlet.forward.query_string"

    INCLUDE_REQUEST_URI = "jakarta.servlet.include.request_uri"
    INCLUDE_CONTEXT_PATH = "jakarta.servlet.include.context_path"
    INCLUDE_MAPPING = "jakarta.servlet.include.mapping"
    INCLUDE_PATH_INFO = "jakarta.servlet.include.path_info"
    INCLUDE_SERVLET_PATH = "jakarta.servlet.include.servlet_path"
    INCLUDE_QUERY_STRING = "jakarta.servlet.include.query_string"

    ERROR_EXCEPTION = "jakarta.servlet.error.exception"
    ERROR_EXCEPTION_TYPE = "jakarta.servlet.error.exception_type"
    ERROR_MESSAGE = "jakarta.servlet.error.message"
    ERROR_METHOD = "jakarta.servlet.error.method"
    ERROR_REQUEST_URI = "jakarta.servlet.error.request_uri"
    ERROR_QUERY_STRING = "jakarta.servlet.error.query_string"
    ERROR_SERVLET_NAME = "jakarta.servlet.error.servlet_name"
    ERROR_STATUS_CODE = "jakarta.servlet.error.status_code"

    def forward(self, request: ServletRequest, response: ServletResponse) -> None:
        """Let the target answer instead. Clears the buffer before and closes the response afterwards.

        Raises IllegalStateException if the response is committed. What the target raises passes through.
        """
        raise NotImplementedError

    def include(self, request: ServletRequest, response: ServletResponse) -> None:
        """Let the target add its output here. It cannot change status or headers."""
        raise NotImplementedError


class Runnable(Protocol):
    """Java's form of a callable without arguments."""

    def run(self) -> object: ...


class AsyncContext:
    """A request that stays open after ``service`` has returned, until ``complete`` or ``dispatch``."""

    __slots__ = ()

    ASYNC_REQUEST_URI = "jakarta.servlet.async.request_uri"
    ASYNC_CONTEXT_PATH = "jakarta.servlet.async.context_path"
    ASYNC_MAPPING = "jakarta.servlet.async.mapping"
    ASYNC_PATH_INFO = "jakarta.servlet.async.path_info"
    ASYNC_SERVLET_PATH = "jakarta.servlet.async.servlet_path"
    ASYNC_QUERY_STRING = "jakarta.servlet.async.query_string"

    def getRequest(self) -> ServletRequest:
        """Return the request given to startAsync. Raises IllegalStateException after complete or dispatch."""
        raise NotImplementedError

    def getResponse(self) -> ServletResponse:
        """Return the response given to startAsync.

        Raises IllegalStateException after complete or dispatch.
        """
        raise NotImplementedError

    def hasOriginalRequestAndResponse(self) -> bool:
        """Tell whether neither is a wrapper made by the web app."""
        raise NotImplementedError

    def dispatch(
        self,
        context: ServletContext | str | EllipsisType | None = ...,
        path: str | EllipsisType | None = ...,
    ) -> None:
        """Hand the request back to the container: ``dispatch([[context], path])``.

        Without a path to where it came from (RT-ASY-20). Returns at once. Raises IllegalStateException the
        second time in a cycle and after complete.
        """
        raise NotImplementedError

    def complete(self) -> None:
        """End the answer. Raises IllegalStateException if the cycle has not started or is over."""
        raise NotImplementedError

    def start(self, run: Callable[[], object] | Runnable) -> None:
        """Run something in a thread of the container."""
        raise NotImplementedError

    def addListener(
        self,
        listener: AsyncListener,
        servletRequest: ServletRequest | None = None,
        servletResponse: ServletResponse | None = None,
    ) -> None:
        """Tell listener about this cycle; its events supply request and response only if given here."""
        raise NotImplementedError

    def createListener(self, clazz: type[L]) -> L:
        """Make a listener. Raises ServletException if its constructor fails."""
        raise NotImplementedError

    def setTimeout(self, ms: int) -> None:
        """Set the milliseconds after which the cycle times out; 0 or less: never (RT-ASY-30)."""
        raise NotImplementedError

    def getTimeout(self) -> int:
        """Return milliseconds; 30000 unless set."""
        raise NotImplementedError
