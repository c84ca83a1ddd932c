"""``make demo``: run the first example through a real Airflow against the portal in a box.

Says what the DAG is about to do, shows the tasks' log as it happens, then what the
portal shows, and what to try next.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import requests

from airflow_provider_bitrix24.testing import Bitrix24Portal

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".airflow" / "demo"
DAG = "bitrix24_share_comment"
NEXT = """
What to try next:
  make demo-ui            the same in Airflow's web UI, beside the portal's page, which follows the DAG
  docs/first_steps.md     a project of your own in an empty folder, in five minutes
  docs/connection.md      your own portal: make a webhook, put its URL into a connection, press Test
  docs/cookbook.md        short DAGs to copy: exports, fields written back, alerts, reports
  dags_examples/          longer ones, each in one file; this one is bitrix24_share_comment.py"""


def main() -> int:
    """Run the demo and return its exit status."""
    with Bitrix24Portal() as portal:
        portal.load_demo()
        print(
            f"A Bitrix24 portal in a box runs at {portal.url}, a small CRM with {len(portal.records())} "
            "timeline records.\nThe DAG adds a comment to the newest open deal, shows it on the deal's "
            "contact and company as well,\nand waits until the company's card has it.\n"
        )
        environment = airflow_environment(HOME, portal)
        migrate(environment)
        print(f"Airflow: airflow dags test {DAG} (about half a minute)\n")
        status = run_dag(environment)
        if status:
            print(f"\nThe run failed with status {status}; {log_file(environment)} has its whole log.")
            return status
        return report(portal)


def airflow_environment(home: Path, portal: Bitrix24Portal) -> dict[str, str]:
    """Return the environment of an Airflow that knows this repository's examples and the portal.

    :param home: Airflow's home folder
    :param portal: what the connection ``bitrix24_default`` leads to
    """
    home.mkdir(parents=True, exist_ok=True)
    settings = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags_examples"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_BITRIX24_DEFAULT": json.dumps(portal.connection()),
    }
    return {**os.environ, **settings}


def migrate(environment: dict[str, str]) -> None:
    """Create Airflow's database, once for each home and release.

    :param environment: Airflow's environment
    """
    from importlib.metadata import version

    done = Path(environment["AIRFLOW_HOME"]) / f"migrated-{version('apache-airflow-core')}"
    if done.exists():
        return
    print("Airflow: creating its SQLite database ...")
    run = subprocess.run([airflow(), "db", "migrate"], env=environment, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"airflow db migrate failed:\n{run.stdout}{run.stderr}")
    done.touch()


def run_dag(environment: dict[str, str]) -> int:
    """Run the example, show what its tasks say, keep the whole log in a file, return the exit status.

    :param environment: Airflow's environment
    """
    command = [airflow(), "dags", "test", DAG]
    with (
        log_file(environment).open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as run,
    ):
        for line in run.stdout or ():
            log.write(line)
            started = re.search(r"\[DAG TEST\] starting task_id=(\S+)", line)
            said = re.search(r"\[(?:info|warning|error) *\] (.*?) *\[airflow\.task\.", line)
            if started:
                print(f"  {started[1]}")
            elif said:
                print(f"      {said[1]}")
    return run.returncode


def log_file(environment: dict[str, str]) -> Path:
    """Return where the run's whole log is kept.

    :param environment: Airflow's environment
    """
    return Path(environment["AIRFLOW_HOME"]) / "dags-test.log"


def airflow() -> str:
    """Return the path of the command-line tool beside this Python."""
    return str(Path(sys.executable).with_name("airflow"))


def report(portal: Bitrix24Portal) -> int:
    """Print what happened and what to try next; the status is 1 if the record is not where it should be.

    :param portal: the portal after the run
    """
    [comment] = [record for record in portal.records() if record.text.startswith("Offer sent.")]
    answer = requests.post(
        f"{portal.webhook_url()}crm.timeline.bindings.list",
        json={"filter": {"OWNER_ID": comment.record_id}},
        timeout=10,
    ).json()
    shown = [(row["ENTITY_TYPE"], int(row["ENTITY_ID"])) for row in answer["result"]]
    print(
        f"\nWhat happened: the comment is one record of the timeline, number {comment.record_id}, and "
        f"{len(shown)} cards show it.\nWhoever edits or deletes it does so on all of them. The portal "
        "says where it is:\n\n  type     id  card"
    )
    for kind, number in shown:
        print(f"  {kind:<7} {number:>3}  {_title(portal, kind, number)}")
    print(f"\nIt took {len(portal.requests)} HTTP requests; the portal refused {portal.refusals}.\n{NEXT}")
    return 0 if {kind for kind, _ in shown} == {"deal", "contact", "company"} else 1


def _title(portal: Bitrix24Portal, kind: str, number: int) -> str:
    item = portal.items(kind)[number]
    return str(item.get("TITLE") or f"{item['NAME']} {item['LAST_NAME']}")


if __name__ == "__main__":
    sys.exit(main())
