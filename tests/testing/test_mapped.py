"""client.assert_mapped and client.explain."""

from __future__ import annotations

from typing import Any

import pytest

from container.servlet import Filter, HttpServlet, WebServlet
from container.testing import Client, Deploy

XML = """
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <filter><filter-name>auth</filter-name><filter-class>Pass</filter-class></filter>
  <filter><filter-name>log</filter-name><filter-class>Pass</filter-class></filter>
  <filter-mapping><filter-name>log</filter-name><servlet-name>cart</servlet-name></filter-mapping>
  <filter-mapping><filter-name>auth</filter-name><url-pattern>*.do</url-pattern></filter-mapping>
  <filter-mapping>
    <filter-name>log</filter-name><url-pattern>/cart.do</url-pattern><dispatcher>FORWARD</dispatcher>
  </filter-mapping>
  <servlet><servlet-name>cart</servlet-name><servlet-class>Cart</servlet-class></servlet>
  <servlet-mapping><servlet-name>cart</servlet-name><url-pattern>*.do</url-pattern></servlet-mapping>
  <servlet-mapping><servlet-name>cart</servlet-name><url-pattern>/carts/*</url-pattern></servlet-mapping>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>admin</web-resource-name><url-pattern>/carts/*</url-pattern>
      <http-method>POST</http-method>
    </web-resource-collection>
    <auth-constraint><role-name>admin</role-name></auth-constraint>
    <user-data-constraint><transport-guarantee>CONFIDENTIAL</transport-guarantee></user-data-constraint>
  </security-constraint>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>closed</web-resource-name><url-pattern>/closed.do</url-pattern>
    </web-resource-collection>
    <auth-constraint/>
  </security-constraint>
  <security-constraint>
    <web-resource-collection>
      <web-resource-name>users</web-resource-name><url-pattern>/users.do</url-pattern>
    </web-resource-collection>
    <auth-constraint><role-name>**</role-name></auth-constraint>
  </security-constraint>
  <login-config><auth-method>BASIC</auth-method></login-config>
  <security-role><role-name>admin</role-name></security-role>
</web-app>
"""


class Cart(HttpServlet):
    def doGet(self, request: Any, response: Any) -> None:
        pytest.fail("assert_mapped calls nothing")

    def doPost(self, request: Any, response: Any) -> None:
        pytest.fail("assert_mapped calls nothing")


class Pass(Filter):
    def doFilter(self, request: Any, response: Any, chain: Any) -> None:
        pytest.fail("assert_mapped calls nothing")


@pytest.fixture
def shop(deploy: Deploy) -> Client:
    return deploy(Cart, Pass, {"a.txt": "a"}, web_xml=XML, path="/shop")


def test_what_is_so_passes(shop: Client) -> None:
    shop.assert_mapped("/cart.do?x=1", servlet="cart", filters=["auth", "log"], constraint="permitted")
    shop.assert_mapped("http://localhost/shop/cart.do", servlet="cart")
    shop.assert_mapped("/carts/7", servlet="cart", filters=["log"], path_info="/7", confidential=False)
    shop.assert_mapped("/carts/7", method="POST", constraint="roles", roles=["admin"], confidential=True)
    shop.assert_mapped("/closed.do", roles=[], constraint="precluded")
    shop.assert_mapped("/users.do", roles=["**"], constraint="authenticated")
    shop.assert_mapped("/a.txt", servlet="default", filters=[])
    shop.assert_mapped("/cart.do", dispatcher="FORWARD", servlet="cart", filters=["log"])
    shop.assert_mapped("/carts/8", dispatcher="INCLUDE", servlet="cart", filters=[], path_info="/8")


@pytest.mark.parametrize(
    ("url", "expected", "said"),
    [
        ("/cart.do", {"servlet": "carts"}, "servlet: expected 'carts', is 'cart'"),
        (
            "/cart.do",
            {"filters": ["log", "auth"]},
            r"filters: expected \['log', 'auth'\], is \['auth', 'log'\]",
        ),
        ("/carts/7", {"path_info": "/8"}, "path_info: expected '/8', is '/7'"),
        ("/cart.do", {"roles": ["admin"]}, r"roles: expected \['admin'\], is \['everybody'\]"),
        ("/closed.do", {"roles": ["admin"]}, r"roles: expected \['admin'\], is \[\]"),
        ("/closed.do", {"constraint": "permitted"}, "constraint: expected 'permitted', is 'precluded'"),
        ("/carts/7", {"method": "POST", "confidential": False}, "confidential: expected False, is True"),
        ("/%zz", {"servlet": "cart"}, "servlet: expected 'cart', is None"),
        ("/cart.do", {"dispatcher": "ERROR", "filters": ["log"]}, r"filters: expected \['log'\], is \[\]"),
    ],
)
def test_what_is_not_so_is_shown_with_the_explanation(
    shop: Client, url: str, expected: dict[str, Any], said: str
) -> None:
    with pytest.raises(AssertionError, match=rf"(?s)is not mapped as expected.*{said}.*Answer") as raised:
        shop.assert_mapped(url, **expected)
    assert url in str(raised.value).partition("\n")[0]
    assert "conftest" not in str(raised.value)


def test_the_explanation_names_the_lines_of_the_descriptor(shop: Client) -> None:
    text = shop.explain("/cart.do").to_text()
    line = 1 + XML.removeprefix("\n")[: XML.index("<servlet-mapping>")].count("\n")
    assert f"shop/WEB-INF/web.xml:{line}:" in text


def test_a_decorator_is_named_where_it_stands(deploy: Deploy) -> None:
    @WebServlet("/here")
    class Here(HttpServlet):
        pass

    client = deploy(Here)
    client.assert_mapped("/here", servlet="Here")
    assert "test_mapped.py" in client.explain("/here").to_text()
