"""The X-ray's page in a real browser: live, in two languages, light and dark, small and large."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from contrast import CONTRAST
from playwright.sync_api import Browser, Page, Request, Route, expect

pytestmark = [pytest.mark.socket, pytest.mark.program("chromium")]
LIMIT_S = 180.0

WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <filter><filter-name>log</filter-name><filter-class>app.Log</filter-class></filter>
  <filter-mapping><filter-name>log</filter-name><url-pattern>/main/*</url-pattern></filter-mapping>
  <servlet><servlet-name>main</servlet-name><servlet-class>app.Main</servlet-class></servlet>
  <servlet-mapping><servlet-name>main</servlet-name><url-pattern>/main/*</url-pattern></servlet-mapping>
</web-app>
"""
APP = """
from container.servlet import Filter, HttpServlet

class Log(Filter):
    def doFilter(self, request, response, chain):
        chain.doFilter(request, response)

class Main(HttpServlet):
    def doGet(self, request, response):
        if request.getPathInfo() == "/raise":
            raise KeyError("<script>")
        response.getWriter().write("hello")
"""


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a page; nothing may stand in its console at the end."""
    contexts, said = [], []

    def failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # by a page that asks now and then, and is left
            said.append(request.url)

    def open_page(url: str, width: int = 1400, scheme: str = "light", locale: str = "en-US") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LIMIT_S * 1000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("requestfailed", failed)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def server(was_run, web_app) -> Iterator:
    web_app(code=APP, web_xml=WEB_XML)
    running = was_run("--xray")
    running.page = "".join(running.said).partition("X-ray of each request: ")[2].partition("\n")[0]
    yield running
    assert running.stop() == 0


def ask(server, path: str) -> None:
    try:
        urllib.request.urlopen(server.url + path, timeout=LIMIT_S).close()
    except urllib.error.HTTPError as error:
        error.close()


def test_requests_appear_while_one_looks_and_one_is_shown(server, open_page):
    page = open_page(server.page)
    expect(page.locator("#empty")).to_be_visible()
    ask(server, "/main/first")
    row = page.locator("#rows tr", has_text="/main/first")
    expect(row).to_be_visible()
    expect(row.locator(".status")).to_have_text("200")
    row.click()
    expect(page.locator(".lane .name")).to_have_count(3)
    expect(page.locator(".story")).to_contain_text("The pattern /main/* mapped it to the servlet main.")
    decided = page.locator(".decision")
    expect(decided.filter(has_text="Filter log").locator("code")).to_contain_text("<url-pattern>/main/*")
    expect(decided.filter(has_text="Mapped to main").locator(".where")).to_have_text(
        "ROOT/WEB-INF/web.xml:5:53"
    )
    expect(page.locator(".steps tr.container", has_text="Servlet main").locator(".number").last).to_have_text(
        re.compile(r"^[\d,]+\.\d$")
    )


def test_a_bar_shows_its_step(server, open_page):
    ask(server, "/main/x")
    page = open_page(server.page)
    page.locator("#rows tr").first.click()
    page.locator(".lane.container .span", has_text="Filter log").click()
    expect(page.locator(".steps tr.chosen")).to_contain_text("Filter log")
    page.get_by_role("button", name="In proportion to time").click()
    expect(page.locator(".ticks span")).to_have_count(5)
    expect(page.locator(".span.chosen")).to_have_count(1)


def test_what_the_container_says_after_the_end_of_the_answer_is_shown(server, open_page):
    ask(server, "/main/x")
    page = open_page(f"{server.page}#%")  # which is no id
    expect(page.locator("#rows tr")).to_have_count(1)

    def before(route: Route) -> None:  # as if the container were another process, which sends its part later
        record = route.fetch().json()
        spans = [span for span in record["spans"] if span["lane"] != "container"]
        route.fulfill(json={**record, "spans": spans})

    page.route("**/xray/requests/*.json", before, times=1)
    page.locator("#rows tr").first.click()
    expect(page.locator(".lane.front")).to_be_visible()
    expect(page.locator(".lane.container")).to_be_visible()


def test_what_a_client_sends_is_only_text(server, open_page):
    ask(server, "/main/<img/src=x/onerror=alert(1)>")
    page = open_page(server.page)
    page.locator("#rows tr").first.click()
    expect(page.locator(".detail .status")).to_have_text("400")
    expect(page.locator(".detail h1")).to_contain_text("<img")
    expect(page.locator("img")).to_have_count(0)


def test_what_failed_can_be_seen(server, open_page):
    ask(server, "/main/raise")
    page = open_page(server.page)
    page.locator("#rows tr").first.click()
    expect(page.locator(".detail .status")).to_have_text("500")
    expect(page.locator(".lane.container .span.failed").first).to_be_visible()
    expect(page.locator(".story")).to_contain_text("KeyError was raised.")


def test_filter_and_pause(server, open_page):
    ask(server, "/main/one")
    ask(server, "/main/two")
    page = open_page(server.page)
    expect(page.locator("#rows tr")).to_have_count(2)
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("searchbox").fill("TWO")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("button", name="Pause").click()
    ask(server, "/main/two-more")
    expect(page.locator("#rows tr")).to_have_count(2)


def test_korean_by_the_browser_and_by_the_switch(server, open_page):
    ask(server, "/main/x")
    page = open_page(server.page, locale="ko-KR")
    expect(page.locator("h2").first).to_have_text("요청")
    page.locator("#rows tr").first.click()
    expect(page.locator(".lane.front .name")).to_contain_text("프런트")
    page.get_by_role("link", name="English").click()
    expect(page.locator("h2").first).to_have_text("Requests")
    expect(page.locator(".lane.front .name")).to_contain_text("Front")  # the request that was shown still is


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read(server, open_page, width, scheme):
    ask(server, "/main/a-rather-long-path-without-any-place-to-break-it/" + "x" * 60)
    page = open_page(server.page, width, scheme)
    page.locator("#rows tr").first.click()
    expect(page.locator(".lanes")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    too_faint = page.evaluate(CONTRAST)
    assert too_faint == []


def test_when_the_server_has_gone_the_page_says_so(was_run, web_app, browser):
    web_app(code=APP, web_xml=WEB_XML)
    running = was_run("--xray")
    context = browser.new_context(locale="en-US")
    page = context.new_page()  # not open_page: the browser does say that it cannot reach the server
    page.goto("".join(running.said).partition("X-ray of each request: ")[2].partition("\n")[0])
    expect(page.locator("#empty")).to_be_visible()
    running.stop()
    expect(page.locator("#offline")).to_be_visible()
    context.close()
