"""Exceptions, Enumeration, Locale, Cookie, events and the value classes."""

from __future__ import annotations

import copy
import pickle

import pytest

from container.servlet import (
    AsyncContext,
    AsyncEvent,
    Cookie,
    EmptyRoleSemantic,
    Enumeration,
    EventObject,
    HttpConstraint,
    HttpConstraintElement,
    HttpMethodConstraint,
    HttpMethodConstraintElement,
    HttpSession,
    HttpSessionBindingEvent,
    HttpSessionEvent,
    IllegalArgumentException,
    IOException,
    Locale,
    MultipartConfig,
    MultipartConfigElement,
    NumberFormatException,
    ServletContext,
    ServletContextAttributeEvent,
    ServletContextEvent,
    ServletException,
    ServletRequest,
    ServletRequestAttributeEvent,
    ServletRequestEvent,
    ServletResponse,
    ServletSecurity,
    ServletSecurityElement,
    TransportGuarantee,
    UnavailableException,
)
from container.servlet.cookie import CookieAttributes

PERMIT, DENY = EmptyRoleSemantic.PERMIT, EmptyRoleSemantic.DENY
NONE, CONFIDENTIAL = TransportGuarantee.NONE, TransportGuarantee.CONFIDENTIAL

# exceptions

CAUSE = KeyError("cart")


@pytest.mark.parametrize(
    ("arguments", "message", "cause"),
    [
        ((), None, None),
        (("out of stock",), "out of stock", None),
        (("out of stock", CAUSE), "out of stock", CAUSE),
        ((CAUSE,), "KeyError: 'cart'", CAUSE),
        ((ValueError(),), "ValueError", ...),
        ((None, CAUSE), None, CAUSE),
    ],
)
def test_servlet_exception_has_four_forms(arguments: tuple, message: str | None, cause: object):
    error = ServletException(*arguments)
    assert error.getMessage() == message
    assert str(error) == (message or "")
    assert error.getRootCause() is error.__cause__
    assert error.getRootCause() is (arguments[-1] if cause is ... else cause)


def test_raise_from_sets_the_root_cause():
    with pytest.raises(ServletException) as raised:
        raise ServletException("x") from CAUSE
    assert raised.value.getRootCause() is CAUSE


@pytest.mark.parametrize(
    ("arguments", "permanent", "seconds"),
    [(("x",), True, -1), (("x", 30), False, 30), (("x", 0), False, -1), (("x", -7), False, -1)],
)
def test_unavailable_exception_is_permanent_without_seconds(arguments: tuple, permanent: bool, seconds: int):
    error = UnavailableException(*arguments)
    assert (error.isPermanent(), error.getUnavailableSeconds()) == (permanent, seconds)
    again = pickle.loads(pickle.dumps(error))
    assert (again.isPermanent(), again.getUnavailableSeconds(), str(again)) == (permanent, seconds, "x")


def test_io_exception_is_pythons():
    assert IOException is OSError


# Enumeration


def test_enumeration_is_a_snapshot_with_both_protocols():
    items = ["a", "b", "c"]
    names = Enumeration(items)
    items.clear()
    assert names.hasMoreElements()
    assert names.nextElement() == "a"
    assert next(names) == "b"
    assert list(names) == ["c"]
    assert not names.hasMoreElements()
    with pytest.raises(LookupError, match="hasMoreElements"):
        names.nextElement()


def test_empty_enumeration():
    assert not Enumeration().hasMoreElements()
    assert list(Enumeration()) == []


# Locale


@pytest.mark.parametrize(
    ("tag", "expected", "language", "script", "country"),
    [
        ("en", "en", "en", "", ""),
        ("de-at", "de-AT", "de", "", "AT"),
        ("DE_AT", "de-AT", "de", "", "AT"),
        ("zh-hant-tw", "zh-Hant-TW", "zh", "Hant", "TW"),
        ("es-419", "es-419", "es", "", "419"),
        ("de-CH-1901", "de-CH-1901", "de", "", "CH"),
        ("sl-rozaj-biske", "sl-rozaj-biske", "sl", "", ""),
        ("en-x-Private", "en-x-private", "en", "", ""),
        ("en-us-", "en-US", "en", "", "US"),
        ("en-US-toolongsubtag", "en-US", "en", "", "US"),
        ("de-ä", "de", "de", "", ""),
        ("", "und", "", "", ""),
        ("*", "und", "", "", ""),
        ("a", "und", "", "", ""),
        ("und", "und", "", "", ""),
    ],
)
def test_locale_reads_language_tags(tag: str, expected: str, language: str, script: str, country: str):
    locale = Locale.forLanguageTag(tag)
    assert locale.toLanguageTag() == expected
    assert type(locale.toLanguageTag()) is str
    assert (locale.language, locale.script, locale.country) == (language, script, country)
    assert (locale.getLanguage(), locale.getScript(), locale.getCountry()) == (language, script, country)


def test_locale_compares_and_hashes_as_its_tag():
    assert Locale("de", "at") == "de-AT" == Locale.forLanguageTag("de-at")
    assert {Locale("en"): 1}["en"] == 1
    assert Locale("en") != Locale("en", "US")
    assert repr(Locale("en", "US")) == "Locale('en-US')"
    assert Locale("de", "DE", "1996") == "de-DE-1996"
    assert pickle.loads(pickle.dumps(Locale("de", "AT"))).country == "AT"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en-US"),
        ({"LANG": "de_AT.UTF-8"}, "de-AT"),
        ({"LANG": "C.UTF-8"}, "en-US"),
        ({"LANG": "fr_FR", "LC_ALL": "ca_ES@valencia"}, "ca-ES"),
        ({"LC_MESSAGES": "POSIX", "LANG": "fr_FR"}, "en-US"),
    ],
)
def test_default_locale_is_the_processes(monkeypatch, environment: dict, expected: str):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Locale.getDefault() == expected


# Cookie


@pytest.mark.parametrize(
    "name", [None, "", "a b", "a\t", "a;b", "ä", "a=b", "a,", "a\x00", "a\x7f", *'/()<>@:\\"[]?{}']
)
def test_cookie_name_is_a_token(name: str | None):
    with pytest.raises(IllegalArgumentException):
        Cookie(name, "v")


def test_cookie_name_may_be_any_token_and_value_anything():
    assert Cookie("$Ver~|!#%&'*+-.^_`0", None).getValue() is None
    cookie = Cookie("a", "1")
    cookie.setValue("a b;ä")
    assert (cookie.getName(), cookie.getValue()) == ("a", "a b;ä")


def test_cookie_without_attributes():
    cookie = Cookie("a", "1")
    assert cookie.getAttributes() == {}
    assert cookie.getAttribute("Path") is None
    assert (cookie.getDomain(), cookie.getPath(), cookie.getMaxAge()) == (None, None, -1)
    assert (cookie.getSecure(), cookie.isHttpOnly()) == (False, False)


def test_cookie_accessors_are_attributes():
    cookie = Cookie("a", "1")
    cookie.setDomain("Shop.Example")
    cookie.setPath("/Cart")
    cookie.setMaxAge(60)
    cookie.setSecure(True)
    cookie.setHttpOnly(True)
    cookie.setAttribute("SameSite", "Lax")
    assert list(cookie.getAttributes().items()) == [
        ("Domain", "shop.example"),
        ("HttpOnly", ""),
        ("Max-Age", "60"),
        ("Path", "/Cart"),
        ("SameSite", "Lax"),
        ("Secure", ""),
    ]
    assert (cookie.getDomain(), cookie.getPath(), cookie.getMaxAge()) == ("shop.example", "/Cart", 60)
    assert (cookie.getSecure(), cookie.isHttpOnly()) == (True, True)
    assert repr(cookie).startswith("<Cookie a=1; Domain=shop.example; HttpOnly; Max-Age=60")
    for clear in (cookie.setDomain, cookie.setPath):
        clear(None)
    for clear in (cookie.setSecure, cookie.setHttpOnly):
        clear(False)
    cookie.setMaxAge(-3)
    cookie.setAttribute("samesite", None)
    assert cookie.getAttributes() == {}


def test_cookie_attributes_set_the_accessors():
    cookie = Cookie("a", "1")
    cookie.setAttribute("max-age", "0")
    cookie.setAttribute("SECURE", "")
    cookie.setAttribute("httponly", "true")
    assert cookie.getMaxAge() == 0
    assert cookie.getSecure()
    assert not cookie.isHttpOnly()  # only the bare name counts
    assert cookie.getAttribute("MAX-AGE") == cookie.getAttributes()["Max-Age"] == "0"
    cookie.setAttribute("Max-Age", "-5")
    assert (cookie.getMaxAge(), cookie.getAttribute("Max-Age")) == (-1, None)


@pytest.mark.parametrize("name", [None, "", "a b", "a=b", "ä"])
def test_cookie_attribute_name_is_a_token(name: str | None):
    with pytest.raises(IllegalArgumentException):
        Cookie("a", "1").setAttribute(name, "x")


@pytest.mark.parametrize("value", ["", "soon", "1.5", "1e3"])
def test_max_age_is_a_number(value: str):
    with pytest.raises(NumberFormatException):
        Cookie("a", "1").setAttribute("Max-Age", value)


def test_cookie_attributes_are_read_only():
    cookie = Cookie("a", "1")
    cookie.setPath("/")
    with pytest.raises(TypeError):
        cookie.getAttributes()["Path"] = "/x"


def test_cookies_are_equal_by_name_value_and_attributes():
    def cookie(value="1", **attributes):
        made = Cookie("a", value)
        for name, text in attributes.items():
            made.setAttribute(name, text)
        return made

    assert cookie() == cookie()
    assert cookie(Path="/") == cookie(path="/")
    assert hash(cookie(Path="/")) == hash(cookie(path="/"))
    assert cookie() != cookie("2")
    assert cookie() != cookie(Path="/")
    assert cookie() != "a=1"


@pytest.mark.parametrize(
    "cloned", [Cookie.clone, copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_a_clone_is_equal_and_independent(cloned):
    cookie = Cookie("a", "1")
    cookie.setPath("/")
    other = cloned(cookie)
    assert other == cookie
    other.setPath("/x")
    assert cookie.getPath() == "/"


def test_comment_and_version_do_nothing():
    cookie = Cookie("a", "1")
    cookie.setComment("x")
    cookie.setVersion(1)
    assert (cookie.getComment(), cookie.getVersion(), cookie.getAttributes()) == (None, 0, {})


def test_cookie_attributes_are_a_mapping_in_any_case():
    attributes = CookieAttributes()
    attributes["Path"] = "/"
    attributes["PATH"] = "/x"
    attributes.put_flag("Secure", True)
    assert dict(attributes) == {"Path": "/x", "Secure": ""}
    assert "path" in attributes
    assert attributes.flag("secure")
    del attributes["path"]
    attributes.put_flag("Secure", False)
    assert not attributes
    assert attributes.max_age_s == -1


# events


def test_events_know_their_source():
    context, session, request = ServletContext(), HttpSession(), ServletRequest()
    assert ServletContextEvent(context).getServletContext() is context
    event = ServletContextAttributeEvent(context, "n", 1)
    assert (event.getSource(), event.getServletContext(), event.getName(), event.getValue()) == (
        context,
        context,
        "n",
        1,
    )
    event = ServletRequestEvent(context, request)
    assert (event.getSource(), event.getServletContext(), event.getServletRequest()) == (
        context,
        context,
        request,
    )
    event = ServletRequestAttributeEvent(context, request, "n", 1)
    assert (event.getServletRequest(), event.getName(), event.getValue()) == (request, "n", 1)
    assert HttpSessionEvent(session).getSession() is session
    event = HttpSessionBindingEvent(session, "n")
    assert (event.getSource(), event.getSession(), event.getName(), event.getValue()) == (
        session,
        session,
        "n",
        None,
    )
    with pytest.raises(IllegalArgumentException):
        EventObject(None)


def test_async_event_has_four_forms():
    request, response, error = ServletRequest(), ServletResponse(), OSError()

    class Context(AsyncContext):
        def getRequest(self):
            return request

        def getResponse(self):
            return response

    context = Context()

    def parts(event: AsyncEvent) -> tuple:
        assert event.getAsyncContext() is context
        return event.getSuppliedRequest(), event.getSuppliedResponse(), event.getThrowable()

    other = ServletRequest()
    assert parts(AsyncEvent(context)) == (request, response, None)
    assert parts(AsyncEvent(context, error)) == (request, response, error)
    assert parts(AsyncEvent(context, throwable=error)) == (request, response, error)
    assert parts(AsyncEvent(context, other, None)) == (other, None, None)
    assert parts(AsyncEvent(context, None, None, error)) == (None, None, error)  # RT-ASY-42


# multipart and security


def test_multipart_config_element_from_values_and_annotation():
    def values(element):
        return (
            element.getLocation(),
            element.getMaxFileSize(),
            element.getMaxRequestSize(),
            element.getFileSizeThreshold(),
        )

    assert values(MultipartConfigElement()) == values(MultipartConfigElement(None)) == ("", -1, -1, 0)
    assert values(MultipartConfigElement("/tmp", 1, 2, 3)) == ("/tmp", 1, 2, 3)
    annotation = MultipartConfig("/tmp", maxFileSize=1, maxRequestSize=2, fileSizeThreshold=3)
    assert values(MultipartConfigElement(annotation)) == ("/tmp", 1, 2, 3)
    assert MultipartConfigElement(annotation) == MultipartConfigElement("/tmp", 1, 2, 3)
    assert hash(MultipartConfigElement(annotation)) == hash(MultipartConfigElement("/tmp", 1, 2, 3))
    assert "MultipartConfigElement" in repr(MultipartConfigElement())


def rule(element: HttpConstraintElement) -> tuple:
    return element.getEmptyRoleSemantic(), element.getTransportGuarantee(), element.getRolesAllowed()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), (PERMIT, NONE, [])),
        ((DENY,), (DENY, NONE, [])),
        ((CONFIDENTIAL, "clerk", "boss"), (PERMIT, CONFIDENTIAL, ["clerk", "boss"])),
        ((PERMIT, NONE, "clerk"), (PERMIT, NONE, ["clerk"])),
        ((DENY, CONFIDENTIAL), (DENY, CONFIDENTIAL, [])),
    ],
)
def test_http_constraint_element_forms(arguments: tuple, expected: tuple):
    element = HttpConstraintElement(*arguments)
    assert rule(element) == expected
    element.getRolesAllowed().append("intruder")
    assert rule(element) == expected


@pytest.mark.parametrize("arguments", [("clerk",), (PERMIT, "clerk"), (NONE, PERMIT), (DENY, NONE, "clerk")])
def test_http_constraint_element_refuses_other_forms(arguments: tuple):
    with pytest.raises(IllegalArgumentException):
        HttpConstraintElement(*arguments)


def test_http_method_constraint_element():
    assert rule(HttpMethodConstraintElement("PUT")) == (PERMIT, NONE, [])
    element = HttpMethodConstraintElement("PUT", HttpConstraintElement(CONFIDENTIAL, "clerk"))
    assert element.getMethodName() == "PUT"
    assert rule(element) == (PERMIT, CONFIDENTIAL, ["clerk"])
    for name in (None, ""):
        with pytest.raises(IllegalArgumentException):
            HttpMethodConstraintElement(name)


def test_servlet_security_element_forms():
    general = HttpConstraintElement(CONFIDENTIAL, "clerk")
    methods = [HttpMethodConstraintElement("GET"), HttpMethodConstraintElement("PUT")]
    everybody = (PERMIT, NONE, [])
    for element, expected, names in [
        (ServletSecurityElement(), everybody, []),
        (ServletSecurityElement(None, None), everybody, []),
        (ServletSecurityElement(general), (PERMIT, CONFIDENTIAL, ["clerk"]), []),
        (ServletSecurityElement(methods), everybody, ["GET", "PUT"]),
        (ServletSecurityElement(general, methods), (PERMIT, CONFIDENTIAL, ["clerk"]), ["GET", "PUT"]),
    ]:
        assert rule(element) == expected
        assert element.getMethodNames() == names
        assert element.getHttpMethodConstraints() == (methods if names else [])


def test_servlet_security_element_from_the_annotation():
    element = ServletSecurityElement(
        ServletSecurity(
            HttpConstraint(rolesAllowed="clerk", transportGuarantee=CONFIDENTIAL),
            HttpMethodConstraint("TRACE", emptyRoleSemantic=DENY),
        )
    )
    assert rule(element) == (PERMIT, CONFIDENTIAL, ["clerk"])
    (trace,) = element.getHttpMethodConstraints()
    assert (trace.getMethodName(), *rule(trace)) == ("TRACE", DENY, NONE, [])


def test_servlet_security_element_refuses_two_rules_for_a_method():
    methods = [HttpMethodConstraintElement("GET"), HttpMethodConstraintElement("GET")]
    with pytest.raises(IllegalArgumentException, match="GET"):
        ServletSecurityElement(methods)
