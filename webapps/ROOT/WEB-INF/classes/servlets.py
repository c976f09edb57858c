"""The welcome page: what runs here, and where to begin."""

import platform

from container.servlet import HttpServlet, HttpServletRequest, HttpServletResponse


class WelcomeServlet(HttpServlet):
    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        context = self.getServletContext()
        # A callable that the container publishes; a container that does not is not asked for more.
        list_contexts = context.getAttribute("container.contexts")
        if list_contexts is not None:
            request.setAttribute("contexts", sorted(list_contexts(), key=lambda record: record.path))
        request.setAttribute("python_version", platform.python_version())
        request.setAttribute("servlet_version", f"{context.getMajorVersion()}.{context.getMinorVersion()}")
        dispatcher = request.getRequestDispatcher("/WEB-INF/pages/welcome.jinja")
        dispatcher.forward(request, response)
