"""Java's names in a descriptor (rulebook §3.25)."""

import subprocess
import sys
from pathlib import Path

import pytest

import container.filters
from container.engine.loader import ClassNotFound, Loader
from container.engine.names import (
    TOMCAT_CLASSES,
    RuntimeException,
    exception_lineage,
    java_class,
    java_exception,
)
from container.servlet import HttpFilter
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


@pytest.mark.parametrize("name", sorted(TOMCAT_CLASSES))
def test_tomcats_own_classes_have_counterparts(name: str) -> None:
    found = java_class(name)
    assert found is not None
    assert found.__name__ == name.rpartition(".")[2]
    if ".filters." in name:
        assert getattr(container.filters, found.__name__) is found
        assert issubclass(found, HttpFilter)


def test_a_class_of_tomcats_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ClassNotFound, match=r"a class of Tomcat's; of these there are here: AddDefault.*Cors"
    ):
        Loader("app", 1, tmp_path, (), work=tmp_path).load_class(
            "org.apache.catalina.filters.WebdavFixFilter"
        )


def test_filters_are_loaded_when_a_descriptor_names_them() -> None:
    program = (
        "import sys, container.filters, container.engine.container; "
        "print([m for m in container.filters.FILTERS.values() if f'container.filters.{m}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
