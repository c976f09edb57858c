"""A Java web app as people have them: a .war with sources, libraries, pages and an older framework."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

WEB_XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- The shop of Müller & Söhne -->
<web-app xmlns="http://xmlns.jcp.org/xml/ns/javaee"
         xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         version="3.1">
  <display-name>Shop</display-name>
  <context-param><param-name>currency</param-name><param-value>EUR</param-value></context-param>

  <filter>
    <filter-name>encoding</filter-name>
    <filter-class>org.apache.catalina.filters.SetCharacterEncodingFilter</filter-class>
    <init-param><param-name>encoding</param-name><param-value>UTF-8</param-value></init-param>
  </filter>
  <filter>
    <filter-name>springSecurityFilterChain</filter-name>
    <filter-class>org.springframework.web.filter.DelegatingFilterProxy</filter-class>
  </filter>
  <filter>
    <filter-name>audit</filter-name>
    <filter-class>com.acme.shop.web.AuditFilter</filter-class>
  </filter>
  <filter-mapping><filter-name>encoding</filter-name><url-pattern>/*</url-pattern></filter-mapping>
  <filter-mapping>
    <filter-name>springSecurityFilterChain</filter-name><url-pattern>/admin/*</url-pattern>
  </filter-mapping>
  <filter-mapping><filter-name>audit</filter-name><servlet-name>cart</servlet-name></filter-mapping>

  <listener>
    <listener-class>org.springframework.web.context.ContextLoaderListener</listener-class>
  </listener>
  <listener><listener-class>com.acme.shop.Startup</listener-class></listener>

  <!-- The cart -->
  <servlet>
    <servlet-name>cart</servlet-name>
    <servlet-class>
      com.acme.shop.web.CartServlet
    </servlet-class>
    <load-on-startup>1</load-on-startup>
  </servlet>
  <servlet>
    <servlet-name>spring</servlet-name>
    <servlet-class>org.springframework.web.servlet.DispatcherServlet</servlet-class>
  </servlet>
  <servlet>
    <servlet-name>legacy</servlet-name>
    <servlet-class>com.acme.old.http.Legacy</servlet-class>
  </servlet>
  <servlet><servlet-name>about</servlet-name><jsp-file>/about.jsp</jsp-file></servlet>
  <servlet-mapping><servlet-name>cart</servlet-name><url-pattern>/cart/*</url-pattern></servlet-mapping>
  <servlet-mapping><servlet-name>spring</servlet-name><url-pattern>*.do</url-pattern></servlet-mapping>
  <servlet-mapping><servlet-name>legacy</servlet-name><url-pattern>/legacy</url-pattern></servlet-mapping>
  <servlet-mapping><servlet-name>about</servlet-name><url-pattern>/about</url-pattern></servlet-mapping>

  <session-config><session-timeout>20</session-timeout></session-config>
  <welcome-file-list><welcome-file>index.html</welcome-file></welcome-file-list>
  <error-page>
    <exception-type>com.acme.shop.OutOfStock</exception-type><location>/error.jsp</location>
  </error-page>
  <error-page>
    <exception-type>java.io.IOException</exception-type><location>/error.jsp</location>
  </error-page>
  <resource-ref>
    <res-ref-name>jdbc/shop</res-ref-name><res-type>javax.sql.DataSource</res-type>
  </resource-ref>
  <ejb-ref><ejb-ref-name>ejb/Orders</ejb-ref-name><ejb-ref-type>Session</ejb-ref-type></ejb-ref>
</web-app>
"""

FRAGMENT = """<web-fragment xmlns="http://xmlns.jcp.org/xml/ns/javaee" version="3.1">
  <name>stats</name>
  <servlet>
    <servlet-name>stats</servlet-name><servlet-class>com.acme.stats.StatsServlet</servlet-class>
  </servlet>
  <servlet-mapping><servlet-name>stats</servlet-name><url-pattern>/stats</url-pattern></servlet-mapping>
</web-fragment>
"""

CART = """package com.acme.shop.web;

import javax.naming.InitialContext;
import javax.servlet.http.*;

/* A class named Wrong { is no class in a comment. */
public class CartServlet extends BaseServlet {
    private static final String TRAP = "class Wrong { void doPut(a, b) {} }";

    @Override
    protected void doPost(HttpServletRequest request, HttpServletResponse response) {
        Runnable r = () -> { class Local { void doDelete(int a, int b) {} } };
    }

    private void doHead(HttpServletRequest request, HttpServletResponse response) {}
}
"""
BASE = """package com.acme.shop.web;
import javax.servlet.http.HttpServlet;
abstract class BaseServlet extends HttpServlet {
    @Override public void init() {}
    protected void doGet(final javax.servlet.http.HttpServletRequest q, HttpServletResponse r) {}
    protected abstract void doTrace(HttpServletRequest q, HttpServletResponse r);
}
"""
SEARCH = """package com.acme.shop.web;
import javax.servlet.annotation.*;
import javax.servlet.*;
import javax.servlet.http.*;
@WebServlet(name = "search", urlPatterns = {"/search", "/find/*"}, asyncSupported = true,
            initParams = @WebInitParam(name = "limit", value = "10" + "0"))
@MultipartConfig(maxFileSize = 5 * 1024L * 1024L, location = Paths.UPLOADS)
public class Search extends HttpServlet {
    protected void doGet(HttpServletRequest q, HttpServletResponse r) {}
    @WebFilter(value = "/search", dispatcherTypes = {DispatcherType.REQUEST, DispatcherType.FORWARD})
    public static class Log implements Filter {
        public void doFilter(ServletRequest q, ServletResponse r, FilterChain c) {}
    }
}
"""
STARTUP = """package com.acme.shop;
public class Startup implements javax.servlet.ServletContextListener,
        javax.servlet.http.HttpSessionListener {
}
"""
OUT_OF_STOCK = """package com.acme.shop;
public class OutOfStock extends javax.servlet.ServletException { }
"""

SOURCES = {
    "com/acme/shop/web/CartServlet.java": CART,
    "com/acme/shop/web/BaseServlet.java": BASE,
    "com/acme/shop/web/Search.java": SEARCH,
    "com/acme/shop/Startup.java": STARTUP,
    "com/acme/shop/OutOfStock.java": OUT_OF_STOCK,
}


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


SHOP: Mapping[str, bytes | str] = {
    "WEB-INF/web.xml": WEB_XML.encode("iso-8859-1"),
    "META-INF/context.xml": '<Context>\n  <Valve className="org.apache.x.AccessLogValve"/>\n</Context>',
    "META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n",
    "index.html": "<h1>Shop</h1>",
    "img/logo.svg": "<svg/>",
    "about.jsp": '<%@ page import="x" %>\n<%@ taglib prefix="c" uri="http://java.sun.com/jsp/jstl/core" %>\n',
    "error.jsp": "<h1>Sorry</h1>",
    "WEB-INF/messages.json": "{}",
    "WEB-INF/shop.tld": "<taglib/>",
    "WEB-INF/applicationContext.xml": "<beans/>",
    "WEB-INF/classes/com/acme/shop/web/CartServlet.class": b"\xca\xfe\xba\xbe",
    "WEB-INF/classes/com/acme/shop/web/Feed.class": b"\xca\xfe Ljavax/servlet/annotation/WebServlet; \x01",
    "WEB-INF/classes/com/acme/shop/labels.properties": "a=b\n",
    "WEB-INF/lib/gson-2.10.jar": zipped({"com/google/gson/Gson.class": b""}),
    "WEB-INF/lib/stats.jar": zipped(
        {
            "META-INF/web-fragment.xml": FRAGMENT,
            "META-INF/resources/stats.css": "p {}",
            "META-INF/services/javax.servlet.ServletContainerInitializer": "# ours\ncom.acme.stats.Init\n",
        }
    ),
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """shop.war; its sources are in src."""
    for name, text in SOURCES.items():
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    war = tmp_path / "shop.war"
    war.write_bytes(zipped(SHOP))
    return war
