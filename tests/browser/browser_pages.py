"""What is on a page that a browser shows."""

from __future__ import annotations

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait


def all_of(browser, selector):
    """Return the elements that a CSS selector finds."""
    return browser.find_elements(By.CSS_SELECTOR, selector)


def texts(browser, selector):
    """Return their texts, as one sees them."""
    return [" ".join(element.text.split()) for element in all_of(browser, selector)]


def wait(browser, condition, seconds=60):
    """Wait until a condition holds on a page that changes, and return its value."""
    waiting = WebDriverWait(browser, seconds, ignored_exceptions=[StaleElementReferenceException])
    return waiting.until(lambda _: condition())


def press(browser, element):
    """Press a button, whatever is in front of it at the moment, such as a tooltip."""
    browser.execute_script("arguments[0].click()", element)
