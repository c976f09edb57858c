"""Java's names that a web.xml may carry, and the Python classes they mean.

    java.lang.IllegalStateException   ──> container.servlet.IllegalStateException
    jakarta.servlet.http.HttpServlet  ──> container.servlet.HttpServlet (javax.servlet too)
    java.lang.RuntimeException        ──> RuntimeException, which others belong to without inheriting from it
    org.apache.catalina.filters.CorsFilter ──> container.filters.CorsFilter, imported only now

So a descriptor written for a Java container names exceptions, platform classes and Tomcat's own as it always
did.
"""

from __future__ import annotations

import re
from abc import ABCMeta
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import container.servlet
from container.filters import FILTERS
from container.servlet.exceptions import (
    CharConversionException,
    IllegalArgumentException,
    IllegalStateException,
    MalformedURLException,
    NullPointerException,
    NumberFormatException,
    ServletException,
    UnsupportedEncodingException,
    UnsupportedOperationException,
)

__all__ = [
    "JAVA_EXCEPTIONS",
    "TOMCAT_CLASSES",
    "RuntimeException",
    "exception_lineage",
    "java_class",
    "java_exception",
]

JAKARTA_NAME = re.compile(r"(?:jakarta|javax)\.servlet\.(?:http\.|annotation\.|descriptor\.)?([A-Z]\w*)")


class RuntimeException(Exception, metaclass=ABCMeta):  # noqa: N818  (Java's name)
    """What the specification calls a runtime exception: any Exception but ServletException and OSError.

    For ``isinstance`` and ``issubclass`` only; ``except RuntimeException`` catches nothing.
    """

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return issubclass(other, Exception) and not issubclass(other, (ServletException, OSError))


JAVA_EXCEPTIONS: Mapping[str, tuple[type[BaseException], ...]] = MappingProxyType(
    {
        "java.lang.Throwable": (BaseException,),
        "java.lang.Error": (BaseException,),
        "java.lang.Exception": (Exception,),
        "java.lang.RuntimeException": (RuntimeException,),
        "java.lang.ArithmeticException": (ArithmeticError,),
        "java.lang.ArrayIndexOutOfBoundsException": (IndexError,),
        "java.lang.ClassCastException": (TypeError,),
        "java.lang.ClassNotFoundException": (ImportError,),
        "java.lang.IllegalArgumentException": (IllegalArgumentException,),
        "java.lang.IllegalStateException": (IllegalStateException,),
        "java.lang.IndexOutOfBoundsException": (IndexError,),
        "java.lang.NullPointerException": (NullPointerException, TypeError),
        "java.lang.NumberFormatException": (NumberFormatException, ValueError),
        "java.lang.OutOfMemoryError": (MemoryError,),
        "java.lang.SecurityException": (PermissionError,),
        "java.lang.StackOverflowError": (RecursionError,),
        "java.lang.UnsupportedOperationException": (UnsupportedOperationException,),
        "java.io.CharConversionException": (CharConversionException,),
        "java.io.EOFException": (EOFError,),
        "java.io.FileNotFoundException": (FileNotFoundError,),
        "java.io.IOException": (OSError,),
        "java.io.UnsupportedEncodingException": (UnsupportedEncodingException,),
        "java.net.MalformedURLException": (MalformedURLException,),
        "java.net.SocketTimeoutException": (TimeoutError,),
        "java.util.NoSuchElementException": (LookupError, StopIteration),
        "java.util.concurrent.TimeoutException": (TimeoutError,),
    }
)


TOMCAT_FILTERS = "org.apache.catalina.filters"
TOMCAT_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        **{f"{TOMCAT_FILTERS}.{name}": f"container.filters.{module}" for name, module in FILTERS.items()},
        "org.apache.catalina.servlets.DefaultServlet": "container.engine.default_servlet",
        "org.apache.jasper.servlet.JspServlet": "container.views",
    }
)
"""Tomcat's class -> the module that has one of the same name."""


def java_class(name: str) -> type | None:
    """Return the class that a Java name of the platform means; None if it is not one."""
    if match := JAKARTA_NAME.fullmatch(name):
        found = getattr(container.servlet, match[1], None)
        return found if isinstance(found, type) else None
    if module := TOMCAT_CLASSES.get(name):
        counterpart: type = getattr(import_module(module), name.rpartition(".")[2])
        return counterpart
    return JAVA_EXCEPTIONS[name][0] if name in JAVA_EXCEPTIONS else None


def java_exception(name: str) -> tuple[type[BaseException], ...] | None:
    """Return the classes that one of Java's exception types means; None if name is not Java's."""
    if name in JAVA_EXCEPTIONS:
        return JAVA_EXCEPTIONS[name]
    found = java_class(name)
    return (found,) if found and issubclass(found, BaseException) else None


def exception_lineage(raised: type[BaseException]) -> tuple[type, ...]:
    """Return what an error page may be declared for: the bases, nearest first, and RuntimeException."""
    lineage = list(raised.__mro__)
    if issubclass(raised, RuntimeException):
        lineage.insert(lineage.index(Exception), RuntimeException)
    return tuple(lineage)
