"""The servlets of the guestbook: each reads a request, asks the Guestbook, and hands the result to a page.

One object of each class answers all requests, several at once: what belongs to a request stays in local
variables and request attributes. What init() stores never changes.
"""

import re
from dataclasses import replace
from typing import ClassVar

from container.servlet import HttpServlet, HttpServletRequest, HttpServletResponse, RequestDispatcher
from forms import EntryForm, is_ours, token
from models import Guestbook, NoSuchEntryError

FLASH = "flash"  # session attribute: a message for the next page


def show(
    request: HttpServletRequest, response: HttpServletResponse, page: str, /, **attributes: object
) -> None:
    """Let WEB-INF/pages/<page>.jinja write the answer; the attributes are plain names in it."""
    for name, value in attributes.items():
        request.setAttribute(name, value)
    # The pages hold a form token and messages for one visitor.
    response.setHeader("Cache-Control", "private, no-cache")
    dispatcher = request.getRequestDispatcher(f"/WEB-INF/pages/{page}.jinja")
    dispatcher.forward(request, response)


def number(text: str | None) -> int | None:
    """The number that text is; None if it is none."""
    return int(text) if text and re.fullmatch("[0-9]{1,15}", text) else None


class GuestbookServlet(HttpServlet):
    """What the servlets share."""

    def guestbook(self) -> Guestbook:
        """The database, which the DatabaseListener has opened."""
        guestbook: Guestbook = self.getServletContext().getAttribute("guestbook")
        return guestbook

    def requested_id(self, request: HttpServletRequest) -> int:
        """The 12 of /entries/12."""
        id = number((request.getPathInfo() or "").removeprefix("/"))
        if id is None:
            raise NoSuchEntryError(f"no number: {request.getPathInfo()}")
        return id

    def redirect(
        self, request: HttpServletRequest, response: HttpServletResponse, path: str, flash: str
    ) -> None:
        """Answer a POST: the browser gets path with a GET, so that reloading posts nothing twice."""
        request.getSession().setAttribute(FLASH, flash)
        url = response.encodeRedirectURL(request.getContextPath() + path)
        response.sendRedirect(url, HttpServletResponse.SC_SEE_OTHER)


class ListServlet(GuestbookServlet):
    """A page of entries, and a form token for what can be done with them."""

    page = ""

    def init(self) -> None:
        self._page_size = int(self.getInitParameter("page-size") or 10)

    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        self.show_list(request, response, number(request.getParameter("page")) or 1, EntryForm())

    def show_list(
        self, request: HttpServletRequest, response: HttpServletResponse, page_number: int, form: EntryForm
    ) -> None:
        session = request.getSession()
        flash = session.getAttribute(FLASH)
        session.removeAttribute(FLASH)
        entries = self.guestbook().page(page_number, self._page_size)
        show(request, response, self.page, page=entries, form=form, flash=flash, token=token(session))


class EntriesServlet(ListServlet):
    page = "entries"

    def doPost(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        form = EntryForm.read(request)
        if not form.errors and not is_ours(request):
            form = replace(form, errors={"form": "This form was too old. Please send it again."})
        if form.errors:
            response.setStatus(HttpServletResponse.SC_UNPROCESSABLE_CONTENT)
            self.show_list(request, response, 1, form)
            return
        self.guestbook().add(form.name, form.message, form.picture)
        self.redirect(request, response, "/entries", f"Thank you, {form.name}! Your entry is in the book.")


class EntryServlet(GuestbookServlet):
    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        show(request, response, "entry", entry=self.guestbook().entry(self.requested_id(request)))


class PictureServlet(GuestbookServlet):
    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        picture = self.guestbook().picture(self.requested_id(request))
        response.setContentType(picture.media_type)
        response.setContentLength(len(picture.data))
        response.setHeader("Cache-Control", "private, max-age=86400")  # a picture never changes
        response.getOutputStream().write(picture.data)


class AdminServlet(ListServlet):
    """Only managers come here: web.xml has a constraint for /admin/*."""

    page = "admin"

    def doPost(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        id = number(request.getParameter("id"))
        if id is None or not is_ours(request):
            response.sendError(HttpServletResponse.SC_BAD_REQUEST)
            return
        self.guestbook().delete(id)
        self.log(f"{request.getRemoteUser()} deleted entry {id}")
        self.redirect(request, response, "/admin/", f"Entry {id} has been deleted.")


class ErrorServlet(HttpServlet):
    """The error page: the container comes here with the facts in request attributes."""

    WORDS: ClassVar = {
        401: ("Please sign in", "This page is for the keepers of the guestbook."),
        403: ("Not for you", "This page is for the keepers of the guestbook."),
        404: ("Nothing here", "There is no such page in this guestbook. Perhaps it has been removed."),
        405: ("Not like this", "This page does not take that kind of request."),
        500: ("Something broke", "That was our fault. It has been written down, and we will look at it."),
    }
    OTHER = ("That did not work", "The guestbook could not do what you asked for.")

    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        status = request.getAttribute(RequestDispatcher.ERROR_STATUS_CODE)
        if status is None:  # someone typed the address of this page
            response.sendError(HttpServletResponse.SC_NOT_FOUND)
            return
        if isinstance(request.getAttribute(RequestDispatcher.ERROR_EXCEPTION), NoSuchEntryError):
            status = HttpServletResponse.SC_NOT_FOUND  # an exception means 500 unless its page says otherwise
            response.setStatus(status)
        title, text = self.WORDS.get(status, self.OTHER)
        show(request, response, "error", status=status, title=title, text=text)
