"""The decorators only note themselves on the class (DD-ANN-09), and refuse what cannot be meant."""

from __future__ import annotations

import dataclasses

import pytest

from container.servlet import (
    DispatcherType,
    Filter,
    GenericServlet,
    HandlesTypes,
    HttpConstraint,
    HttpFilter,
    HttpMethodConstraint,
    HttpServlet,
    HttpSessionIdListener,
    IllegalArgumentException,
    MultipartConfig,
    ServletContainerInitializer,
    ServletContextListener,
    ServletSecurity,
    WebFilter,
    WebInitParam,
    WebListener,
    WebServlet,
)


def test_web_servlet_notes_itself_on_the_class():
    @WebServlet(
        name="cart",
        urlPatterns=["/cart/*", "/basket"],
        loadOnStartup=1,
        initParams=[WebInitParam("currency", "EUR")],
        asyncSupported=True,
    )
    class Cart(HttpServlet):
        pass

    said = WebServlet.of(Cart)
    assert said is Cart.__WebServlet__
    assert said.patterns() == said.urlPatterns == ("/cart/*", "/basket")
    assert (said.name, said.loadOnStartup, said.asyncSupported) == ("cart", 1, True)
    assert said.initParams == (WebInitParam("currency", "EUR"),)
    assert isinstance(Cart, type)
    with pytest.raises(dataclasses.FrozenInstanceError):
        said.name = "other"


@pytest.mark.parametrize(
    ("annotation", "patterns"),
    [
        (WebServlet("/a"), ("/a",)),
        (WebServlet(["/a", "/b"]), ("/a", "/b")),
        (WebServlet(urlPatterns="/a"), ("/a",)),
        (WebServlet(""), ("",)),  # the context root
        (WebFilter("/*"), ("/*",)),
        (WebFilter(urlPatterns=("/a", "*.do")), ("/a", "*.do")),
        (WebFilter(servletNames="cart"), ()),
    ],
)
def test_lists_may_be_one_value(annotation: WebServlet | WebFilter, patterns: tuple[str, ...]):
    assert annotation.patterns() == patterns


def test_web_filter():
    @WebFilter("/*", servletNames="cart", dispatcherTypes=[DispatcherType.REQUEST, DispatcherType.ERROR])
    class Timed(HttpFilter):
        pass

    said = WebFilter.of(Timed)
    assert said.servletNames == ("cart",)
    assert said.dispatcherTypes == (DispatcherType.REQUEST, DispatcherType.ERROR)
    assert WebFilter("/*", dispatcherTypes=DispatcherType.ERROR).dispatcherTypes == (DispatcherType.ERROR,)


def test_bare_and_with_arguments():
    @WebListener
    class Opens(ServletContextListener):
        pass

    @WebListener("watches ids")
    class Watches(HttpSessionIdListener):
        pass

    @MultipartConfig
    class Upload(HttpServlet):
        pass

    @MultipartConfig(maxFileSize=1000)
    class Small(HttpServlet):
        pass

    @ServletSecurity
    class Open(GenericServlet):
        pass

    assert all(isinstance(cls, type) for cls in (Opens, Watches, Upload, Small, Open))
    assert WebListener.of(Opens).value == ""
    assert WebListener.of(Watches).value == "watches ids"
    assert MultipartConfig.of(Upload).maxFileSize == -1
    assert MultipartConfig.of(Small).maxFileSize == 1000
    assert ServletSecurity.of(Open).value == HttpConstraint()


def test_only_servlet_security_is_inherited():
    @WebServlet("/a")
    @MultipartConfig
    @ServletSecurity(HttpConstraint(rolesAllowed=["clerk"]), [HttpMethodConstraint("GET")])
    class Base(HttpServlet):
        pass

    class Derived(Base):
        pass

    assert WebServlet.of(Derived) is None
    assert MultipartConfig.of(Derived) is None
    assert ServletSecurity.of(Derived) is ServletSecurity.of(Base)
    assert ServletSecurity.of(Derived).value.rolesAllowed == ("clerk",)
    assert ServletSecurity.of(HttpServlet) is None

    @ServletSecurity(HttpConstraint(ServletSecurity.EmptyRoleSemantic.DENY))
    class Closed(Base):
        pass

    assert ServletSecurity.of(Closed).value.rolesAllowed == ()


def test_handles_types():
    class Plugin:
        pass

    @HandlesTypes(Plugin, int)
    class Initializer(ServletContainerInitializer):
        pass

    assert HandlesTypes.of(Initializer).value == (Plugin, int)
    assert HandlesTypes([Plugin]).value == (Plugin,)
    assert HandlesTypes(Plugin)(Initializer) is Initializer


@pytest.mark.parametrize(  # DD-ERR-18, DD-ERR-19
    ("make", "message"),
    [
        (lambda: WebServlet(), r'needs a url pattern. Write @WebServlet\("/path"\)'),
        (lambda: WebServlet(name="cart"), "needs a url pattern"),
        (lambda: WebServlet("/a", urlPatterns="/b"), r"@WebServlet\(\['/a', '/b'\]\)"),
        (lambda: WebServlet(HttpServlet), "needs a url pattern"),  # @WebServlet without parentheses
        (lambda: WebFilter(), "needs a url pattern or servlet names"),
        (lambda: WebFilter("/a", urlPatterns="/b"), r"@WebFilter\(\['/a', '/b'\]\)"),
        (lambda: WebFilter(HttpFilter), "needs a url pattern or servlet names"),
    ],
)
def test_patterns_are_given_once(make, message: str):
    with pytest.raises(IllegalArgumentException, match=message):
        make()


@pytest.mark.parametrize(  # DD-ANN-08
    ("annotation", "target", "expected"),
    [
        (WebServlet("/a"), GenericServlet, "HttpServlet"),
        (WebServlet("/a"), HttpFilter, "HttpServlet"),
        (WebFilter("/a"), HttpServlet, "Filter"),
        (WebListener(), Filter, "HttpSessionListener"),
        (MultipartConfig(), HttpFilter, "Servlet"),
        (ServletSecurity(), HttpFilter, "Servlet"),
    ],
)
def test_decorators_need_the_right_class(annotation, target: type, expected: str):
    class Wrong(target):
        pass

    with pytest.raises(IllegalArgumentException, match=rf"{type(annotation).__name__} .*Wrong.*{expected}"):
        annotation(Wrong)
