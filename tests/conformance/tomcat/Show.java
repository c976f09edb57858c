package show;

import jakarta.servlet.RequestDispatcher;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletMapping;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.Part;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Does what the header X-Do says, then shows what it sees. show.py is the same in Python. */
public class Show extends HttpServlet {
    static final String[] ATTRIBUTES = {"request_uri", "context_path", "servlet_path", "path_info", "query_string"};

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        boolean first = request.getDispatcherType().name().equals("REQUEST");
        String steps = request.getHeader(first ? "X-Do" : "X-Then");
        for (String step : (steps == null ? "show" : steps).split(" \\| ")) {
            String[] words = step.split(" ", 3);
            run(words[0], words.length > 1 ? words[1] : "", words.length > 2 ? words[2] : "", request, response);
        }
    }

    private void run(String verb, String a, String b, HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        switch (verb) {
            case "show" -> show(request, response);
            case "parameters" -> parameters(request, response);
            case "headers" -> say(response, a, Collections.list(request.getHeaders(a)).toString());
            case "int" -> say(response, a, String.valueOf(request.getIntHeader(a)));
            case "date" -> say(response, a, String.valueOf(request.getDateHeader(a)));
            case "locales" -> say(response, "locales", tags(Collections.list(request.getLocales())));
            case "cookies" -> cookies(request, response);
            case "where" -> {
                say(response, "url", request.getRequestURL().toString());
                say(response, "server", request.getServerName() + " " + request.getServerPort());
            }
            case "body" -> say(response, "body", request.getReader().readLine());
            case "parts" -> parts(request, response);
            case "mime" -> say(response, a, getServletContext().getMimeType(a));
            case "resources" -> {
                List<String> paths = new ArrayList<>(getServletContext().getResourcePaths(a));
                Collections.sort(paths);
                say(response, a, paths.toString());
            }
            case "init" -> say(response, a, getInitParameter(a));
            case "user" -> {
                say(response, "user", request.getRemoteUser());
                say(response, "type", request.getAuthType());
                say(response, "staff", String.valueOf(request.isUserInRole("staff")));
            }
            case "session" -> {
                say(response, "new", String.valueOf(request.getSession().isNew()));
                say(response, "timeout", String.valueOf(request.getSession().getMaxInactiveInterval()));
            }
            case "type" -> response.setContentType(a);
            case "charset" -> response.setCharacterEncoding(a);
            case "locale" -> response.setLocale(Locale.forLanguageTag(a));
            case "told" -> {
                say(response, "type", response.getContentType());
                say(response, "encoding", response.getCharacterEncoding());
            }
            case "status" -> response.setStatus(Integer.parseInt(a));
            case "header" -> response.addHeader(a, b);
            case "cookie" -> response.addCookie(new Cookie(a, b));
            case "length" -> response.setContentLength(Integer.parseInt(a));
            case "write" -> response.getWriter().write(a);
            case "flush" -> response.flushBuffer();
            case "reset" -> response.reset();
            case "error" -> response.sendError(Integer.parseInt(a), b);
            case "redirect" -> response.sendRedirect(a);
            case "forward" -> request.getRequestDispatcher(a).forward(request, response);
            case "include" -> request.getRequestDispatcher(a).include(request, response);
            case "named" -> getServletContext().getNamedDispatcher(a).forward(request, response);
            case "raise" -> raise(a, b);
            default -> throw new ServletException("unknown: " + verb);
        }
    }

    private static void raise(String kind, String message) throws ServletException, IOException {
        switch (kind) {
            case "state" -> throw new IllegalStateException(message);
            case "argument" -> throw new IllegalArgumentException(message);
            case "io" -> throw new IOException(message);
            case "wrapped" -> throw new ServletException(message, new IllegalStateException("inner"));
            default -> throw new ServletException(message);
        }
    }

    private static void say(HttpServletResponse response, String name, String value) throws IOException {
        response.getWriter().write(name + "=" + value + "\n");
    }

    private void show(HttpServletRequest request, HttpServletResponse response) throws IOException {
        HttpServletMapping mapping = request.getHttpServletMapping();
        say(response, "servlet", getServletName());
        say(response, "method", request.getMethod());
        say(response, "dispatch", request.getDispatcherType().name());
        say(response, "uri", request.getRequestURI());
        say(response, "paths", request.getContextPath() + " " + request.getServletPath() + " " + request.getPathInfo());
        say(response, "query", request.getQueryString());
        say(response, "mapping", mapping.getMappingMatch() + " " + mapping.getPattern() + " " + mapping.getServletName());
        for (String kind : new String[] {"forward", "include"}) {
            StringBuilder values = new StringBuilder();
            for (String name : ATTRIBUTES) {
                values.append(request.getAttribute("jakarta.servlet." + kind + "." + name)).append(' ');
            }
            if (request.getAttribute("jakarta.servlet." + kind + ".request_uri") != null) {
                say(response, kind, values.toString().trim());
            }
        }
        if (request.getAttribute(RequestDispatcher.ERROR_STATUS_CODE) != null) {
            say(response, "error", request.getAttribute(RequestDispatcher.ERROR_STATUS_CODE) + " "
                    + request.getAttribute(RequestDispatcher.ERROR_REQUEST_URI) + " "
                    + request.getAttribute(RequestDispatcher.ERROR_SERVLET_NAME));
        }
    }

    private static void parameters(HttpServletRequest request, HttpServletResponse response) throws IOException {
        for (String name : Collections.list(request.getParameterNames())) {
            say(response, name, Arrays.asList(request.getParameterValues(name)).toString());
        }
    }

    private static void cookies(HttpServletRequest request, HttpServletResponse response) throws IOException {
        Cookie[] cookies = request.getCookies();
        for (Cookie cookie : cookies == null ? new Cookie[0] : cookies) {
            say(response, cookie.getName(), cookie.getValue());
        }
    }

    private static void parts(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        for (Part part : request.getParts()) {
            say(response, part.getName(), part.getSubmittedFileName() + " " + part.getContentType() + " " + part.getSize());
        }
    }

    private static String tags(List<Locale> locales) {
        List<String> tags = new ArrayList<>();
        for (Locale locale : locales) {
            tags.add(locale.toLanguageTag());
        }
        return tags.toString();
    }
}
