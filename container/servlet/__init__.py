"""The Servlet API that web apps import: Jakarta names, Jakarta case (Servlet 6.1)."""
