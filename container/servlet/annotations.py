"""Decorators that say in the code what web.xml would say.

    @WebServlet("/cart/*", loadOnStartup=1)
    @MultipartConfig(maxFileSize=1_000_000)
    class Cart(HttpServlet): ...

A decorator only notes itself on the class: importing a module registers nothing. Whoever deploys the class
asks ``WebServlet.of(Cart)``, which reads the class attribute ``__WebServlet__`` (``__WebFilter__`` and so
on). Subclasses inherit ServletSecurity only (DD-ANN-09). Lists may be given as one value:
``urlPatterns="/a"`` is ``["/a"]``.
"""
# ruff: noqa: N815  (the attributes are Jakarta's)

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar, overload

from container.servlet import enums
from container.servlet.enums import DispatcherType, EmptyRoleSemantic, TransportGuarantee
from container.servlet.exceptions import IllegalArgumentException
from container.servlet.filter import Filter
from container.servlet.listener import (
    EventListener,
    HttpSessionAttributeListener,
    HttpSessionIdListener,
    HttpSessionListener,
    ServletContextAttributeListener,
    ServletContextListener,
    ServletRequestAttributeListener,
    ServletRequestListener,
)
from container.servlet.servlet import HttpServlet, Servlet

__all__ = [
    "DeclareRoles",
    "HandlesTypes",
    "HttpConstraint",
    "HttpMethodConstraint",
    "MultipartConfig",
    "PostConstruct",
    "PreDestroy",
    "RunAs",
    "ServletSecurity",
    "WebFilter",
    "WebInitParam",
    "WebListener",
    "WebServlet",
]

A = TypeVar("A")
C = TypeVar("C", bound=type)
F = TypeVar("F", bound=Callable[..., Any])

LISTENERS: tuple[type[EventListener], ...] = (
    ServletContextListener,
    ServletContextAttributeListener,
    ServletRequestListener,
    ServletRequestAttributeListener,
    HttpSessionListener,
    HttpSessionAttributeListener,
    HttpSessionIdListener,
)


def _tuple(value: Any) -> tuple[Any, ...]:
    """A list as it may be written in a decorator: one value or several."""
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, type)) else (value,)


class _Annotation:
    """A decorator for classes that notes itself on the class."""

    _applies_to: ClassVar[tuple[type, ...]] = (object,)
    _inherited: ClassVar[bool] = False

    def __call__(self, target: C) -> C:
        if not issubclass(target, self._applies_to):
            expected = " or ".join(sorted(base.__name__ for base in self._applies_to))
            raise IllegalArgumentException(
                f"@{type(self).__name__} stands on {target.__module__}.{target.__qualname__}, "
                f"which is no {expected}. Make it a subclass, or remove the decorator"
            )
        setattr(target, f"__{type(self).__name__}__", self)
        return target

    @classmethod
    def of(cls, target: type) -> Self | None:
        """Return what the decorator said about a class; None if it has none."""
        attribute = f"__{cls.__name__}__"
        found: Self | None = (
            getattr(target, attribute, None) if cls._inherited else target.__dict__.get(attribute)
        )
        return found


def _freeze(annotation: A, **attributes: object) -> A:
    """Set the attributes of a frozen annotation, which its constructor may do once."""
    for name, value in attributes.items():
        object.__setattr__(annotation, name, value)
    return annotation


Strings = Iterable[str] | str


@dataclass(frozen=True)
class WebInitParam:
    """An init parameter of a WebServlet or WebFilter."""

    name: str
    value: str
    description: str = ""


@dataclass(frozen=True, init=False)
class WebServlet(_Annotation):
    """This class is a servlet (§8.1.1): ``@WebServlet("/cart/*")``.

    Without a name it is called by its full class name.
    """

    _applies_to = (HttpServlet,)

    value: tuple[str, ...]
    name: str
    urlPatterns: tuple[str, ...]
    loadOnStartup: int
    initParams: tuple[WebInitParam, ...]
    asyncSupported: bool
    smallIcon: str
    largeIcon: str
    description: str
    displayName: str

    def __init__(
        self,
        value: Strings = (),
        *,
        name: str = "",
        urlPatterns: Strings = (),
        loadOnStartup: int = -1,
        initParams: Iterable[WebInitParam] | WebInitParam = (),
        asyncSupported: bool = False,
        smallIcon: str = "",
        largeIcon: str = "",
        description: str = "",
        displayName: str = "",
    ) -> None:
        _freeze(
            self,
            value=_tuple(value),
            name=name,
            urlPatterns=_tuple(urlPatterns),
            loadOnStartup=loadOnStartup,
            initParams=_tuple(initParams),
            asyncSupported=asyncSupported,
            smallIcon=smallIcon,
            largeIcon=largeIcon,
            description=description,
            displayName=displayName,
        )
        if self.value and self.urlPatterns:  # DD-ERR-18
            raise IllegalArgumentException(
                "@WebServlet has both value and urlPatterns. Write all patterns in one: "
                f"@WebServlet({list(self.value + self.urlPatterns)})"
            )
        if not self.patterns() or isinstance(value, type):  # without parentheses, value is the class
            raise IllegalArgumentException('@WebServlet needs a url pattern. Write @WebServlet("/path")')

    def patterns(self) -> tuple[str, ...]:
        return self.value or self.urlPatterns


@dataclass(frozen=True, init=False)
class WebFilter(_Annotation):
    """This class is a filter (§8.1.2): ``@WebFilter("/*")``.

    Without a name it is called by its full class name.
    """

    _applies_to = (Filter,)

    value: tuple[str, ...]
    filterName: str
    urlPatterns: tuple[str, ...]
    servletNames: tuple[str, ...]
    dispatcherTypes: tuple[DispatcherType, ...]
    initParams: tuple[WebInitParam, ...]
    asyncSupported: bool
    smallIcon: str
    largeIcon: str
    description: str
    displayName: str

    def __init__(
        self,
        value: Strings = (),
        *,
        filterName: str = "",
        urlPatterns: Strings = (),
        servletNames: Strings = (),
        dispatcherTypes: Iterable[DispatcherType] | DispatcherType = DispatcherType.REQUEST,
        initParams: Iterable[WebInitParam] | WebInitParam = (),
        asyncSupported: bool = False,
        smallIcon: str = "",
        largeIcon: str = "",
        description: str = "",
        displayName: str = "",
    ) -> None:
        _freeze(
            self,
            value=_tuple(value),
            filterName=filterName,
            urlPatterns=_tuple(urlPatterns),
            servletNames=_tuple(servletNames),
            dispatcherTypes=_tuple(dispatcherTypes),
            initParams=_tuple(initParams),
            asyncSupported=asyncSupported,
            smallIcon=smallIcon,
            largeIcon=largeIcon,
            description=description,
            displayName=displayName,
        )
        if self.value and self.urlPatterns:  # DD-ERR-19
            raise IllegalArgumentException(
                "@WebFilter has both value and urlPatterns. Write all patterns in one: "
                f"@WebFilter({list(self.value + self.urlPatterns)})"
            )
        if not (self.patterns() or self.servletNames) or isinstance(value, type):
            raise IllegalArgumentException(
                '@WebFilter needs a url pattern or servlet names. Write @WebFilter("/*") for all requests'
            )

    def patterns(self) -> tuple[str, ...]:
        return self.value or self.urlPatterns


@dataclass(frozen=True, init=False)
class WebListener(_Annotation):
    """This class is a listener (§8.1.4): ``@WebListener``, or ``@WebListener("what it does")``."""

    _applies_to = LISTENERS

    value: str

    @overload
    def __new__(cls, value: C) -> C: ...  # type: ignore[misc]  # without parentheses
    @overload
    def __new__(cls, value: str = "") -> Self: ...
    def __new__(cls, value: Any = "") -> Any:
        return cls()(value) if isinstance(value, type) else _freeze(super().__new__(cls), value=value)


@dataclass(frozen=True, init=False)
class MultipartConfig(_Annotation):
    """This servlet takes uploads (§8.1.5): ``@MultipartConfig(maxFileSize=1_000_000)``.

    Sizes in bytes, -1 = no limit.
    """

    _applies_to = (Servlet,)

    location: str
    maxFileSize: int
    maxRequestSize: int
    fileSizeThreshold: int

    @overload
    def __new__(cls, location: C) -> C: ...  # type: ignore[misc]  # without parentheses
    @overload
    def __new__(
        cls, location: str = "", maxFileSize: int = -1, maxRequestSize: int = -1, fileSizeThreshold: int = 0
    ) -> Self: ...
    def __new__(
        cls, location: Any = "", maxFileSize: int = -1, maxRequestSize: int = -1, fileSizeThreshold: int = 0
    ) -> Any:
        if isinstance(location, type):
            return cls()(location)
        return _freeze(
            super().__new__(cls),
            location=location,
            maxFileSize=maxFileSize,
            maxRequestSize=maxRequestSize,
            fileSizeThreshold=fileSizeThreshold,
        )


@dataclass(frozen=True, init=False)
class HttpConstraint:
    """Who may call, for a ServletSecurity. Without roles: everybody (PERMIT) or nobody (DENY)."""

    value: EmptyRoleSemantic
    rolesAllowed: tuple[str, ...]
    transportGuarantee: TransportGuarantee

    def __init__(
        self,
        value: EmptyRoleSemantic = EmptyRoleSemantic.PERMIT,
        *,
        rolesAllowed: Strings = (),
        transportGuarantee: TransportGuarantee = TransportGuarantee.NONE,
    ) -> None:
        _freeze(self, value=value, rolesAllowed=_tuple(rolesAllowed), transportGuarantee=transportGuarantee)


_EVERYBODY = HttpConstraint()


@dataclass(frozen=True, init=False)
class HttpMethodConstraint:
    """Who may call with one HTTP method, for a ServletSecurity. value is the method."""

    value: str
    emptyRoleSemantic: EmptyRoleSemantic
    rolesAllowed: tuple[str, ...]
    transportGuarantee: TransportGuarantee

    def __init__(
        self,
        value: str,
        *,
        emptyRoleSemantic: EmptyRoleSemantic = EmptyRoleSemantic.PERMIT,
        rolesAllowed: Strings = (),
        transportGuarantee: TransportGuarantee = TransportGuarantee.NONE,
    ) -> None:
        _freeze(
            self,
            value=value,
            emptyRoleSemantic=emptyRoleSemantic,
            rolesAllowed=_tuple(rolesAllowed),
            transportGuarantee=transportGuarantee,
        )


@dataclass(frozen=True, init=False)
class ServletSecurity(_Annotation):
    """Who may call this servlet (§13.4.1): ``@ServletSecurity(HttpConstraint(rolesAllowed="clerk"))``.

    Inherited.
    """

    EmptyRoleSemantic = enums.EmptyRoleSemantic
    TransportGuarantee = enums.TransportGuarantee

    _applies_to = (Servlet,)
    _inherited = True

    value: HttpConstraint
    httpMethodConstraints: tuple[HttpMethodConstraint, ...]

    @overload
    def __new__(cls, value: C) -> C: ...  # type: ignore[misc]  # without parentheses
    @overload
    def __new__(
        cls,
        value: HttpConstraint = _EVERYBODY,
        httpMethodConstraints: Iterable[HttpMethodConstraint] | HttpMethodConstraint = (),
    ) -> Self: ...
    def __new__(
        cls,
        value: Any = _EVERYBODY,
        httpMethodConstraints: Iterable[HttpMethodConstraint] | HttpMethodConstraint = (),
    ) -> Any:
        if isinstance(value, type):
            return cls()(value)
        return _freeze(super().__new__(cls), value=value, httpMethodConstraints=_tuple(httpMethodConstraints))


@dataclass(frozen=True, init=False)
class HandlesTypes(_Annotation):
    """The classes a ServletContainerInitializer wants to be given (§8.2.4): ``@HandlesTypes(Plugin)``.

    They extend one of the types, or are annotated with it: they, a method of theirs or a field. A decorator
    ``Mark`` annotates a class or method by setting ``__Mark__`` to an instance of Mark; a field is annotated
    as ``Annotated[int, Mark()]``.
    """

    value: tuple[type, ...]

    def __init__(self, *value: type | Iterable[type]) -> None:
        _freeze(self, value=tuple(found for item in value for found in _tuple(item)))


@dataclass(frozen=True)
class RunAs(_Annotation):
    """The role in which this servlet calls others (§15.5.12): ``getRunAsRole()`` of its registration."""

    _applies_to = (Servlet,)

    value: str


@dataclass(frozen=True, init=False)
class DeclareRoles(_Annotation):
    """Roles that this servlet asks for (§15.5.2), as <security-role> has them: ``@DeclareRoles("clerk")``."""

    _applies_to = (Servlet,)

    value: tuple[str, ...]

    def __init__(self, *value: Strings) -> None:
        _freeze(self, value=tuple(role for item in value for role in _tuple(item)))


class PostConstruct:
    """This method without arguments is called before init, or before a listener's first event (§15.5.10)."""

    def __new__(cls, method: F) -> F:  # type: ignore[misc]  # a decorator without arguments
        return _note(object.__new__(cls), method)


class PreDestroy:
    """This method without arguments is called after destroy (§15.5.11)."""

    def __new__(cls, method: F) -> F:  # type: ignore[misc]
        return _note(object.__new__(cls), method)


def _note(annotation: object, method: F) -> F:
    setattr(method, f"__{type(annotation).__name__}__", annotation)
    return method
