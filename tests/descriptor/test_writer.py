"""What the writer writes, the reader reads as it was."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from container.descriptor.merge import merge
from container.descriptor.model import Servlet, WebApp
from container.descriptor.ordering import Fragment
from container.descriptor.reader import read_descriptor
from container.descriptor.writer import write
from container.errors import Source

EXAMPLE = Path(__file__).parents[2] / "web.xml.example"


def bare(value: Any) -> Any:
    """A value without the places it was read from."""
    if isinstance(value, Source):
        return None
    if isinstance(value, tuple):
        return tuple(map(bare, value))
    if is_dataclass(value):
        return {f.name: bare(getattr(value, f.name)) for f in fields(value) if f.compare}
    return value


def again(web_app: WebApp, **how: Any) -> WebApp:
    read, problems = read_descriptor(write(web_app, **how).encode(), "again.xml", fragment=web_app.fragment)
    assert [str(p) for p in problems] == []
    return read


@pytest.mark.parametrize("comments", [True, False])
def test_the_example_comes_back(comments: bool) -> None:
    web_app, _ = read_descriptor(EXAMPLE.read_bytes(), "web.xml")
    assert bare(again(web_app, comments=comments)) == bare(web_app)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<welcome-file-list/>",
        "<absolute-ordering><name>b</name><others/><name>a</name></absolute-ordering>",
        "<absolute-ordering/>",
        "<context-param><param-name>p</param-name>"
        "<param-value>a &lt;&amp;&gt; ]]&gt; '\"\n\tb&#13;c</param-value></context-param>",
        "<context-param><param-name>p</param-name><param-value/></context-param>",
        "<description xml:lang='x&quot;y'>--></description>",
        "<servlet><servlet-name>s</servlet-name><servlet-class>a.B</servlet-class><load-on-startup/></servlet>",
        "<servlet><servlet-name>s</servlet-name></servlet>",
        "<servlet-mapping><servlet-name>default</servlet-name><url-pattern></url-pattern></servlet-mapping>",
        "<session-config/>",
        "<session-config><cookie-config/></session-config>",
        "<security-constraint><web-resource-collection><web-resource-name/><url-pattern>/</url-pattern>"
        "</web-resource-collection><auth-constraint/></security-constraint>",
        "<ejb-ref><ejb-ref-name>e</ejb-ref-name><home>a.B</home></ejb-ref>"
        "<managed-executor><name>m</name><max-async>3</max-async></managed-executor>",
        "<jsp-config/>",
    ],
)  # fmt: skip
def test_any_descriptor_comes_back(read_well: Any, inside: str) -> None:
    web_app = read_well(inside)
    assert bare(again(web_app)) == bare(web_app)


def test_a_fragment_comes_back(read_well: Any) -> None:
    ordering = "<ordering><after><name>b</name></after><before><others/></before></ordering>"
    fragment = read_well(f"<name>a</name>{ordering}", fragment=True)
    assert write(fragment).splitlines()[1].startswith("<web-fragment ")
    assert bare(again(fragment)) == bare(fragment)


def test_old_descriptors_become_new_ones() -> None:
    old = (
        '<!DOCTYPE web-app PUBLIC "-//Sun Microsystems, Inc.//DTD Web Application 2.3//EN" "web-app_2_3.dtd">'
        "<web-app><taglib><taglib-uri>u</taglib-uri><taglib-location>/t</taglib-location></taglib></web-app>"
    )
    web_app, _ = read_descriptor(old.encode(), "web.xml")
    assert bare(again(web_app)) == bare(replace(web_app, version="6.1"))


def test_characters_that_no_xml_may_hold_are_replaced() -> None:
    servlet = Servlet("s\x00\ud800", Source("a--b"))
    assert again(WebApp(Source("x"), servlets=(servlet,))).servlets[0].name == "s\ufffd\ufffd"


def test_comments_say_where_each_element_comes_from() -> None:
    web_app, _ = read_descriptor(
        b'<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">\n<servlet>\n'
        b"<servlet-name>s</servlet-name><servlet-class>a.B</servlet-class></servlet></web-app>",
        "web.xml",
    )
    fragment, _ = read_descriptor(
        b'<web-fragment xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1"><servlet>\n'
        b"<servlet-name>s</servlet-name><load-on-startup>1</load-on-startup></servlet></web-fragment>",
        "lib.whl/web-fragment.xml",
        fragment=True,
    )
    nothing = WebApp(Source("classes"))
    annotated = WebApp(
        Source("classes"), servlets=(Servlet("s", Source("a.py", 7, 1), async_supported=True),)
    )
    merged, _ = merge(web_app, annotated, [Fragment("lib.whl", fragment, nothing)])
    said = dict(re.findall(r"<([a-z-]+)[^<]*(?:</[a-z-]+>)?  <!-- (.*) -->", write(merged)))
    assert said == {
        "web-app": "web.xml:1",
        "servlet": "web.xml:2",
        "load-on-startup": "lib.whl/web-fragment.xml:1",
        "async-supported": "a.py:7",
    }
    assert "<!--" not in write(merged, comments=False)
