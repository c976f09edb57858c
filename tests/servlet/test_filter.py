"""GenericFilter and HttpFilter."""

from __future__ import annotations

import pytest

from container.servlet import (
    Enumeration,
    Filter,
    FilterChain,
    FilterConfig,
    GenericFilter,
    HttpFilter,
    HttpServletRequest,
    HttpServletResponse,
    IllegalStateException,
    ServletException,
    ServletRequest,
    ServletResponse,
)


class Config(FilterConfig):
    def getFilterName(self):
        return "timed"

    def getServletContext(self):
        return "the context"

    def getInitParameter(self, name):
        return {"unit": "s"}.get(name)

    def getInitParameterNames(self):
        return Enumeration(["unit"])


class Chain(FilterChain):
    def doFilter(self, request, response):
        self.passed = (request, response)
        return "the answer"


class WithConfig(GenericFilter):
    def init(self, config):
        super().init(config)
        self.unit = self.getInitParameter("unit")


class WithHook(GenericFilter):
    def init(self):
        self.unit = self.getInitParameter("unit")


@pytest.mark.parametrize("cls", [WithConfig, WithHook])
def test_init_in_both_forms(cls: type[GenericFilter]):
    made = cls()
    made.init(config := Config())
    assert made.unit == "s"
    assert made.getFilterConfig() is config
    assert made.getFilterName() == "timed"
    assert made.getServletContext() == "the context"
    assert list(made.getInitParameterNames()) == ["unit"]


def test_before_init_is_illegal_state():
    assert GenericFilter().getFilterConfig() is None
    with pytest.raises(IllegalStateException, match="GenericFilter"):
        GenericFilter().getFilterName()


def test_a_plain_filter_needs_neither_init_nor_destroy():
    assert Filter().init(Config()) is None
    assert Filter().destroy() is None


def test_http_filter_lets_everything_pass():
    request, response, chain = HttpServletRequest(), HttpServletResponse(), Chain()
    assert HttpFilter().doFilter(request, response, chain) == "the answer"
    assert chain.passed == (request, response)


@pytest.mark.parametrize(
    ("request_type", "response_type"),
    [(ServletRequest, HttpServletResponse), (HttpServletRequest, ServletResponse)],
)
def test_http_filter_takes_http_only(request_type: type, response_type: type):
    with pytest.raises(ServletException, match="HttpFilter"):
        HttpFilter().doFilter(request_type(), response_type(), Chain())
