"""What happens when the web app starts and stops."""

from pathlib import Path

from container.servlet import ServletContext, ServletContextEvent, ServletContextListener
from models import Guestbook


class DatabaseListener(ServletContextListener):
    """Open the database before the first servlet is made, and close it after the last one is gone."""

    def contextInitialized(self, event: ServletContextEvent) -> None:
        context = event.getServletContext()
        folder = Path(context.getAttribute(ServletContext.TEMPDIR))
        file = folder / (context.getInitParameter("guestbook.database") or "guestbook.sqlite")
        context.setAttribute("guestbook", Guestbook(file))
        context.log(f"the guestbook is {file}")

    def contextDestroyed(self, event: ServletContextEvent) -> None:
        guestbook = event.getServletContext().getAttribute("guestbook")
        if guestbook is not None:  # None if it could not be opened
            guestbook.close()
