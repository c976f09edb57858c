"""The session cookie: RT-SES-04, RT-SES-05, DD-SES-09 to 11, the rules of SessionCookieConfig."""

from __future__ import annotations

import pytest

from container.descriptor import model
from container.errors import Source
from container.servlet import IllegalArgumentException, IllegalStateException, NumberFormatException
from container.session.cookies import CookieConfig

HERE = Source("web.xml", 1, 1)
ID = "0123456789ABCDEF0123456789ABCDEF"


def attributes(config: CookieConfig, context_path: str = "/shop", secure: bool = False) -> dict[str, str]:
    return dict(config.session_cookie(ID, context_path, secure).getAttributes())


def test_rt_ses_04_default_names():
    config = CookieConfig()
    assert (config.cookie_name, config.parameter_name) == ("JSESSIONID", "jsessionid")
    assert config.getName() is None


def test_rt_ses_04_dd_ses_11_a_name_of_its_own_is_used_for_both():
    config = CookieConfig()
    config.setName("SIDX")
    assert (config.cookie_name, config.parameter_name) == ("SIDX", "SIDX")
    assert config.session_cookie(ID, "", False).getName() == "SIDX"


@pytest.mark.parametrize(("context_path", "path"), [("/shop", "/shop"), ("", "/"), ("/a/b", "/a/b")])
def test_rt_ses_05_path_is_the_context(context_path, path):
    assert attributes(CookieConfig(), context_path) == {"HttpOnly": "", "Path": path}


def test_rt_ses_05_secure_follows_the_request():
    assert attributes(CookieConfig(), secure=True) == {"HttpOnly": "", "Path": "/shop", "Secure": ""}


def test_rt_ses_05_http_only_can_be_left_to_the_web_app():
    config = CookieConfig(http_only=False)
    assert "HttpOnly" not in attributes(config)
    config.setHttpOnly(True)
    assert "HttpOnly" in attributes(config)


def test_descriptor():
    config = CookieConfig()
    config.configure(
        model.CookieConfig(
            HERE,
            name="SIDX",
            domain="Oracle.Test",
            path="/other",
            comment="ignored",
            http_only=True,
            secure=True,
            max_age=300,
            attributes=(model.Param("SameSite", "Strict", HERE), model.Param("Partitioned", "", HERE)),
        )
    )
    assert attributes(config) == {
        "Domain": "oracle.test",
        "HttpOnly": "",
        "Max-Age": "300",
        "Partitioned": "",
        "Path": "/other",
        "SameSite": "Strict",
        "Secure": "",
    }
    assert config.getComment() is None


def test_untouched_getters():
    config = CookieConfig()
    assert config.getDomain() is None
    assert config.getPath() is None
    assert config.getMaxAge() == -1
    assert not config.isHttpOnly()
    assert not config.isSecure()
    assert dict(config.getAttributes()) == {}


@pytest.mark.parametrize(
    ("setter", "getter", "value"),
    [
        ("setName", "getName", "SIDX"),
        ("setDomain", "getDomain", "shop.test"),
        ("setPath", "getPath", "/shop"),
        ("setHttpOnly", "isHttpOnly", True),
        ("setSecure", "isSecure", True),
        ("setMaxAge", "getMaxAge", 60),
    ],
)
def test_what_is_set_is_got(setter: str, getter: str, value: object):
    config = CookieConfig()
    getattr(config, setter)(value)
    assert getattr(config, getter)() == value


def test_dd_ses_09_accessors_and_attributes_agree():
    config = CookieConfig()
    config.setAttribute("max-age", "7")
    config.setAttribute("SECURE", "true")
    config.setAttribute("path", "/x")
    assert config.getMaxAge() == 7
    assert config.isSecure()
    assert config.getPath() == "/x"
    config.setDomain("d")
    assert config.getAttribute("DOMAIN") == "d"
    config.setSecure(False)
    assert not config.isSecure()
    assert "Secure" not in attributes(config)
    config.setMaxAge(-1)
    assert config.getMaxAge() == -1
    assert "Max-Age" not in attributes(config)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        (None, "x", IllegalArgumentException),
        ("", "x", IllegalArgumentException),
        ("a b", "x", IllegalArgumentException),
        ("Max-Age", "soon", NumberFormatException),
    ],
)
def test_dd_ses_10_bad_attributes(name, value, error):
    with pytest.raises(error):
        CookieConfig().setAttribute(name, value)


def test_a_name_that_no_cookie_can_have():
    with pytest.raises(IllegalArgumentException):
        CookieConfig().setName("a;b")


def test_attributes_are_read_only():
    with pytest.raises(TypeError):
        CookieConfig().getAttributes()["a"] = "b"


@pytest.mark.parametrize(
    ("setter", "arguments"),
    [
        ("setName", ("x",)),
        ("setDomain", ("x",)),
        ("setPath", ("/x",)),
        ("setComment", ("x",)),
        ("setHttpOnly", (True,)),
        ("setSecure", (True,)),
        ("setMaxAge", (1,)),
        ("setAttribute", ("x", "y")),
    ],
)
def test_setters_after_the_start(setter, arguments):
    config = CookieConfig()
    config.freeze()
    with pytest.raises(IllegalStateException, match="the web app has started"):
        getattr(config, setter)(*arguments)
    assert dict(config.getAttributes()) == {}
