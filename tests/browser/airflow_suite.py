"""Airflow's web UI in a browser: the connection's form and Test, links to cards, templates, mapped tasks."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_2_PLUS
from browser_pages import all_of, press, texts, wait
from selenium.webdriver import ActionChains

from airflow_provider_bitrix24.connection.form import CONN_FIELDS, PLAN_CHOICES
from airflow_provider_bitrix24.testing import Bitrix24Portal

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import demo  # noqa: E402
import demo_ui  # noqa: E402

pytestmark = pytest.mark.timeout(600)
PASSWORDS = {"password"} | {
    f"element_{name}" for name, field in CONN_FIELDS.items() if field["schema"].get("format") == "password"
}


class Airflow:
    """A whole Airflow with the examples and one DAG of mapped tasks, as ``make demo-ui`` runs it."""

    def __init__(self, folder, portal):
        self.portal = portal
        dags = folder / "dags"
        shutil.copytree(ROOT / "dags_examples", dags)
        shutil.copytree(ROOT / "tests" / "browser" / "dags", dags, dirs_exist_ok=True)
        environment = demo_ui.ui_environment(folder / "home", portal)
        environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
        self.address = environment["AIRFLOW__API__BASE_URL"]
        demo.migrate(environment)
        demo_ui.keep_connection(environment, portal)
        self.log = folder / "standalone.log"
        self._run = demo_ui.start(environment, self.log)

    def stop(self):
        demo_ui.stop(self._run)

    def came_up(self):
        assert demo_ui.came_up(self._run, self.address), self.log.read_text()[-3000:]
        # Airflow 3.1 wants one, and gives it to anybody.
        self._token = self._send("/auth/token", {})["access_token"]
        return self

    def ask(self, path, body=None):
        """Send a request to Airflow's API and return the answer."""
        return self._send(f"/api/v2{path}", {"Authorization": f"Bearer {self._token}"}, body)

    def _send(self, path, headers, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {**headers, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def run(self, dag_id):
        """Run a DAG as an event would, without a logical date; return the page of the run and its state."""
        deadline = time.monotonic() + 240
        while dag_id not in {dag["dag_id"] for dag in self.ask("/dags")["dags"]}:
            assert time.monotonic() < deadline, f"{dag_id} is not there"
            time.sleep(1)
        run_id = self.ask(f"/dags/{dag_id}/dagRuns", {"logical_date": None})["dag_run_id"]
        while (state := self.ask(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]) in ("queued", "running"):
            assert time.monotonic() < deadline, f"{dag_id} does not end"
            time.sleep(1)
        return f"{self.address}/dags/{dag_id}/runs/{run_id}", state


@pytest.fixture(scope="session")
def airflow(chromium, tmp_path_factory):
    with Bitrix24Portal() as portal:
        portal.load_demo()
        airflow = Airflow(tmp_path_factory.mktemp("airflow"), portal)
        try:
            airflow.came_up()
            chromium.get(airflow.address)  # the first page is another one than was asked for, after a login
            wait(chromium, lambda: "Dags" in texts(chromium, "body")[0])
            yield airflow
        finally:
            airflow.stop()


@pytest.fixture(scope="session")
def shared(airflow):
    """The page of a run of the first example."""
    page, state = airflow.run("bitrix24_share_comment")
    assert state == "success"
    return page


@pytest.fixture(scope="session")
def mapped(airflow):
    """The page of a run with three mapped tasks, the last of which fails."""
    page, state = airflow.run("bitrix24_mapped")
    assert state == "failed"
    return page


def open_form(browser, airflow):
    browser.get(f"{airflow.address}/connections")
    row = wait(browser, lambda: [row for row in all_of(browser, "tr") if "bitrix24_default" in row.text])[0]
    press(browser, all_of(row, "button[aria-label='Edit Connection']")[0])
    wait(browser, lambda: all_of(browser, "[role=dialog] input[name=element_timeout]"))


def unfold(browser):
    """Open the section of our own fields, all of it: it unfolds slowly."""
    browser.find_element("xpath", "//*[@role='dialog']//button[. = 'Extra Fields']").click()
    *_, last = CONN_FIELDS.values()
    wait(browser, lambda: last["description"] in texts(browser, "[role=dialog]")[0])


def test_the_forms_standard_fields(wide, airflow):
    open_form(wide, airflow)
    dialog = texts(wide, "[role=dialog]")[0]
    for label in ("Portal", "Webhook: user id", "Webhook: code or whole URL", "Port (443)", "Scheme (https)"):
        assert label in dialog
    shown = {name: all_of(wide, f"[role=dialog] input[name={name}]")[0] for name in ("host", "login", "port")}
    assert {name: field.get_attribute("placeholder") for name, field in shown.items()} == {
        "host": "portal.bitrix24.com",
        "login": "1",
        "port": "443",
    }
    assert shown["port"].get_attribute("value") == str(airflow.portal.port)


def test_the_forms_further_fields(wide, airflow):
    open_form(wide, airflow)
    unfold(wide)
    dialog = texts(wide, "[role=dialog]")[0]
    for field in CONN_FIELDS.values():
        assert field["label"] in dialog
        assert field["description"] in dialog


def test_secrets_are_masked_and_the_plan_is_a_choice(wide, airflow):
    open_form(wide, airflow)
    inputs = {field.get_attribute("name"): field for field in all_of(wide, "[role=dialog] input")}
    masked = {name for name, field in inputs.items() if field.get_attribute("type") == "password"}
    # Airflow 3.1 masks no field of a provider's own while one types; what was saved it shows as three stars.
    assert masked == (PASSWORDS if AIRFLOW_V_3_2_PLUS else {"password"})
    assert airflow.portal.webhook_code() not in wide.page_source
    unfold(wide)
    chosen = wide.find_element("xpath", f"//*[@role='dialog']//*[text() = '{PLAN_CHOICES[0]}']")
    ActionChains(wide).click(chosen).perform()  # at its place, whatever lies there to be clicked
    assert wait(wide, lambda: list(filter(None, texts(wide, "[role=option]")))) == list(PLAN_CHOICES)


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ("bitrix24_default", "Connected as Admin (user 1, administrator)"),
        ("wrong_code", "The portal does not accept the webhook or token"),
    ],
)
def test_the_test_button(wide, airflow, connection, words):
    if connection == "wrong_code":
        url, port = f"{airflow.portal.url}/rest/1/wrongcode12345678/", airflow.portal.port
        body = {"connection_id": connection, "conn_type": "bitrix24", "password": url, "port": port}
        airflow.ask("/connections", body)
    wide.get(f"{airflow.address}/connections")
    button = f"//tr[contains(., '{connection}')]//button[@aria-label='Test Connection']"
    press(wide, wait(wide, lambda: wide.find_elements("xpath", button))[0])
    wait(wide, lambda: words in " ".join(texts(wide, "[data-scope=toast]")))


def address_of_card(browser, task):
    """Return where the link on a task's page leads."""
    browser.get(f"{task}/details")
    return wait(browser, lambda: browser.find_elements("link text", "CRM card"))[0].get_attribute("href")


@pytest.mark.parametrize(
    ("task", "card"),
    [("add_comment", "deal-5"), ("share_comment", "contact-1"), ("wait_until_shared", "company-2")],
)
def test_a_task_links_to_its_card(wide, airflow, shared, task, card):
    wide.get(address_of_card(wide, f"{shared}/tasks/{task}"))
    assert wide.current_url == f"{airflow.portal.url}/#{card}"
    wait(wide, lambda: [shown.get_attribute("id") for shown in all_of(wide, "article.here")] == [card])
    assert "Offer sent." in texts(wide, f"#{card}")[0]


def test_templates_are_rendered_without_secrets(wide, airflow, shared):
    for task, words in (("add_comment", "Offer sent."), ("share_comment", "company")):
        wide.get(f"{shared}/tasks/{task}/rendered_templates")
        wait(wide, lambda: words in texts(wide, "body")[0])  # noqa: B023 - asked at once
        assert "bitrix24_default" in texts(wide, "body")[0]
        assert airflow.portal.webhook_code() not in wide.page_source


def test_logs_are_without_secrets(wide, airflow, shared):
    wide.get(f"{shared}/tasks/share_comment")
    wait(wide, lambda: "now shows on" in texts(wide, "body")[0])
    assert airflow.portal.webhook_code() not in wide.page_source


def test_mapped_tasks_have_links_of_their_own(wide, airflow, mapped):
    found = [address_of_card(wide, f"{mapped}/tasks/bind/mapped/{number}") for number in range(2)]
    assert found == [f"{airflow.portal.url}/crm/{kind}/details/1/" for kind in ("contact", "company")]


def test_a_mapped_task_that_failed_says_why(wide, mapped):
    wide.get(f"{mapped}/tasks/bind/mapped/2")
    wait(wide, lambda: "entity_id: 'none' is not an id." in texts(wide, "body")[0])


def test_an_example_needs_no_logical_date(airflow):
    _, state = airflow.run("bitrix24_log_message")
    assert state == "success"
    [*_, record] = airflow.portal.records("deal", 4)
    assert record.text.startswith("All sums of 20")
