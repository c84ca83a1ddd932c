"""``make pictures``: take the pictures of ``docs/images`` again, of a whole Airflow and the small portal."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import demo
import demo_ui
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from airflow_provider_bitrix24.testing import Bitrix24Portal

FOLDER = demo.ROOT / "docs" / "images"
CHOICES = ("headless=new", "disable-gpu", "hide-scrollbars", "disable-dev-shm-usage", "no-proxy-server")
#: no picture is wider than a page of the site shows it on a sharp screen
WIDEST = 1440
PATIENCE = 60

Found = TypeVar("Found")


def main() -> int:
    """Take all pictures and say how large they are."""
    with (
        tempfile.TemporaryDirectory() as name,
        portal() as box,
        airflow(Path(name), box) as address,
        browser() as chromium,
    ):
        screen = Screen(chromium, address)
        screen.open("/")
        run_example(screen)
        board(screen, box)
        connection_fields(screen)
        connection_form(screen)
        asset_events(screen, box)
    for path in sorted(FOLDER.glob("*.png")):
        print(f"  {path.relative_to(demo.ROOT)}  {path.stat().st_size / 1000:.0f} kB")
    return 0


class Screen:
    """A browser that looks at Airflow.

    :param chromium: the browser
    :param address: Airflow's address
    """

    def __init__(self, chromium: webdriver.Chrome, address: str) -> None:
        self.chromium = chromium
        self.address = address

    def open(self, path: str) -> None:
        """Open a page of Airflow.

        :param path: its path, or a whole address
        """
        self.chromium.get(path if "://" in path else self.address + path)

    def find(self, selector: str, text: str = "") -> WebElement:
        """Wait for an element and return it: the first that has a text.

        :param selector: CSS
        :param text: what it shows, or a part of it
        """

        def found() -> WebElement | None:
            elements = self.chromium.find_elements(By.CSS_SELECTOR, selector)
            return next((element for element in elements if text in element.text), None)

        return self.until(found)

    def until(self, condition: Callable[[], Found | None]) -> Found:
        """Wait until a condition holds, and return its value.

        :param condition: what to look for
        """
        waiting = WebDriverWait(self.chromium, PATIENCE, ignored_exceptions=[StaleElementReferenceException])
        return waiting.until(lambda _: condition() or False)

    def press(self, element: WebElement) -> None:
        """Press a button, whatever is in front of it at the moment.

        :param element: the button
        """
        self.chromium.execute_script("arguments[0].click()", element)

    def keep(self, name: str, of: WebElement | None = None, height: int = 0) -> None:
        """Keep what is seen as a picture, with no more colours than it needs.

        :param name: the file's name
        :param of: keep only this element
        :param height: cut the picture off below so many pixels; 0 keeps all
        """
        time.sleep(1)  # what moves has arrived
        taken = of.screenshot_as_png if of else self.chromium.get_screenshot_as_png()
        image = Image.open(io.BytesIO(taken)).convert("RGB")
        if height:
            image = image.crop((0, 0, image.width, min(height, image.height)))
        if image.width > WIDEST:
            image.thumbnail((WIDEST, image.height), Image.Resampling.LANCZOS)
        # The usual way of choosing colours loses a small red star, or the green of one icon.
        few = image.quantize(256, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(FOLDER / name, optimize=True)


def connection_fields(screen: Screen) -> None:
    """Fill in the form of a new connection.

    :param screen: the browser
    """
    screen.chromium.set_window_size(1400, 1100)
    screen.open("/connections")
    screen.press(screen.find("button", "Add Connection"))
    screen.find("[role=dialog] input[name=connection_id]").send_keys("bitrix24_default")
    kind = screen.find("[role=dialog] input[role=combobox]")
    kind.send_keys("Bitrix24", Keys.ENTER)
    password = screen.find("[role=dialog] input[name=password]")
    password.send_keys("https://portal.bitrix24.com/rest/1/code/")
    screen.find("[role=dialog] input[name=port]").send_keys("443")
    screen.chromium.execute_script("document.activeElement.blur()")
    screen.keep("connection-fields.png", screen.find("[role=dialog]"), height=700)


def connection_form(screen: Screen) -> None:
    """Unfold the further fields of the same form.

    :param screen: the browser
    """
    screen.find("[role=dialog] button", "Extra Fields").click()
    screen.find("[role=dialog]", "Who shares the count of requests")
    time.sleep(1)  # the section unfolds slowly
    screen.keep("connection-form.png", screen.find("[role=dialog]"), height=900)


def asset_events(screen: Screen, box: Bitrix24Portal) -> None:
    """Let deals change until the watched asset has told of it twice.

    :param screen: the browser
    :param box: the portal
    """
    screen.chromium.set_window_size(1900, 1160)
    assets = ask(screen.address, "/assets")["assets"]
    [number] = [asset["id"] for asset in assets if asset["uri"].startswith("bitrix24://")]
    for wanted, title in enumerate(("Beans for the harbour", "Grinders"), 1):
        until_asked(lambda: ask(screen.address, f"/assets/{number}")["watchers"])
        deadline = time.monotonic() + PATIENCE
        while ask(screen.address, f"/assets/events?asset_id={number}")["total_entries"] < wanted:
            if time.monotonic() > deadline:
                sys.exit("The watcher tells of no change.")
            box.add_item("deal", {"TITLE": title})
            time.sleep(15)
    screen.open(f"/assets/{number}")
    screen.find("body", "Triggered Dag Run")
    for _ in ("the event's extra", "its payload"):
        screen.find("[class*=folding-collapsed], .cm-foldGutter .cm-gutterElement span").click()
        time.sleep(1)
    screen.keep("asset-events.png", height=1010)


def run_example(screen: Screen) -> None:
    """Run the first example to its end.

    :param screen: the browser
    """
    run = ask(screen.address, "/dags/bitrix24_share_comment/dagRuns", {"logical_date": None})
    path = f"/dags/bitrix24_share_comment/dagRuns/{run['dag_run_id']}"
    until_asked(lambda: ask(screen.address, path)["state"] == "success")


def board(screen: Screen, box: Bitrix24Portal) -> None:
    """Look at the portal's page.

    :param screen: the browser
    :param box: the portal
    """
    screen.chromium.set_window_size(1440, 990)
    screen.open(box.url)
    screen.find("#live", "live")
    screen.keep("portal-in-a-box.png", height=850)


def until_asked(condition: Callable[[], Any]) -> None:
    """Wait until Airflow answers as it is wanted to.

    :param condition: asks it
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("Airflow does not get that far.")
        time.sleep(1)


def ask(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request to Airflow's API and return the answer.

    :param address: Airflow's address
    :param path: the API's path
    :param body: what is posted
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/api/v2{path}", data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@contextmanager
def portal() -> Iterator[Bitrix24Portal]:
    """Give a portal with the demo's contents."""
    with demo_ui.portal_at(8124) as box:
        box.load_demo()
        yield box


@contextmanager
def airflow(folder: Path, box: Bitrix24Portal) -> Iterator[str]:
    """Give the address of a whole Airflow with the examples and the DAGs of ``picture_dags``.

    :param folder: where it keeps everything
    :param box: the portal
    """
    dags = folder / "dags"
    shutil.copytree(demo.ROOT / "dags_examples", dags)
    shutil.copytree(Path(__file__).with_name("picture_dags"), dags, dirs_exist_ok=True)
    environment = demo_ui.ui_environment(folder / "home", box)
    environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    demo.migrate(environment)
    demo_ui.keep_connection(environment, box)
    run = demo_ui.start(environment, folder / "standalone.log")
    try:
        address = environment["AIRFLOW__API__BASE_URL"]
        if not demo_ui.came_up(run, address):
            sys.exit((folder / "standalone.log").read_text()[-3000:])
        known = {"bitrix24_share_comment", "on_changed_deals"}
        until_asked(lambda: known <= {dag["dag_id"] for dag in ask(address, "/dags")["dags"]})
        yield address
    finally:
        demo_ui.stop(run)


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """Give a headless Chromium."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.exit("There is no Chromium (Debian: apt-get install chromium chromium-driver).")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for choice in (*CHOICES, *(["no-sandbox"] if os.getuid() == 0 else [])):
        options.add_argument(f"--{choice}")
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield chromium
    finally:
        chromium.quit()


if __name__ == "__main__":
    sys.exit(main())
