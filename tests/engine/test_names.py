"""Java's names in a descriptor (rulebook §3.25)."""

import pytest

from container.engine.names import RuntimeException, exception_lineage, java_class, java_exception
from container.servlet.exceptions import IllegalStateException, ServletException, UnavailableException


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("java.lang.Throwable", (BaseException,)),
        ("java.lang.Exception", (Exception,)),
        ("java.io.IOException", (OSError,)),
        ("java.io.FileNotFoundException", (FileNotFoundError,)),
        ("java.lang.IllegalStateException", (IllegalStateException,)),
        ("shop.OutOfStock", None),
        ("java.lang.NoSuchThing", None),
    ],
)
def test_java_exceptions(name: str, found: tuple[type, ...] | None) -> None:
    assert java_exception(name) == found


def test_what_java_keeps_apart_and_python_does_not() -> None:
    assert TypeError in java_exception("java.lang.NullPointerException")
    assert ValueError in java_exception("java.lang.NumberFormatException")


@pytest.mark.parametrize("package", ["jakarta", "javax"])
def test_platform_names(package: str) -> None:
    assert java_exception(f"{package}.servlet.UnavailableException") == (UnavailableException,)
    assert java_class(f"{package}.servlet.http.HttpServlet").__name__ == "HttpServlet"
    assert java_exception(f"{package}.servlet.http.HttpServlet") is None
    assert java_class(f"{package}.servlet.Nonsense") is None


def test_runtime_exceptions_are_all_but_two_kinds() -> None:
    assert issubclass(ValueError, RuntimeException)
    assert not issubclass(UnavailableException, RuntimeException)
    assert not issubclass(FileNotFoundError, RuntimeException)
    assert not issubclass(KeyboardInterrupt, RuntimeException)


def test_lineage_is_nearest_first() -> None:
    assert exception_lineage(KeyError) == (
        KeyError, LookupError, RuntimeException, Exception, BaseException, object,
    )  # fmt: skip
    assert exception_lineage(ServletException) == (ServletException, Exception, BaseException, object)
