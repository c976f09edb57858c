"""Isolation, names and the end of a web app's modules (RT-CTX-17, RT-CTX-19)."""

import gc
import importlib
import inspect
import logging
import os
import pickle
import re
import sys
import threading
import traceback
import typing
import weakref
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from webtest import TestApp

from container.engine.loader import ClassNotFound, Loader
from container.errors import DeploymentError
from container.server import make_application

Files = dict[str, str]
MakeLoader = Callable[..., Loader]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeLoader]:
    """A factory: files below WEB-INF (keys) become a web app of that name, and its loader."""
    loaders = []

    def make_loader(files: Files, name: str = "shop", generation: int = 1) -> Loader:
        web_inf = tmp_path / name / "WEB-INF"
        for path, text in files.items():
            (web_inf / path).parent.mkdir(parents=True, exist_ok=True)
            (web_inf / path).write_text(text)
        libs = sorted((web_inf / "lib").iterdir()) if (web_inf / "lib").is_dir() else []
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        loaders.append(Loader(name, generation, web_inf / "classes", libs, work=work))
        return loaders[-1]

    yield make_loader
    for loader in loaders:
        loader.close()


def classes(**modules: str) -> Files:
    return {f"classes/{name}.py": text for name, text in modules.items()}


# Isolation


def test_rt_ctx_17_two_web_apps_each_have_their_models(make: MakeLoader) -> None:
    shops = [make(classes(models=f"NAME = {name!r}", page="import models"), name) for name in ("a", "b")]
    assert [shop.import_module("page").models.NAME for shop in shops] == ["a", "b"]
    assert "models" not in sys.modules


def test_rt_ctx_17_two_generations_live_side_by_side(make: MakeLoader) -> None:
    old = make(classes(models="NAME = 'old'", page="def name():\n    import models\n    return models.NAME"))
    new = make(classes(models="NAME = 'newer'"), generation=2)
    assert new.import_module("page").name() == "newer"
    assert (old.package, new.package) == ("shop__1", "shop__2")
    assert old.import_module("page") is not new.import_module("page")


@pytest.mark.parametrize(
    ("name", "package"),
    [("ROOT", "ROOT__1"), ("", "ROOT__1"), ("my-app.1", "my_app_1__1"), ("a#b", "a_b__1"), ("7up", "7up__1")],
)
def test_package_is_one_name_whatever_the_context_is_called(tmp_path: Path, name: str, package: str) -> None:
    (tmp_path / "models.py").write_text("X = __name__")
    loader = Loader(name, 1, tmp_path)
    try:
        assert f"{package}.models" == loader.import_module("models").X
    finally:
        loader.close()


def test_contexts_whose_names_look_alike_get_different_packages(make: MakeLoader) -> None:
    names = [make(classes(m=""), name).package for name in ("a#b", "a_b", "a.b")]
    assert names == ["a_b__1", "a_b_2__1", "a_b_3__1"]


def test_rt_ctx_17_classes_come_before_lib_and_lib_before_the_environment(make: MakeLoader) -> None:
    loader = make(
        {
            "classes/first.py": "WHERE = 'classes'",
            "lib/first.py": "WHERE = 'lib'",
            "lib/calendar.py": "WHERE = 'lib'",
            "classes/page.py": "import first, calendar, json",
        }
    )
    page = loader.import_module("page")
    assert (page.first.WHERE, page.calendar.WHERE) == ("classes", "lib")
    assert page.json is sys.modules["json"]


def test_a_module_named_like_one_of_python_is_the_web_apps_alone(make: MakeLoader) -> None:
    page = make(classes(queue="MINE = 1", page="import queue, concurrent.futures")).import_module("page")
    assert page.queue.MINE
    importlib.import_module("concurrent.futures.thread")  # which imports Python's own queue
    assert not hasattr(importlib.import_module("queue"), "MINE")


def test_rt_ctx_17_the_platform_is_never_replaced(make: MakeLoader) -> None:
    loader = make(
        {
            "classes/container/__init__.py": "MINE = 1",
            "classes/sys.py": "MINE = 1",
            "classes/page.py": "import container.errors, sys",
        }
    )
    page = loader.import_module("page")
    assert page.container is sys.modules["container"]
    assert page.sys is sys
    with pytest.raises(ClassNotFound, match=r"the platform's"):
        loader.load_class("container.Hello")


def test_a_folder_without_init_does_not_hide_an_installed_module(make: MakeLoader) -> None:
    loader = make(
        {"classes/jinja2/readme.txt": "", "classes/page.py": "import jinja2\nX = jinja2.Environment"}
    )
    assert loader.import_module("page").X is importlib.import_module("jinja2").Environment


# Every form of import


@pytest.fixture
def package(make: MakeLoader) -> Callable[[str], ModuleType]:
    """Run statements as module "page" of a web app with packages."""

    def page(statements: str) -> ModuleType:
        loader = make(
            {
                "classes/top.py": "NAME = 'top'",
                "classes/pkg/__init__.py": "from . import sub\nNAME = 'pkg'\n__all__ = ['NAME', 'lazy']",
                "classes/pkg/sub.py": "NAME = 'sub'\nfrom .. import top\nfrom .deep.leaf import NAME as LEAF",
                "classes/pkg/lazy.py": "NAME = 'lazy'",
                "classes/pkg/deep/leaf.py": "import pkg.sub as parent\nNAME = 'leaf'",  # deep has no __init__
                "classes/com/example/shop/Cart.py": "class Cart: pass",
                "classes/page.py": statements,
            }
        )
        return loader.import_module("page")

    return page


@pytest.mark.parametrize(
    ("statements", "expression", "value"),
    [
        ("import top", "top.NAME", "top"),
        ("import pkg.sub", "pkg.NAME + pkg.sub.NAME", "pkgsub"),
        ("import pkg.sub as y", "y.NAME", "sub"),
        ("import pkg.deep.leaf as y", "y.parent.LEAF", "leaf"),
        ("from pkg import sub", "sub.NAME", "sub"),
        ("from pkg import lazy as x, NAME", "x.NAME + NAME", "lazypkg"),
        ("from pkg.sub import NAME", "NAME", "sub"),
        ("from pkg import *", "lazy.NAME + NAME", "lazypkg"),
        ("from . import top", "top.NAME", "top"),
        ("from .pkg.sub import top", "top.NAME", "top"),
        ("from com.example.shop.Cart import Cart", "Cart.__module__", "shop__1.com.example.shop.Cart"),
        ("top = __import__('top')", "top.NAME", "top"),
        ("import importlib\nm = importlib.import_module('pkg.sub')", "m.NAME", "sub"),
        ("from importlib import import_module\nm = import_module('.sub', 'pkg')", "m.NAME", "sub"),
        ("import importlib\nm = importlib.import_module('.pkg.sub', __package__)", "m.NAME", "sub"),
        ("import importlib.util\nx = importlib.util.find_spec('json')", "x.name", "json"),
        ("import os.path as p, xml.etree.ElementTree", "p.sep + xml.etree.__name__", f"{os.sep}xml.etree"),
        ("exec('import top')", "top.NAME", "top"),
    ],
)
def test_forms_of_import(
    package: Callable[[str], ModuleType], statements: str, expression: str, value: str
) -> None:
    assert eval(expression, vars(package(statements))) == value


def test_circular_imports_work_as_everywhere(make: MakeLoader) -> None:
    loader = make(classes(a="import b\nX = 1\ndef f(): return b.g()", b="import a\ndef g(): return a.X"))
    assert loader.import_module("a").f() == 1


def test_a_module_is_executed_once(make: MakeLoader) -> None:
    loader = make(classes(a="import b", b="import c", c="import builtins\nruns = []\nruns.append(1)"))
    loader.import_module("a")
    assert loader.import_module("a").b.c.runs == [1]
    assert loader.import_module("c") is sys.modules["shop__1.c"]


def test_lazy_imports_from_many_threads_execute_a_module_once_and_whole(make: MakeLoader) -> None:
    threads = 8
    loader = make(
        classes(
            page="def answer():\n    import slow, left, right\n    return slow.END, left.END, right.END",
            slow="import gate\ngate.runs.append(__name__)\ngate.enter()\nEND = 1",
            left="import gate\ngate.runs.append(__name__)\nimport right\nEND = 2",
            right="import gate\ngate.runs.append(__name__)\nimport left\nEND = 3",
            gate="import threading\nruns = []\nentered = threading.Event()\ndef enter(): entered.wait(10)",
        )
    )
    page, gate = loader.import_module("page"), loader.import_module("gate")
    together = threading.Barrier(threads + 1)

    def ask() -> tuple[int, int, int]:
        together.wait(10)
        return page.answer()

    with ThreadPoolExecutor(threads) as pool:
        answers = [pool.submit(ask) for _ in range(threads)]
        together.wait(10)
        gate.entered.set()
        assert {answer.result(10) for answer in answers} == {(1, 2, 3)}
    assert sorted(gate.runs) == ["shop__1.left", "shop__1.right", "shop__1.slow"]


def test_opposite_import_orders_in_two_threads_do_not_deadlock(make: MakeLoader) -> None:
    loader = make(
        classes(
            a="import meet\nmeet.point.wait(10)\nimport b\nEND = 1",
            b="import meet\nmeet.point.wait(10)\nimport a\nEND = 1",
            meet="import threading\npoint = threading.Barrier(2)",
        )
    )
    loader.import_module("meet")
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(loader.import_module, name) for name in "ab"]
        assert [end.result(10).END for end in ends] == [1, 1]


# What Python's own modules make of the real names

TYPES = """
import dataclasses, enum, logging, typing
from collections import namedtuple
from typing import NamedTuple, Optional

class Color(enum.Enum):
    RED = 1

Point = namedtuple("Point", "x y")

class Pair(NamedTuple):
    left: "Item"
    right: Optional["Item"]

@dataclasses.dataclass(order=True)
class Item:
    name: str
    color: "Color" = Color.RED
    next: "Item | None" = None
    tags: typing.ClassVar[list[str]] = []

    class Key:
        pass

def price(item: "Item") -> "Pair": return Pair(item, None)

log = logging.getLogger(__name__)
"""


@pytest.fixture
def types(make: MakeLoader) -> SimpleNamespace:
    loader = make(
        {
            "classes/shop/__init__.py": "",
            "classes/shop/types.py": f"from __future__ import annotations\n{TYPES}",
        }
    )
    return SimpleNamespace(loader=loader, module=loader.import_module("shop.types"))


def test_dataclasses_type_hints_and_friends(types: SimpleNamespace) -> None:
    module = types.module
    assert typing.get_type_hints(module.Item)["next"] == module.Item | None
    assert typing.get_type_hints(module.price) == {"item": module.Item, "return": module.Pair}
    assert typing.get_type_hints(module.Pair)["right"] == module.Item | None
    assert module.Item("a") < module.Item("b")
    assert (
        module.Item.__module__ == module.Point.__module__ == module.Color.__module__ == "shop__1.shop.types"
    )
    assert sys.modules[module.Item.__module__] is module
    assert module.log is logging.getLogger("shop__1.shop.types")
    assert inspect.getsource(module.Color) == "class Color(enum.Enum):\n    RED = 1\n"
    assert inspect.getmodule(module.Item) is module


def test_pickle_inside_one_generation(types: SimpleNamespace) -> None:
    item = types.module.Item("a", next=types.module.Item("b"))
    assert pickle.loads(pickle.dumps(item)) == item


def test_the_next_generation_reads_the_pickles_of_the_last(make: MakeLoader, types: SimpleNamespace) -> None:
    old = types.module
    values = [
        old.Item("a", old.Color.RED, old.Item("b")),
        old.Point(1, 2),
        old.Pair(1, 2),
        old.Item.Key,
        old.price,
    ]
    data = types.loader.dumps({"values": values, "n": 1})
    assert b"shop__1" not in data
    new_loader = make({}, generation=2)
    new = new_loader.import_module("shop.types")
    types.loader.close()
    read = new_loader.loads(data)
    assert read["values"] == [
        new.Item("a", new.Color.RED, new.Item("b")),
        (1, 2),
        (1, 2),
        new.Item.Key,
        new.price,
    ]
    assert [type(value) for value in read["values"][:3]] == [new.Item, new.Point, new.Pair]


def test_pickles_name_each_class_once(types: SimpleNamespace) -> None:
    ten = types.loader.dumps([types.module.Item(str(n)) for n in range(10)])
    assert ten.count(b"Item") == 1


def test_a_pickle_with_plain_names_finds_the_web_apps_classes(make: MakeLoader) -> None:
    loader = make(classes(models="class Cart: pass"))
    assert loader.loads(b"cmodels\nCart\n.") is loader.load_class("models.Cart")


def test_each_web_app_reads_a_pickle_with_its_own_class(make: MakeLoader) -> None:
    a, b = (make(classes(models="class Cart: pass"), name) for name in "ab")
    data = a.dumps(a.load_class("models.Cart")())
    assert type(b.loads(data)) is b.load_class("models.Cart")


# Names of classes

SHOP = {
    "classes/hello.py": "class Hello:\n    class Inner:\n        class Leaf: pass\nvalue = 1",
    "classes/com/example/web.py": "class Cart: pass",
    "classes/com/example/Checkout.py": "class Checkout:\n    class Form: pass",
    "classes/Alone.py": "class Alone: pass",
}


@pytest.mark.parametrize(
    ("name", "module", "qualname"),
    [
        ("hello.Hello", "shop__1.hello", "Hello"),
        ("hello:Hello", "shop__1.hello", "Hello"),
        ("hello.Hello$Inner", "shop__1.hello", "Hello.Inner"),
        ("hello.Hello$Inner$Leaf", "shop__1.hello", "Hello.Inner.Leaf"),
        ("hello:Hello.Inner", "shop__1.hello", "Hello.Inner"),
        ("com.example.web.Cart", "shop__1.com.example.web", "Cart"),
        ("com.example.Checkout", "shop__1.com.example.Checkout", "Checkout"),
        ("com.example.Checkout.Checkout", "shop__1.com.example.Checkout", "Checkout"),
        ("com.example.Checkout$Form", "shop__1.com.example.Checkout", "Checkout.Form"),
        ("Alone", "shop__1.Alone", "Alone"),
        ("builtins.ValueError", "builtins", "ValueError"),
        ("ValueError", "builtins", "ValueError"),
        ("decimal.Decimal", "decimal", "Decimal"),
        ("container.errors.Source", "container.errors", "Source"),
        ("java.io.IOException", "builtins", "OSError"),
    ],
)
def test_class_names(make: MakeLoader, name: str, module: str, qualname: str) -> None:
    found = make(SHOP).loadClass(name)
    assert (found.__module__, found.__qualname__) == (module, qualname)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hello.Helo", ["module hello has no Helo", "no module hello.Helo", 'Did you mean "hello.Hello"?']),
        ("helo.Hello", ["no module helo", 'Did you mean "hello.Hello"?']),
        ("com.example.Cart", ["com.example has no Cart", 'Did you mean "com.example.web.Cart"?']),
        ("hello.value", ["value of module hello is no class but of type int", "Write the class there"]),
        ("decimal.Decimale", ["module decimal has no Decimale", 'Did you mean "decimal.Decimal"?']),
        ("wholly.unlike.anything", ["no module wholly.unlike", "WEB-INF/classes", "environment"]),
        ("hello/Hello", ["not how a class is named"]),
        ("", ["not how a class is named"]),
        ("hello..Hello", ["not how a class is named"]),
        ("hello:", ["not how a class is named"]),
        (".hello", ["not how a class is named"]),
    ],
)
def test_class_not_found_says_what_was_tried_and_the_nearest_name(
    make: MakeLoader, name: str, words: list[str]
) -> None:
    with pytest.raises(ClassNotFound) as caught:
        make(SHOP).load_class(name)
    assert caught.value.name == name
    assert [word for word in words if word not in str(caught.value)] == []


def test_class_not_found_because_it_is_still_java(make: MakeLoader) -> None:
    loader = make({"classes/com/example/Cart.class": ""})
    with pytest.raises(ClassNotFound, match=r"Cart\.class is Java: write the class in Python, in .*Cart\.py"):
        loader.load_class("com.example.Cart")


# What goes wrong inside a module


def test_an_error_in_a_module_keeps_its_traceback_and_names_the_class(make: MakeLoader) -> None:
    loader = make(classes(page="import models\nclass Page: pass", models="\nx = 1 / 0"))
    with pytest.raises(ZeroDivisionError) as caught:
        loader.load_class("page.Page")
    assert caught.value.__notes__ == ['This happened while the class "page.Page" was loaded.']
    frames = [Path(frame.filename).name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-2:] == ["page.py", "models.py"]  # without the import system's
    assert traceback.extract_tb(caught.value.__traceback__)[-1].line == "x = 1 / 0"


def test_a_syntax_error_says_where(make: MakeLoader) -> None:
    loader = make(classes(page="\nclass Page\n"))
    with pytest.raises(SyntaxError) as caught:
        loader.load_class("page.Page")
    assert caught.value.filename.endswith("classes/page.py")
    assert caught.value.lineno == 2


def test_a_missing_import_inside_a_module_is_not_taken_for_a_missing_class(make: MakeLoader) -> None:
    loader = make(classes(page="import nowhere\nclass Page: pass"))
    with pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"):
        loader.load_class("page.Page")


def test_a_failed_import_can_be_tried_again(make: MakeLoader, tmp_path: Path) -> None:
    loader = make(classes(page="import later\nclass Page: pass"))
    with pytest.raises(ModuleNotFoundError):
        loader.load_class("page.Page")
    (tmp_path / "shop/WEB-INF/classes/later.py").write_text("")
    importlib.invalidate_caches()
    os.utime(tmp_path / "shop/WEB-INF/classes", (1, 1))  # else the folder may look unchanged
    assert loader.load_class("page.Page")


def test_a_library_that_imports_by_string_gets_an_explanation(make: MakeLoader) -> None:
    loader = make(classes(models="", page="import pkgutil\npkgutil.resolve_name('models:X')"))
    with pytest.raises(ModuleNotFoundError) as caught:
        loader.load_class("page.Page")
    assert any("models is a module of the web app shop" in note for note in caught.value.__notes__)


def test_a_c_extension_belongs_to_the_environment(make: MakeLoader) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    loader = make({f"lib/fast/_speed{suffix}": "", "lib/fast/__init__.py": "from . import _speed"})
    with pytest.raises(ImportError, match=r"C extension.*Install it into the environment"):
        loader.load_class("fast.Thing")


# WEB-INF/lib


def wheel(path: Path, files: Files) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def test_wheels_are_unpacked_and_removed(make: MakeLoader, tmp_path: Path) -> None:
    lib = tmp_path / "shop/WEB-INF/lib"
    wheel(
        lib / "tags-1.0-py3-none-any.whl",
        {
            "tags/__init__.py": "import tags.core as core\nclass Tag: pass",
            "tags/core.py": "",
            "META-INF/resources/tags.css": "",
            "tags-1.0.data/purelib/extra.py": "class Extra: pass",
        },
    )
    loader = make({"lib/plain/__init__.py": "class Plain: pass", "lib/single.py": "class Single: pass"})
    for name in ("tags.Tag", "extra.Extra", "plain.Plain", "single.Single"):
        assert loader.load_class(name)
    (resources,) = loader.resource_roots
    assert (resources / "tags.css").exists()
    assert loader.libraries[lib / "tags-1.0-py3-none-any.whl"] == resources.parent.parent
    loader.close()
    assert not resources.exists()
    assert list((tmp_path / "work").iterdir()) == []


def test_an_unpacked_library_is_a_root_of_its_own(make: MakeLoader, tmp_path: Path) -> None:
    loader = make(
        {"lib/tags/META-INF/resources/x.css": "", "lib/tags/inner.py": "class X: pass", "lib/readme.txt": ""}
    )
    assert loader.load_class("inner.X")
    assert loader.resource_roots == (tmp_path / "shop/WEB-INF/lib/tags/META-INF/resources",)


def test_an_archive_that_cannot_be_unpacked(make: MakeLoader, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"bad\.whl: cannot be unpacked: .*Build or download it again"):
        make({"lib/bad.whl": "this is no zip"})
    assert list((tmp_path / "work").iterdir()) == []


def test_a_web_app_without_classes(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "missing"):
        loader = Loader("empty", 1, folder)
        assert loader.load_class("decimal.Decimal")
        with pytest.raises(ClassNotFound):
            loader.load_class("models.X")
        loader.close()


# Files and bytecode


def test_loaded_files(make: MakeLoader, tmp_path: Path) -> None:
    loader = make(classes(page="import models, json", models="", unused=""))
    loader.import_module("page")
    folder = tmp_path / "shop/WEB-INF/classes"
    assert loader.loaded_files() == {folder / "page.py", folder / "models.py"}


def test_a_change_within_the_same_second_is_noticed(make: MakeLoader) -> None:
    values = []
    for generation in range(1, 4):
        loader = make(classes(models=f"VALUE = {generation}"), generation=generation)
        values.append(loader.import_module("models").VALUE)
    assert values == [1, 2, 3]


def test_old_files_leave_bytecode_that_serves_any_name(
    make: MakeLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    first = make(classes(models="def name(): return __name__"))
    file = tmp_path / "shop/WEB-INF/classes/models.py"
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert first.import_module("models").name() == "shop__1.models"
    (bytecode,) = file.parent.glob("__pycache__/models.*.pyc")
    written = bytecode.stat().st_mtime_ns
    second = make({}, generation=2)
    assert second.import_module("models").name() == "shop__2.models"
    assert bytecode.stat().st_mtime_ns == written


# The end


def test_a_stopped_web_app_leaves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Through the whole engine: a session, a page, an error and a reload keep no class of a generation."""
    caplog.set_level(logging.CRITICAL, "container.engine")  # pytest keeps what is logged, with the traceback
    web_inf = tmp_path / "shop/WEB-INF"
    (web_inf / "classes").mkdir(parents=True)
    (web_inf / "web.xml").write_text(
        "<web-app><listener><listener-class>web.Listener</listener-class></listener>"
        "<filter><filter-name>f</filter-name><filter-class>web.Pass</filter-class></filter>"
        "<filter-mapping><filter-name>f</filter-name><url-pattern>/*</url-pattern></filter-mapping>"
        "<servlet><servlet-name>s</servlet-name><servlet-class>web.Shop</servlet-class></servlet>"
        "<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/x/*</url-pattern>"
        "</servlet-mapping>"
        "<error-page><exception-type>web.Sold</exception-type><location>/page.jinja</location></error-page>"
        "</web-app>"
    )
    (tmp_path / "shop/page.jinja").write_text("{{ item.name }}")
    (web_inf / "classes/web.py").write_text(
        "import dataclasses\nfrom container.servlet import *\n"
        "@dataclasses.dataclass\nclass Item:\n    name: str\n    next: 'Item | None' = None\n"
        "class Listener(ServletContextListener): pass\n"
        "class Pass(Filter):\n    def doFilter(self, q, s, chain): chain.doFilter(q, s)\n"
        "class Sold(Exception): pass\n"
        "class Shop(HttpServlet):\n"
        "    def doGet(self, q, s):\n"
        "        q.getSession().setAttribute('item', Item('a'))\n"
        "        assert self.getServletContext().getClassLoader().loadClass('web.Item') is Item\n"
        "        q.setAttribute('item', Item('b'))\n"
        "        if q.getPathInfo() == '/sold': raise Sold\n"
        "        q.getRequestDispatcher('/page.jinja').forward(q, s)\n"
    )
    container = make_application(tmp_path)
    kept = []
    for _ in range(2):
        app = TestApp(container)
        assert app.get("/shop/x").text == "b"
        assert app.get("/shop/x/sold", status=500).text == "b"
        context = container.contexts["/shop"]
        module = context.loader.import_module("web")
        kept.append(weakref.ref(context))
        names = ("Item", "Listener", "Pass", "Sold", "Shop")
        kept += [weakref.ref(getattr(module, name)) for name in names]
        container.reload(context)
        del app, context, module
    container.stop()
    gc.collect()
    assert [ref() for ref in kept] == [None] * 12
    assert not [name for name in sys.modules if name.startswith("shop__")]


def test_after_close_everything_can_be_collected(make: MakeLoader) -> None:
    loader = make(
        {**classes(page="import shop.types as t\nimport importlib"), "classes/shop/types.py": TYPES}
    )
    page = loader.import_module("page")
    typing.get_type_hints(page.t.Item)
    typing.Optional[page.t.Item]  # noqa: UP045  (typing keeps what it was given)
    loader.dumps(page.t.Item("a"))
    kept = [weakref.ref(thing) for thing in (page, page.t, page.t.Item, page.t.price, page.t.Color)]
    del page
    loader.close()
    gc.collect()
    assert [ref() for ref in kept] == [None] * len(kept)
    assert not [name for name in sys.modules if name.startswith("shop__1")]


def test_a_closed_loader_can_be_collected(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text("class X: pass")
    loader = Loader("shop", 1, tmp_path)
    loader.load_class("models.X")
    ref = weakref.ref(loader)
    loader.close()
    del loader
    gc.collect()
    assert ref() is None


def test_code_that_outlives_its_web_app_is_told_so(make: MakeLoader) -> None:
    page = make(classes(models="", page="def f(name): return __import__(name)")).import_module("page")
    sys.modules[page.__package__].__loader__.close()
    with pytest.raises(ModuleNotFoundError) as caught:
        page.f("models")
    assert caught.value.__notes__ == ["The web app shop has been stopped, its modules are gone."]
    assert page.f("json") is sys.modules["json"]


def test_closing_one_leaves_the_other(make: MakeLoader) -> None:
    a, b = (make(classes(models="X = 1"), name) for name in ("a", "b"))
    a.import_module("models")
    a.close()
    assert b.import_module("models").X == 1


@pytest.mark.parametrize("closed", ["WEB-INF", "WEB-INF/classes", "WEB-INF/lib"])
def test_a_folder_that_may_not_be_read_keeps_only_its_own_web_app_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    for name in ("bad", "good"):
        for folder in ("classes", "lib"):
            (tmp_path / name / "WEB-INF" / folder).mkdir(parents=True)
    forbidden, stat = str(tmp_path / "bad" / closed), os.stat

    def guarded(call: Callable[..., object]) -> Callable[..., object]:  # who is root may read everything
        def guard(path: object = ".", *args: object, **more: object) -> object:
            inside = isinstance(path, str | os.PathLike) and f"{os.fspath(path)}/".startswith(f"{forbidden}/")
            if inside and (call is not stat or os.fspath(path) != forbidden):
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return call(path, *args, **more)

        return guard

    with monkeypatch.context() as patch:
        for call in (os.stat, os.scandir, os.listdir):
            patch.setattr(os, call.__name__, guarded(call))
        patch.setattr("io.open", guarded(open))
        app = make_application(webapps=tmp_path)
    problems = [str(problem) for problem in app.contexts["/bad"].problems]
    app.stop()
    where = "bad/WEB-INF/web.xml" if closed == "WEB-INF" else f"bad/{closed}"
    assert problems == [f"{where}: cannot be read: Permission denied. Check its permissions. [WAS134]"]
    assert app.contexts["/good"].problems == []


@pytest.mark.parametrize("attributes", ["", ' metadata-complete="true"'])
@pytest.mark.parametrize(
    ("class_name", "said"),
    [
        ("shop.Crat", 'there is no class "shop.Crat": module shop has no Crat; .* Did you mean "shop.Cart"?'),
        (
            "broken.Cart",
            "cannot be loaded: ModuleNotFoundError: No module named 'no_such'. Requests to it fail",
        ),
    ],
)
def test_a_servlet_whose_class_cannot_be_loaded_is_told_of_at_the_start(
    tmp_path: Path, class_name: str, said: str, attributes: str
) -> None:
    web_inf = tmp_path / "shop" / "WEB-INF"
    (web_inf / "classes").mkdir(parents=True)
    (web_inf / "classes" / "shop.py").write_text("class Cart: ...")
    (web_inf / "classes" / "broken.py").write_text("import no_such")
    (web_inf / "web.xml").write_text(
        '<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"'
        f"{attributes}>\n<servlet><servlet-name>s</servlet-name><servlet-class>{class_name}</servlet-class></servlet>\n"
        "<servlet-mapping><servlet-name>s</servlet-name><url-pattern>/s</url-pattern></servlet-mapping>\n"
        "</web-app>"
    )
    app = make_application(webapps=tmp_path)
    (problem,) = app.contexts["/shop"].problems
    assert TestApp(app).get("/shop/s", status=500)
    app.stop()
    assert problem.severity == "warning"
    assert str(problem.source) == "shop/WEB-INF/web.xml:2:1"
    assert re.search(rf"^servlet s:? {said}", f"{problem.message}. {problem.cure}")


def test_a_war_is_not_passed_over_in_silence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "unpacked").mkdir()
    for name in ("shop.war", "unpacked.war"):
        (tmp_path / name).touch()
    app = make_application(webapps=tmp_path)
    app.stop()
    (message,) = [message for message in caplog.messages if ".war" in message]
    assert message.startswith(
        f"{tmp_path / 'shop.war'}: warning: is not served: a web app is a folder here. `was migrate"
    )


@pytest.mark.parametrize("name", ["shop##2", "shop#", "#shop"])
def test_a_folder_whose_path_no_request_has_is_told_of(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    app = make_application(webapps=tmp_path)
    (problem,) = next(iter(app.contexts.values())).problems
    app.stop()
    assert str(problem).startswith(f"{name}: warning: its context path is ")
    assert "Rename the folder" in problem.cure


def test_the_traceback_of_a_module_begins_in_the_web_app(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = tmp_path / "shop" / "WEB-INF" / "classes" / "shop.py"
    code.parent.mkdir(parents=True)
    code.write_text(
        "from container.servlet import WebServlet\nimport no_such\n\n@WebServlet('/s')\nclass S: ..."
    )
    make_application(webapps=tmp_path).stop()
    (record,) = [each for each in caplog.records if each.exc_info]
    assert record.exc_info is not None
    assert [frame.filename for frame in traceback.extract_tb(record.exc_info[2])] == [str(code)]
