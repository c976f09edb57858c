"""Do what the header X-Do says, then show what is seen. Show.java is the same in Java."""

from __future__ import annotations

from container.servlet import (
    Cookie,
    Filter,
    HttpServlet,
    IllegalArgumentException,
    IllegalStateException,
    Locale,
    RequestDispatcher,
    ServletException,
)

ATTRIBUTES = ("request_uri", "context_path", "servlet_path", "path_info", "query_string")


def text(value):
    """Write a value as Java would."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(value)}]" if isinstance(value, list) else str(value)


def raised(kind, message):
    errors = {
        "state": IllegalStateException(message),
        "argument": IllegalArgumentException(message),
        "io": OSError(message),
        "wrapped": ServletException(message, IllegalStateException("inner")),
    }
    return errors.get(kind) or ServletException(message)


class Show(HttpServlet):
    def service(self, request, response):
        first = request.getDispatcherType().name == "REQUEST"
        for step in (request.getHeader("X-Do" if first else "X-Then") or "show").split(" | "):
            self.run(request, response, *[*step.split(" ", 2), "", ""][:3])

    def run(self, request, response, verb, a, b):
        context = self.getServletContext()

        def say(name, value):
            response.getWriter().write(f"{name}={text(value)}\n")

        match verb:
            case "show":
                self.show(request, say)
            case "parameters":
                for name in request.getParameterNames():
                    say(name, request.getParameterValues(name))
            case "headers":
                say(a, list(request.getHeaders(a)))
            case "int":
                say(a, request.getIntHeader(a))
            case "date":
                say(a, request.getDateHeader(a))
            case "locales":
                say("locales", [locale.toLanguageTag() for locale in request.getLocales()])
            case "cookies":
                for cookie in request.getCookies() or ():
                    say(cookie.getName(), cookie.getValue())
            case "where":
                say("url", request.getRequestURL())
                say("server", f"{request.getServerName()} {request.getServerPort()}")
            case "body":
                say("body", request.getReader().readLine())
            case "parts":
                for part in request.getParts():
                    facts = (part.getSubmittedFileName(), part.getContentType(), part.getSize())
                    say(part.getName(), " ".join(map(text, facts)))
            case "mime":
                say(a, context.getMimeType(a))
            case "resources":
                say(a, sorted(context.getResourcePaths(a)))
            case "init":
                say(a, self.getInitParameter(a))
            case "user":
                say("user", request.getRemoteUser())
                say("type", request.getAuthType())
                say("staff", request.isUserInRole("staff"))
            case "session":
                say("new", request.getSession().isNew())
                say("timeout", request.getSession().getMaxInactiveInterval())
            case "type":
                response.setContentType(a)
            case "charset":
                response.setCharacterEncoding(a)
            case "locale":
                response.setLocale(Locale.forLanguageTag(a))
            case "told":
                say("type", response.getContentType())
                say("encoding", response.getCharacterEncoding())
            case "status":
                response.setStatus(int(a))
            case "header":
                response.addHeader(a, b)
            case "cookie":
                response.addCookie(Cookie(a, b))
            case "length":
                response.setContentLength(int(a))
            case "write":
                response.getWriter().write(a)
            case "flush":
                response.flushBuffer()
            case "reset":
                response.reset()
            case "error":
                response.sendError(int(a), b)
            case "redirect":
                response.sendRedirect(a)
            case "forward":
                request.getRequestDispatcher(a).forward(request, response)
            case "include":
                request.getRequestDispatcher(a).include(request, response)
            case "named":
                context.getNamedDispatcher(a).forward(request, response)
            case "raise":
                raise raised(a, b)
            case _:
                raise ServletException(f"unknown: {verb}")

    def show(self, request, say):
        mapping = request.getHttpServletMapping()
        say("servlet", self.getServletName())
        say("method", request.getMethod())
        say("dispatch", request.getDispatcherType().name)
        say("uri", request.getRequestURI())
        paths = (request.getContextPath(), request.getServletPath(), request.getPathInfo())
        say("paths", " ".join(map(text, paths)))
        say("query", request.getQueryString())
        match = mapping.getMappingMatch()
        say("mapping", f"{match.name if match else 'null'} {mapping.getPattern()} {mapping.getServletName()}")
        for kind in ("forward", "include"):
            values = [request.getAttribute(f"jakarta.servlet.{kind}.{name}") for name in ATTRIBUTES]
            if values[0] is not None:
                say(kind, " ".join(map(text, values)))
        names = ("ERROR_STATUS_CODE", "ERROR_REQUEST_URI", "ERROR_SERVLET_NAME")
        error = [request.getAttribute(getattr(RequestDispatcher, name)) for name in names]
        if error[0] is not None:
            say("error", " ".join(map(text, error)))


class Mark(Filter):
    def init(self, config):
        self.name = config.getFilterName()

    def doFilter(self, request, response, chain):
        response.addHeader("X-Filter", f"{self.name} {request.getDispatcherType().name}")
        chain.doFilter(request, response)
