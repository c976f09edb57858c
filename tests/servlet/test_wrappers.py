"""Wrappers pass every method on, explicitly, so that a subclass can change one and call super()."""

from __future__ import annotations

import inspect

import pytest

from container.servlet import (
    HttpServletRequest,
    HttpServletRequestWrapper,
    HttpServletResponse,
    HttpServletResponseWrapper,
    IllegalArgumentException,
    ServletRequest,
    ServletRequestWrapper,
    ServletResponse,
    ServletResponseWrapper,
)

WRAPPERS = [
    (ServletRequestWrapper, ServletRequest),
    (HttpServletRequestWrapper, HttpServletRequest),
    (ServletResponseWrapper, ServletResponse),
    (HttpServletResponseWrapper, HttpServletResponse),
]
METHODS = [
    (wrapper, interface, name)
    for wrapper, interface in WRAPPERS
    for name, _ in inspect.getmembers(interface, inspect.isfunction)
    if not name.startswith("_")
]


def recording(interface: type, error: Exception | None = None) -> object:
    """An implementation that notes the last call and returns a new object from each, or raises error."""

    def method(name: str):
        def call(self, *args: object) -> object:
            self.call, self.result = (name, args), object()
            if error is not None:
                raise error
            return self.result

        return call

    names = [
        name for name, _ in inspect.getmembers(interface, inspect.isfunction) if not name.startswith("_")
    ]
    return type("Recording", (interface,), {name: method(name) for name in names})()


@pytest.mark.parametrize(("wrapper", "interface", "name"), METHODS)
def test_method_is_delegated_with_its_arguments_and_result(wrapper: type, interface: type, name: str):
    assert any(name in vars(base) for base in wrapper.__mro__ if base.__name__.endswith("Wrapper"))
    wrapped = recording(interface)
    signature = inspect.signature(getattr(interface, name))
    arguments = tuple(object() for _ in list(signature.parameters)[1:])
    result = getattr(wrapper(wrapped), name)(*arguments)
    assert wrapped.call == (name, arguments)
    returns_nothing = signature.return_annotation == "None"
    assert result is (None if returns_nothing else wrapped.result)


@pytest.mark.parametrize(("wrapper", "interface", "name"), METHODS)
def test_what_the_wrapped_object_raises_passes_through(wrapper: type, interface: type, name: str):
    error = Exception(name)
    arguments = [None] * (len(inspect.signature(getattr(interface, name)).parameters) - 1)
    with pytest.raises(Exception, match=name) as raised:
        getattr(wrapper(recording(interface, error)), name)(*arguments)
    assert raised.value is error


@pytest.mark.parametrize(("wrapper", "interface", "name"), METHODS)
def test_method_has_the_signature_of_the_interface(wrapper: type, interface: type, name: str):
    assert inspect.signature(getattr(wrapper, name)) == inspect.signature(getattr(interface, name))


def test_default_arguments_are_passed_on():
    request, response = recording(HttpServletRequest), recording(HttpServletResponse)
    HttpServletRequestWrapper(request).getSession()
    assert request.call == ("getSession", (True,))
    HttpServletRequestWrapper(request).startAsync()
    assert request.call == ("startAsync", (None, None))  # no arguments stay no arguments (RT-ASY-03)
    HttpServletResponseWrapper(response).sendRedirect("/x")
    assert response.call == ("sendRedirect", ("/x", 302, True))
    HttpServletResponseWrapper(response).sendError(404)
    assert response.call == ("sendError", (404, None))


def test_a_subclass_changes_one_method_and_calls_super():
    class Loud(HttpServletRequestWrapper):
        def getHeader(self, name):
            return super().getHeader(name).upper()

    class Request(HttpServletRequest):
        def getHeader(self, name):
            return f"{name}: quiet"

    assert Loud(Loud(Request())).getHeader("x") == "X: QUIET"


@pytest.mark.parametrize(("wrapper", "interface"), WRAPPERS)
def test_nothing_cannot_be_wrapped(wrapper: type, interface: type):
    with pytest.raises(IllegalArgumentException, match=wrapper.__name__):
        wrapper(None)
    made = wrapper(interface())
    setter = made.setRequest if isinstance(made, ServletRequest) else made.setResponse
    with pytest.raises(IllegalArgumentException):
        setter(None)


@pytest.mark.parametrize(("wrapper", "interface"), WRAPPERS)
def test_the_wrapped_object_can_be_replaced(wrapper: type, interface: type):
    first, second = interface(), interface()
    made = wrapper(first)
    get, put = (
        (made.getRequest, made.setRequest)
        if isinstance(made, ServletRequest)
        else (made.getResponse, made.setResponse)
    )
    assert get() is first
    put(second)
    assert get() is second


@pytest.mark.parametrize(("wrapper", "interface"), WRAPPERS)
def test_is_wrapper_for_looks_through_wrappers(wrapper: type, interface: type):
    class Special(wrapper):
        pass

    innermost = interface()
    outer = wrapper(inner := Special(innermost))
    assert outer.isWrapperFor(inner)
    assert outer.isWrapperFor(innermost)
    assert not outer.isWrapperFor(outer)
    assert not inner.isWrapperFor(interface())
    assert outer.isWrapperFor(Special)
    assert outer.isWrapperFor(interface)
    assert not inner.isWrapperFor(Special)  # it is one, but wraps none
    with pytest.raises(IllegalArgumentException, match="int"):
        outer.isWrapperFor(int)


def test_a_wrapper_is_what_it_wraps():
    assert isinstance(HttpServletRequestWrapper(HttpServletRequest()), HttpServletRequest)
    assert isinstance(HttpServletResponseWrapper(HttpServletResponse()), HttpServletResponse)
