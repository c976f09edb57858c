"""Every code block of the documentation does what it says."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pages
import pytest

PAGES = [pages.ROOT / "README.md", *sorted((pages.ROOT / "docs").glob("*.md"))]
WEB_XML = """<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.1">
  <servlet>
    <servlet-name>cart</servlet-name>
    <servlet-class>com.acme.CartServlet</servlet-class>
  </servlet>
  <servlet-mapping>
    <servlet-name>cart</servlet-name>
    <url-pattern>/cart</url-pattern>
  </servlet-mapping>
  <resource-ref>
    <res-ref-name>jdbc/shop</res-ref-name>
    <res-type>javax.sql.DataSource</res-type>
  </resource-ref>
</web-app>
"""


def given(page: str, folder: Path) -> None:
    """Put into its folder what a page takes for granted."""
    if page in USE_THE_WEB_APPS:
        shutil.copytree(pages.ROOT / "webapps", folder / "webapps")
    if page == "migrating-from-tomcat.md":
        with zipfile.ZipFile(folder / "shop.war", "w") as war:
            war.writestr("WEB-INF/web.xml", WEB_XML)
        (folder / "shop-java/src/main/java").mkdir(parents=True)


USE_THE_WEB_APPS = {
    "behind-apache.md",
    "behind-nginx.md",
    "choosing-a-process-model.md",
    "explain.md",
    "sessions.md",
    "xray.md",
}
NEEDS = {
    **dict.fromkeys(("tutorial.md", "behind-nginx.md", "sessions.md"), ("nginx", "curl")),
    "tls.md": ("openssl",),
    "migrating-from-flask.md": ("curl",),
}


def parameters() -> list[object]:
    return [
        pytest.param(page, id=page.name, marks=[pytest.mark.program(*NEEDS.get(page.name, ()))])
        for page in PAGES
    ]


@pytest.mark.socket
@pytest.mark.parametrize("path", parameters())
def test_blocks(path: Path, tmp_path: Path) -> None:
    given(path.name, tmp_path)
    with pages.Page(path, tmp_path) as page:
        for example in page.examples:
            try:
                example.evaluate()
            except AssertionError as error:
                pytest.fail(f"{path.relative_to(pages.ROOT)}:{example.line}: {error}", pytrace=False)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_of_indented_blocks_exist(path: Path) -> None:
    for line, command in pages.indented_commands(path):
        try:
            pages.check_command(command)
        except AssertionError as error:
            pytest.fail(f"{path.relative_to(pages.ROOT)}:{line}: {error}", pytrace=False)


def test_no_block_is_left_out_without_a_reason() -> None:
    """A comment before a block is all that keeps it from being run; it says why, in words."""
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        comments = text.count("<!-- not run")
        reasons = [match["reason"] for match in pages.NOT_RUN_ANYWHERE.finditer(text)]
        assert len(reasons) == comments, f"{path.name}: write <!-- not run: why --> right before the block"
        assert all(len(reason.split()) >= 3 for reason in reasons), f"{path.name}: {reasons}"


def test_pictures_fit_on_a_page_of_the_site() -> None:
    for path in PAGES:
        for block in re.findall(
            r"^```text\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        ):
            assert max(map(len, block.splitlines())) <= 88, f"{path.name}:\n{block}"


def test_pages_that_the_readme_names_are_there() -> None:
    named = set(re.findall(r"docs/([\w-]+\.md)", (pages.ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"tutorial.md", "index.md"} <= named <= {path.name for path in PAGES}
