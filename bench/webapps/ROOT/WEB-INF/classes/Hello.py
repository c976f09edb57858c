"""The hello servlet, also for Tomcat: peers/Hello.java is the same in Java, under the same web.xml."""

from container.servlet import HttpServlet, HttpServletRequest, HttpServletResponse


class Hello(HttpServlet):
    def doGet(self, request: HttpServletRequest, response: HttpServletResponse) -> None:
        response.setContentType("text/plain")
        response.getWriter().write("Hello, World!")
