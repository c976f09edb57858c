"""What is shown for an error: the page, who answers there, behind which filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from container.descriptor import model
from container.engine.context import Context, is_default_servlet
from container.engine.dispatch import ERROR
from container.engine.dispatcher import Dispatcher
from container.engine.request import Request
from container.learn.explain.model import Answer, ErrorPage
from container.learn.explain.place import Place
from container.learn.explain.probe import probe
from container.servlet import DispatcherType, IllegalArgumentException

__all__ = ["error_pages", "with_error_page"]


def error_pages(place: Place, request: Request, statuses: set[int]) -> Iterator[ErrorPage]:
    """What is shown for these statuses and those that the web app names, then for exceptions."""
    pages = place.context.error_pages
    for status in sorted(statuses | pages.codes.keys()):
        yield error_page(place, request, status)
    for page in {id(page): page for page in pages.types.values()}.values():
        why = "for this exception and those derived from it"
        yield _error_page(place, request, 500, page.exception_type, page, why)


def error_page(place: Place, request: Request, status: int) -> ErrorPage:
    page = place.context.error_pages.page_for(status)
    why = "no <error-page> is for it"
    if page is not None:
        why = f"<error-code>{status}" if page.error_code == status else "the page for everything else"
    return _error_page(place, request, status, None, page, why)


def with_error_page(place: Place, request: Request, answer: Answer) -> Answer:
    """Add what is shown in place of an error."""
    if answer.status is None or answer.status < 400:
        return answer
    page = error_page(place, request, answer.status)
    if answer.source is None:  # nothing refuses the request, but a line may say what is shown
        answer = replace(answer, source=page.source)
    if page.redirect is not None:
        return replace(answer, status=302, location=page.redirect, error_page=page.location)
    return answer if page.servlet is None else replace(answer, error_page=page.location)


def _error_page(
    place: Place,
    request: Request,
    status: int,
    exception: str | None,
    page: model.ErrorPage | None,
    why: str,
) -> ErrorPage:
    if page is None:
        return ErrorPage(status, exception, None, why, None, (), None)
    context, source = place.context, place.shown(page.source)
    path, mark, query = page.location.partition("?")
    try:
        dispatcher = context.dispatcher(path, query if mark else None)
    except IllegalArgumentException:
        dispatcher = None
    answers, redirect = False, None
    if dispatcher is not None:
        answers, redirect = _shows(context, dispatcher, request, status, query if mark else None)
    if dispatcher is None or not answers:
        why += f"; but nothing answers {page.location}, so the container's own page is shown"
        return ErrorPage(status, exception, page.location, why, None, (), source)
    if redirect is not None:
        why += f"; but that is a directory, so the client is sent to {redirect}"
    name = dispatcher.match.servlet_name
    chosen = context.filter_choice.chosen(DispatcherType.ERROR, dispatcher.path, name)
    passed = tuple(entry.holder.name for entry in chosen)
    return ErrorPage(status, exception, page.location, why, name, passed, source, redirect)


def _shows(
    context: Context, dispatcher: Dispatcher, before: Request, status: int, query: str | None
) -> tuple[bool, str | None]:
    """Whether something answers an error dispatch, and where it redirects to.

    The container's own default servlet is asked; others are taken to answer.
    """
    holder = context.servlets[dispatcher.match.servlet_name]
    if not is_default_servlet(holder.declaration):
        return True, None
    attributes = {ERROR + "status_code": status}
    dispatch = dispatcher.dispatch(DispatcherType.ERROR, before._dispatch, attributes, None)
    request = probe(before._exchange, before._location, None, dispatch)
    request._method, request._query = "GET", before._query if query is None else query
    response = request._response
    response._status = status
    holder.service(request, response)
    return response._error is None, response.getHeader("Location")
