"""A request's parameters and parts, out of query strings, a form or a multipart body (§3.1, §3.2).

    getParameter ──> parameters_of ─┬─ query strings, the innermost dispatcher's first
                                    └─ form body, or the fields among parts_of
    getParts     ──> parts_of

A body is read once; what came of it, or what went wrong, stays in the request's slots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from container.engine.charsets import LATIN_1, codec
from container.engine.client_errors import bad_request, client_status, log_limit, wrong_media_type
from container.engine.multipart import UploadedPart, read_parts
from container.engine.parameters import merge, parse_form
from container.engine.streams import RequestReader
from container.protocols.exchange import ClientDisconnected
from container.servlet import (
    DispatcherType,
    IllegalStateException,
    MultipartConfigElement,
    UnsupportedEncodingException,
)

if TYPE_CHECKING:
    from container.engine.request import Request

__all__ = ["parameters_of", "parts_of"]

Pairs: TypeAlias = list[tuple[str, str]]


def parameters_of(request: Request) -> dict[str, list[str]]:
    """Return all parameters. IllegalStateException for what cannot be read (RT-PAR-10)."""
    found = request._parameters
    if found is None:
        try:
            found = request._parameters = _parse(request)
        except IllegalStateException as error:
            log_limit(request, error)
            raise
    return found


def _parse(request: Request) -> dict[str, list[str]]:
    limit = request._context.settings.max_parameter_count
    sources = [parse_form(query.encode("utf-8"), "utf-8", limit) for query in request._dispatch.queries]
    query = request._exchange.target.partition(b"?")[2]
    if query:
        sources.append(parse_form(query, "utf-8", limit))
    sources.append(_form(request))
    if limit and sum(map(len, sources)) > limit:
        raise bad_request(f"more than {limit} parameters", 400, "max_parameter_count")
    return merge(*sources)


def _form(request: Request) -> Pairs:
    """What the body adds, or why it cannot (RT-PAR-02, RT-PAR-04, RT-PAR-11)."""
    form = request._form
    if form is None:
        if request._input is not None:
            return []
        kind = _media_type(request)
        try:
            # An error page sees GET, yet the body is the client's.
            is_error = request._dispatch.kind is DispatcherType.ERROR
            method = request._exchange.method if is_error else request._method
            if kind == "application/x-www-form-urlencoded" and method == "POST":
                form = _read_form(request)
            elif kind == "multipart/form-data" and _multipart_config(request) is not None:
                parts_of(request)
                form = request._form or []
            else:
                return []
        except IllegalStateException as error:
            form = error
        except OSError as error:
            form = _unreadable(error)
        request._form = form
    if isinstance(form, Exception):
        raise form
    return form


def _unreadable(error: OSError) -> IllegalStateException:
    """The getParameter family's form of a body that did not come, or could not be kept."""
    status = 400 if isinstance(error, ClientDisconnected) else client_status(error)
    if status is not None:
        return bad_request(str(error), status)
    problem = IllegalStateException(f"the body cannot be kept: {error}")
    problem.__cause__ = error
    return problem


def _media_type(request: Request) -> str:
    return (request.getHeader("content-type") or "").partition(";")[0].strip().lower()


def _encoding(request: Request) -> str:
    """The body's encoding, or ISO-8859-1 where the client names one that does not exist."""
    try:
        return codec(request._body_encoding()).name
    except UnsupportedEncodingException:
        return LATIN_1


def _read_form(request: Request) -> Pairs:
    settings = request._context.settings
    limit = settings.max_form_bytes
    length = request._exchange.content_length
    if limit and length is not None and length > limit:
        raise bad_request(f"a form of {length} bytes", 413, "max_form_bytes")
    data = request._read_body(limit + 1 if limit else -1)
    while limit and len(data) <= limit and (more := request._read_body(limit + 1 - len(data))):
        data += more
    if limit and len(data) > limit:
        raise bad_request(f"a form of more than {limit} bytes", 413, "max_form_bytes")
    return parse_form(data, _encoding(request), settings.max_parameter_count)


def _multipart_config(request: Request) -> MultipartConfigElement | None:
    """Of the servlet that runs, or of the one that the client asked for and that forwarded (RT-MP-01)."""
    return (
        request._dispatch.target.holder.multipart_config
        or request._container_dispatch.target.holder.multipart_config
    )


def parts_of(request: Request) -> list[UploadedPart]:
    """Return the parts of the body, or of what is left of it. Raises what RT-MP-02 says, each time."""
    parts = request._multipart
    if parts is None:
        config = _multipart_config(request)
        if config is None:
            raise IllegalStateException(
                "the servlet has no multipart configuration: add <multipart-config/> or @MultipartConfig"
            )
        if _media_type(request) != "multipart/form-data":
            raise wrong_media_type("the request is not multipart/form-data")
        if isinstance(request._input, RequestReader):
            raise IllegalStateException("getReader has been called for this request")  # RT-BODY-01
        try:
            parts = read_parts(request, config)
        except (IllegalStateException, OSError) as error:
            log_limit(request, error)
            request._multipart = error
            raise
        request._multipart = parts
        if request._input is None:  # they stay parameters, whatever the application does with the parts
            try:
                request._form = _fields(request, parts)
            except IllegalStateException as error:
                request._form = error
    elif isinstance(parts, Exception):
        raise parts
    return parts


def _fields(request: Request, parts: list[UploadedPart]) -> Pairs:
    encoding = _encoding(request)
    return [(part.getName(), part.text(encoding)) for part in parts if part.getSubmittedFileName() is None]
