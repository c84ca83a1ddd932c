"""``make demo``: run the first example through a real Airflow against the portal in a box.

Shows the task log as it happens, then what the portal says the new comment is bound to.
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
DAG = "bitrix24_share_comment"


def main() -> int:
    """Run the demo and return its exit status."""
    with Bitrix24Portal() as portal:
        portal.load_demo()
        print(f"Portal in a box: {portal.url}, with {len(portal.records())} timeline records.")
        environment = airflow_environment(ROOT / ".airflow" / "demo", portal)
        migrate(environment)
        print(f"Airflow: airflow dags test {DAG}\n")
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
    """Print what the portal says of the record that the run added; the status is 1 if that is not all."""
    [comment] = [record for record in portal.records() if record.text.startswith("Offer sent.")]
    answer = requests.post(
        f"{portal.webhook_url()}crm.timeline.bindings.list",
        json={"filter": {"OWNER_ID": comment.record_id}},
        timeout=10,
    ).json()
    print(f"\nTimeline record {comment.record_id}: {comment.text}\nThe portal shows it on:\n")
    print("  OWNER_ID  ENTITY_TYPE  ENTITY_ID  title")
    for row in answer["result"]:
        item = portal.items(row["ENTITY_TYPE"])[int(row["ENTITY_ID"])]
        title = item.get("TITLE") or f"{item['NAME']} {item['LAST_NAME']}"
        print(f"  {row['OWNER_ID']:>8}  {row['ENTITY_TYPE']:<11}  {row['ENTITY_ID']:>9}  {title}")
    print(f"\n{len(portal.requests)} HTTP requests, {portal.refusals} refused.")
    return 0 if {row["ENTITY_TYPE"] for row in answer["result"]} == {"deal", "contact", "company"} else 1


if __name__ == "__main__":
    sys.exit(main())
