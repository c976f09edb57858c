"""Make the pictures of the documents: `python docs/pictures/make.py`, with Chromium and a Korean font.

It starts `was run --xray --containers 2` with the web apps of this repository, asks for a few pages, and
takes the pictures of the X-ray beside this file; then `was lab`, with idle connections.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
LIMIT_S = 60.0
PICTURES = {  # name: the request it shows, width, height, colours, language
    "xray-journey": ("/guestbook/?picture=journey", 1200, 800, "light", "en-US"),
    "xray-error": ("/guestbook/nothing", 1200, 800, "dark", "en-US"),
    "xray-korean": ("/guestbook/?picture=journey", 400, 900, "light", "ko-KR"),
}


def start() -> tuple[subprocess.Popen[str], str, str]:
    """The process, the address of the web apps, and that of the X-ray."""
    flags = ["--port", "0", "--xray", "--containers", "2", "--access-log", "off"]
    command = [sys.executable, "-m", "container", "run", *flags]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if ready := re.search(r"Ready after .* on (http://\S+)/\.", line):
            page = re.search(r"X-ray of each request: (\S+)", said)
            assert page is not None
            return process, ready[1], page[1]
    raise SystemExit(said)


def ask(url: str) -> None:
    try:
        urllib.request.urlopen(url, timeout=LIMIT_S).close()
    except urllib.error.HTTPError as answer:
        answer.close()


def take(browser: Browser, page_url: str, name: str) -> None:
    target, width, height, colours, language = PICTURES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=colours, locale=language
    )
    page = context.new_page()
    page.goto(page_url)
    page.locator("#rows tr", has_text=target).first.click()
    page.wait_for_selector(".steps")
    page.wait_for_selector(".lane.container")
    if width < 1000:
        page.locator(".detail").evaluate("element => element.scrollIntoView()")
    page.mouse.move(0, 0)
    page.screenshot(path=HERE / f"{name}.png")
    context.close()


def take_lab(browser: Browser) -> None:
    """The lab with 200 idle connections, as soon as somebody has waited for a while."""
    command = [sys.executable, "-m", "container", "lab", "--duration", "300"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        page_url = process.stdout.readline().split()[-1]
        page = browser.new_page(viewport={"width": 1200, "height": 820}, locale="en-US")
        page.goto(page_url)
        page.wait_for_selector(".model")
        time.sleep(15.0)  # for the charts
        page.get_by_role("button", name="Idle connections", exact=True).click()
        page.locator("#seen li.bad", has_text="None is free").nth(1).wait_for()
        time.sleep(2.0)
        page.mouse.move(0, 0)
        page.screenshot(path=HERE / "lab.png")
        page.close()
    finally:
        process.terminate()
        process.communicate()


def main() -> None:
    process, url, page_url = start()
    try:
        for path in ("/guestbook/", "/guestbook/", "/guestbook/entries", "/", "/nothing"):  # make instances
            ask(url + path)
        for target in dict.fromkeys(picture[0] for picture in PICTURES.values()):
            ask(url + target)
            ask(url + target)  # by now both containers have answered it once
        time.sleep(1.0)  # until the containers have sent their records
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(ARGUMENTS)
            )
            for name in PICTURES:
                take(chromium, page_url, name)
            take_lab(chromium)
            chromium.close()
    finally:
        process.terminate()
        process.communicate()


if __name__ == "__main__":
    main()
