"""A servlet that reads its session, behind filters that do nothing: what a request costs that passes some."""

from container.servlet import (
    Filter,
    FilterChain,
    HttpServlet,
    HttpServletRequest,
    HttpServletResponse,
    ServletRequest,
    ServletResponse,
)


class Pass(Filter):
    def doFilter(self, request: ServletRequest, response: ServletResponse, chain: FilterChain) -> None:
        chain.doFilter(request, response)


class Visits(HttpServlet):
    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        session = request.getSession()
        if session.isNew():
            session.setAttribute("user", "World")
        response.setContentType("text/plain")
        response.getWriter().write(f"Hello, {session.getAttribute('user')}!")
