"""What Java web apps use that does not exist here, why, and what to do instead: tables, longest prefix first.

The tables are advice for people; nothing but CLASSES[...].guards decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CLASSES", "CONTEXT_XML", "ELEMENTS", "FILES", "IMPORTS", "LIBRARIES", "Advice", "advice_for"]


@dataclass(frozen=True, slots=True)
class Advice:
    """why: a clause that follows the name of the thing; instead: a whole sentence.

    guards: a filter that keeps people out, so that a stand-in must let nobody in.
    """

    why: str
    instead: str
    guards: bool = False


def advice_for(name: str, table: Mapping[str, Advice]) -> Advice | None:
    """The row with the longest prefix of a class, package or file name."""
    prefixes = [prefix for prefix in table if name.startswith(prefix)]
    return table[max(prefixes, key=len)] if prefixes else None


_LISTENER = "Make it in a ServletContextListener and keep it as an attribute of the ServletContext."
_SECURITY = Advice(
    "decides who may pass, in Java",
    "Say it with <security-constraint> and <login-config>, or write the filter; until then it answers 503.",
    guards=True,
)
_REST = Advice(
    "dispatches to annotated Java classes",
    "Write a servlet for each resource class, and map it to the resource's path.",
)
_COMPONENTS = Advice(
    "keeps a tree of page components, which only exists in Java",
    "Write a servlet and a Jinja2 page for each view.",
)
_ACTIONS = Advice("dispatches to Java actions", "Write a servlet for each action, mapped to its path.")
_LOGGING = Advice("sets up Java's logging", "Remove it: use Python's logging, or ServletContext.log().")
_BEANS = Advice(
    "makes Java objects out of a configuration",
    "Make them in a ServletContextListener and keep them as attributes of the ServletContext.",
)
_SOAP = Advice(
    "speaks SOAP for Java classes", "Write a servlet on a Python SOAP library such as spyne or zeep."
)

CLASSES: Mapping[str, Advice] = {
    "org.springframework.": Advice(
        "belongs to Spring, which is Java", "Write what it does for this web app as a Python class."
    ),
    "org.springframework.web.servlet.DispatcherServlet": Advice(
        "dispatches to Spring controllers, which are Java",
        "Write a servlet for each controller, and map it to the paths of its @RequestMapping.",
    ),
    "org.springframework.web.context.": _BEANS,
    "org.springframework.web.context.request.RequestContextListener": Advice(
        "lets Spring's beans see the request", "Remove it: servlets are handed the request."
    ),
    "org.springframework.web.util.Log4jConfigListener": _LOGGING,
    "org.springframework.web.util.IntrospectorCleanupListener": Advice(
        "empties a cache of Java's", "Remove it."
    ),
    "org.springframework.web.filter.CharacterEncodingFilter": Advice(
        "belongs to Spring",
        "Write <request-character-encoding> and <response-character-encoding> into web.xml, or use "
        "org.apache.catalina.filters.SetCharacterEncodingFilter.",
    ),
    "org.springframework.web.filter.CorsFilter": Advice(
        "belongs to Spring", "Use org.apache.catalina.filters.CorsFilter."
    ),
    "org.springframework.web.filter.ForwardedHeaderFilter": Advice(
        "belongs to Spring",
        "Remove it and set --trusted-proxies, or use org.apache.catalina.filters.RemoteIpFilter.",
    ),
    "org.springframework.web.filter.HiddenHttpMethodFilter": Advice(
        "belongs to Spring",
        "Let the pages' forms use POST, or write a filter with an HttpServletRequestWrapper.",
    ),
    "org.springframework.web.filter.DelegatingFilterProxy": _SECURITY,
    "org.springframework.security.": _SECURITY,
    "org.springframework.orm.": Advice(
        "holds a database session open for the page", "Write a filter around your database library's session."
    ),
    "org.springframework.ws.": _SOAP,
    "org.apache.shiro.": _SECURITY,
    "org.keycloak.": _SECURITY,
    "org.jasig.cas.": _SECURITY,
    "org.apereo.cas.": _SECURITY,
    "org.pac4j.": _SECURITY,
    "waffle.": _SECURITY,
    "jakarta.faces.": _COMPONENTS,
    "javax.faces.": _COMPONENTS,
    "com.sun.faces.": _COMPONENTS,
    "org.apache.myfaces.": _COMPONENTS,
    "org.primefaces.": _COMPONENTS,
    "org.richfaces.": _COMPONENTS,
    "com.vaadin.": _COMPONENTS,
    "org.apache.wicket.": _COMPONENTS,
    "org.apache.tapestry": _COMPONENTS,
    "org.zkoss.": _COMPONENTS,
    "org.glassfish.jersey.": _REST,
    "com.sun.jersey.": _REST,
    "org.jboss.resteasy.": _REST,
    "org.apache.cxf.": _REST,
    "org.restlet.": _REST,
    "jakarta.ws.rs.": _REST,
    "javax.ws.rs.": _REST,
    "org.apache.struts": _ACTIONS,
    "com.opensymphony.webwork.": _ACTIONS,
    "net.sourceforge.stripes.": _ACTIONS,
    "org.directwebremoting.": _REST,
    "com.google.gwt.": _REST,
    "com.google.inject.servlet.GuiceFilter": Advice(
        "dispatches to classes that Guice binds", "Declare each servlet and filter in web.xml."
    ),
    "com.google.inject.": _BEANS,
    "org.jboss.weld.": _BEANS,
    "org.apache.webbeans.": _BEANS,
    "com.opensymphony.sitemesh.": Advice(
        "decorates JSP pages", "Let the pages extend a layout: {% extends %}."
    ),
    "com.opensymphony.module.sitemesh.": Advice(
        "decorates JSP pages", "Let the pages extend a layout: {% extends %}."
    ),
    "org.sitemesh.": Advice("decorates JSP pages", "Let the pages extend a layout: {% extends %}."),
    "org.apache.tiles.": Advice("puts JSP pages together", "Let the pages extend a layout: {% extends %}."),
    "org.apache.velocity.": Advice("shows Velocity templates", "Write them as Jinja2 pages."),
    "freemarker.": Advice("shows FreeMarker templates", "Write them as Jinja2 pages."),
    "org.thymeleaf.": Advice("shows Thymeleaf templates", "Write them as Jinja2 pages."),
    "org.tuckey.web.filters.urlrewrite.": Advice(
        "rewrites URLs by its own file", "Rewrite in nginx.conf or httpd.conf, or in a filter with forward()."
    ),
    "org.ocpsoft.rewrite.": Advice(
        "rewrites URLs by Java rules", "Rewrite in nginx.conf or httpd.conf, or in a filter with forward()."
    ),
    "net.bull.javamelody.": Advice("watches a Java VM", "Remove it: see `was status`."),
    "io.dropwizard.metrics.": Advice("measures Java classes", "Remove it: see `was status`."),
    "com.codahale.metrics.": Advice("measures Java classes", "Remove it: see `was status`."),
    "org.apache.logging.log4j.": _LOGGING,
    "ch.qos.logback.": _LOGGING,
    "org.slf4j.": _LOGGING,
    "org.apache.axis": _SOAP,
    "com.sun.xml.ws.": _SOAP,
    "org.apache.catalina.servlets.CGIServlet": Advice(
        "runs CGI programs", "Let the web server before the container do it, or write a servlet."
    ),
    "org.apache.catalina.servlets.WebdavServlet": Advice(
        "speaks WebDAV", "Let the web server before the container do it."
    ),
    "org.apache.catalina.filters.WebdavFixFilter": Advice(
        "mends WebDAV clients", "Remove it: there is no WebDAV."
    ),
    "org.apache.catalina.ssi.": Advice(
        "evaluates server-side includes", "Write the pages as Jinja2 pages: {% include %}."
    ),
    "org.apache.catalina.": Advice(
        "is a class of Tomcat's without a counterpart", "Write what it does in Python."
    ),
    "org.apache.catalina.manager.": Advice("is Tomcat's manager", "Use `was status` and `was reload`."),
    "org.apache.tomcat.": Advice(
        "is a class of Tomcat's without a counterpart", "Write what it does in Python."
    ),
    "org.apache.jasper.": Advice("compiles JSP pages", "Remove it: Jinja2 pages need no declaration."),
    "org.eclipse.jetty.": Advice("is a class of Jetty's", "Write what it does in Python."),
}
"""Classes a descriptor may name that are not the web app's own."""

_EJB = Advice("asks for an enterprise bean; there is no EJB container", "Write the bean as a Python class.")
_DATABASE = Advice(
    "asks for a database by a JNDI name; nothing is looked up by name",
    "Use a Python driver, and open its pool in a ServletContextListener.",
)
_RESOURCE = Advice("asks for an object by a JNDI name; nothing is looked up by name", _LISTENER)
_MESSAGES = Advice(
    "asks for a message queue by a JNDI name", "Use a Python client, such as pika or stomp.py."
)
_JPA = Advice(
    "asks for a JPA persistence unit",
    "Use SQLAlchemy, for example, and make its engine in a ServletContextListener.",
)
_THREADS = Advice(
    "asks for threads that the server manages",
    "Use concurrent.futures: open the executor in a ServletContextListener and shut it down there.",
)

ELEMENTS: Mapping[str, Advice] = {
    "ejb-ref": _EJB,
    "ejb-local-ref": _EJB,
    "service-ref": Advice("asks for a SOAP client", "Use zeep, for example."),
    "persistence-context-ref": _JPA,
    "persistence-unit-ref": _JPA,
    "message-destination-ref": _MESSAGES,
    "message-destination": _MESSAGES,
    "jms-connection-factory": _MESSAGES,
    "jms-destination": _MESSAGES,
    "connection-factory": Advice("asks for a connector of the full platform", _LISTENER),
    "administered-object": Advice("asks for an object of the full platform", _LISTENER),
    "context-service": _THREADS,
    "managed-executor": _THREADS,
    "managed-scheduled-executor": _THREADS,
    "managed-thread-factory": _THREADS,
    "resource-ref": _RESOURCE,
    "resource-env-ref": _RESOURCE,
    "data-source": Advice(
        "describes a database for a Java driver",
        "Use a Python driver, and open its pool in a ServletContextListener.",
    ),
    "mail-session": Advice("describes a JavaMail session", "Use smtplib and email.message."),
    "env-entry": Advice(
        "is looked up by its JNDI name", "Write a <context-param>, or add an <injection-target> to it."
    ),
    "taglib": Advice(
        "is a library of Java tags", "Write its tags as Jinja2 macros, its functions as filters."
    ),
}
"""Elements of a web.xml, by name."""

ELEMENT_BY_TYPE: Mapping[str, Advice] = {
    "javax.sql.": _DATABASE,
    "jakarta.mail.": ELEMENTS["mail-session"],
    "javax.mail.": ELEMENTS["mail-session"],
    "jakarta.jms.": _MESSAGES,
    "javax.jms.": _MESSAGES,
}
"""<resource-ref> and its like, by <res-type>."""

CONTEXT_XML: Mapping[str, Advice] = {
    "Resource": _RESOURCE,
    "ResourceLink": _RESOURCE,
    "ResourceEnvRef": _RESOURCE,
    "Environment": ELEMENTS["env-entry"],
    "Parameter": Advice(
        "is a context parameter outside web.xml", "Write it as <context-param> into web.xml."
    ),
    "Valve": Advice(
        "sees the requests of Tomcat",
        "Use a filter; for RemoteIpValve --trusted-proxies, for AccessLogValve --access-log.",
    ),
    "Realm": Advice(
        "says where Tomcat finds users",
        "Keep them with `was user add NAME`, or in a database: --users-database.",
    ),
    "Manager": Advice("says how Tomcat keeps sessions", "Set --session-store."),
    "Store": Advice("says where Tomcat keeps sessions", "Set --session-store."),
    "Cluster": Advice(
        "copies sessions between Tomcats", "Use --containers N, which sends a session to its container."
    ),
    "CookieProcessor": Advice("says how Tomcat writes cookies", "Write <cookie-config> into web.xml."),
    "Loader": Advice("says how Tomcat loads classes", "Remove it."),
    "JarScanner": Advice("says where Tomcat looks for libraries", "Remove it."),
    "JarScanFilter": Advice("says where Tomcat looks for libraries", "Remove it."),
    "WatchedResource": Advice("says when Tomcat reloads", "Use `was run --dev`, or `was reload`."),
    "Resources": Advice("puts folders together to a web app", "Copy or link them into the web app's folder."),
    "Listener": Advice("is told by Tomcat", "Use a ServletContextListener."),
    "Transaction": Advice("asks for a transaction manager", "Let your database library do it."),
}
"""Elements of META-INF/context.xml."""

_TAGS = Advice("is for a JSP tag", "Write the tag as a Jinja2 macro.")
IMPORTS: Mapping[str, Advice] = {
    "javax.naming.": _RESOURCE,
    "jakarta.ejb.": _EJB,
    "javax.ejb.": _EJB,
    "jakarta.persistence.": _JPA,
    "javax.persistence.": _JPA,
    "org.hibernate.": _JPA,
    "java.sql.": Advice("is JDBC", "Use a Python driver, such as sqlite3 or psycopg."),
    "javax.sql.": Advice("is JDBC", "Use a Python driver, such as sqlite3 or psycopg."),
    "jakarta.websocket.": Advice(
        "is for WebSockets, which servlets here do not speak yet",
        "Run a Python WebSocket server beside it; the front passes WebSockets through to it.",
    ),
    "javax.websocket.": Advice(
        "is for WebSockets, which servlets here do not speak yet",
        "Run a Python WebSocket server beside it; the front passes WebSockets through to it.",
    ),
    "jakarta.mail.": ELEMENTS["mail-session"],
    "javax.mail.": ELEMENTS["mail-session"],
    "jakarta.jms.": _MESSAGES,
    "javax.jms.": _MESSAGES,
    "jakarta.inject.": _BEANS,
    "javax.inject.": _BEANS,
    "jakarta.enterprise.": _BEANS,
    "javax.enterprise.": _BEANS,
    "jakarta.ws.rs.": _REST,
    "javax.ws.rs.": _REST,
    "jakarta.faces.": _COMPONENTS,
    "javax.faces.": _COMPONENTS,
    "jakarta.servlet.jsp.": _TAGS,
    "javax.servlet.jsp.": _TAGS,
    "org.springframework.": CLASSES["org.springframework."],
    "jakarta.servlet.http.HttpUpgradeHandler": Advice(
        "takes the connection over, which is not supported yet", "Let a backend of the front do it."
    ),
    "jakarta.servlet.http.PushBuilder": Advice(
        "pushes over HTTP/2, which is not spoken here", "Remove it: newPushBuilder() returns None."
    ),
}
"""What Java sources import."""

FILES: Mapping[str, Advice] = {
    "WEB-INF/applicationContext": _BEANS,
    "WEB-INF/spring": _BEANS,
    "WEB-INF/dispatcher-servlet.xml": _BEANS,
    "WEB-INF/beans.xml": _BEANS,
    "WEB-INF/faces-config.xml": _COMPONENTS,
    "WEB-INF/struts": _ACTIONS,
    "WEB-INF/tiles": CLASSES["org.apache.tiles."],
    "WEB-INF/urlrewrite.xml": CLASSES["org.tuckey.web.filters.urlrewrite."],
    "WEB-INF/sun-jaxws.xml": _SOAP,
    "WEB-INF/server-config.wsdd": _SOAP,
    "WEB-INF/ejb-jar.xml": _EJB,
    "WEB-INF/jboss": Advice("is for the JBoss server", "Remove it; its settings are flags of `was run`."),
    "WEB-INF/weblogic": Advice(
        "is for the WebLogic server", "Remove it; its settings are flags of `was run`."
    ),
    "WEB-INF/ibm-web": Advice(
        "is for the WebSphere server", "Remove it; its settings are flags of `was run`."
    ),
    "WEB-INF/glassfish-web.xml": Advice("is for the GlassFish server", "Remove it."),
    "WEB-INF/sun-web.xml": Advice("is for the GlassFish server", "Remove it."),
    "WEB-INF/jetty": Advice("is for the Jetty server", "Remove it; its settings are flags of `was run`."),
    "WEB-INF/classes/META-INF/persistence.xml": _JPA,
    "WEB-INF/classes/log4j": _LOGGING,
    "WEB-INF/classes/logback": _LOGGING,
    "WEB-INF/classes/hibernate": _JPA,
    "WEB-INF/classes/struts": _ACTIONS,
    "WEB-INF/classes/applicationContext": _BEANS,
}
"""Files of a web app that only a Java library or another server reads."""

_PYTHON_LIBRARY = "Look for a Python library that does the same, or write what is used of it."
_DRIVER = Advice("is a database driver", "Use the database's Python driver.")
_JSON = Advice("reads and writes JSON", "Use Python's json.")
LIBRARIES: Mapping[str, Advice] = {
    "": Advice("is a Java library", _PYTHON_LIBRARY),
    "jstl": Advice("has the standard tags", "Jinja2 has {% if %}, {% for %}, filters and autoescape."),
    "jakarta.servlet.jsp.jstl": Advice(
        "has the standard tags", "Jinja2 has {% if %}, {% for %}, filters and autoescape."
    ),
    "taglibs-standard": Advice(
        "has the standard tags", "Jinja2 has {% if %}, {% for %}, filters and autoescape."
    ),
    "standard": Advice("has the standard tags", "Jinja2 has {% if %}, {% for %}, filters and autoescape."),
    "mysql-connector": _DRIVER,
    "postgresql": _DRIVER,
    "ojdbc": _DRIVER,
    "mssql-jdbc": _DRIVER,
    "mariadb-java-client": _DRIVER,
    "h2-": _DRIVER,
    "hsqldb": _DRIVER,
    "derby": _DRIVER,
    "sqlite-jdbc": _DRIVER,
    "hibernate": _JPA,
    "eclipselink": _JPA,
    "log4j": _LOGGING,
    "logback": _LOGGING,
    "slf4j": _LOGGING,
    "commons-logging": _LOGGING,
    "gson": _JSON,
    "jackson": _JSON,
    "json": _JSON,
    "commons-fileupload": Advice("takes uploads", "Remove it: request.getPart() does the same."),
    "commons-io": Advice("reads and copies files", "Use pathlib and shutil."),
    "commons-lang": Advice("adds to Java's strings and numbers", "Python's own have it."),
    "commons-dbcp": Advice("pools connections", "Use the pool of a Python driver."),
    "HikariCP": Advice("pools connections", "Use the pool of a Python driver."),
    "httpclient": Advice("is an HTTP client", "Use urllib.request or httpx."),
    "okhttp": Advice("is an HTTP client", "Use urllib.request or httpx."),
    "spring-": CLASSES["org.springframework."],
    "struts": _ACTIONS,
    "quartz": Advice("runs jobs at given times", "Use APScheduler, opened in a ServletContextListener."),
    "junit": Advice("is for tests", "Use pytest."),
}
"""Files of WEB-INF/lib."""
