"""A headless Chromium, as Debian's packages ``chromium`` and ``chromium-driver`` install it.

Not collected with the other tests: ``make test-browser`` runs them.
"""

from __future__ import annotations

import os
import shutil

import pytest

_CHOICES = ("headless=new", "disable-gpu", "hide-scrollbars", "disable-dev-shm-usage", "no-proxy-server")


@pytest.fixture(scope="session")
def chromium():
    """One browser for all pages; each test says how wide it is."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("there is no Chromium (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = program
    for choice in _CHOICES:
        options.add_argument(f"--{choice}")
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")  # it refuses to run as root otherwise
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()


@pytest.fixture
def wide(chromium):
    """The browser as on a desk."""
    chromium.set_window_size(1400, 1400)
    return chromium
