"""Greet a visitor by name, and remember the name in the session."""

from container.servlet import HttpServlet, HttpServletRequest, HttpServletResponse

PAGE = "/WEB-INF/views/hello.jinja"


class Hello(HttpServlet):
    """One object answers all requests, each in its thread: keep what belongs to a request in local names."""

    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        """Show the page. What is set as an attribute is a variable there."""
        request.setAttribute("greeting", self.getInitParameter("greeting"))
        request.setAttribute("visitor", request.getSession().getAttribute("visitor") or "World")
        request.getRequestDispatcher(PAGE).forward(request, response)

    def doPost(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        """Take the form, then send the browser back to the page, so that a reload does not post again."""
        visitor = (request.getParameter("visitor") or "").strip()
        request.getSession().setAttribute("visitor", visitor[:50])
        response.sendRedirect(request.getRequestURI())
