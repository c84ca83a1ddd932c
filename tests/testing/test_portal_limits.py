from __future__ import annotations

import pytest
from portal_client import Client, Clock

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits
from airflow_provider_bitrix24.testing.limits import LeakyBuckets, OperatingTime


@pytest.fixture
def limited(clock):
    with Bitrix24Portal(clock=clock) as portal:
        yield portal


# ---------------------------------------------------------------- requests per second


def test_bucket_of_fifty(limited, clock):
    client = Client(limited)
    for _ in range(50):
        assert client("profile").status == 200
    assert client("profile").error == (503, "QUERY_LIMIT_EXCEEDED", "Too many requests")
    clock.now = 1_757_424_671.99
    assert client("profile").status == 503, "nothing leaks within a second"
    clock.now = 1_757_424_672.0
    assert [client("profile").status for _ in range(3)] == [200, 200, 503]
    assert limited.refusals == 3
    refused = limited.requests[-1]
    assert (refused.refused, refused.status, refused.error) == (True, 503, "QUERY_LIMIT_EXCEEDED")
    assert limited.calls("profile", executed=False)[-1].error == "QUERY_LIMIT_EXCEEDED"


def test_batch_counts_once_and_is_refused_as_a_whole(limited):
    client = Client(limited)
    for _ in range(50):
        client.batch({str(n): "server.time" for n in range(10)})
    assert client("batch", {"cmd": {"a": "server.time"}}).error[1] == "QUERY_LIMIT_EXCEEDED"
    assert len(limited.calls("server.time")) == 500


def test_refused_credentials_and_unknown_methods_count_too(limited):
    client = Client(limited)
    for _ in range(25):
        client("no.such")
        client.send("POST", limited.url + "/rest/1/wrong/profile")
    assert client("profile").status == 503


def test_what_does_not_count(limited):
    client = Client(limited)
    for _ in range(60):
        client.send("GET", limited.url + "/_portal/state")
        client.send("GET", limited.url + "/oauth/token/")
    assert client("profile").status == 200
    assert len(limited.requests) == 1


def test_fill_bucket(limited):
    limited.fill_bucket(50)
    assert Client(limited)("profile").status == 503


def test_every_source_address_has_its_own_bucket(limited):
    limited.fill_bucket(50, source="127.0.0.9")
    assert Client(limited)("profile").status == 200


def test_enterprise():
    buckets = LeakyBuckets(Limits(plan="enterprise"))
    assert sum(buckets.admit("a", 100.0) for _ in range(300)) == 250
    assert sum(buckets.admit("a", 101.0) for _ in range(300)) == 5


def test_self_hosted_and_off():
    for limits in (Limits(plan="self-hosted"), Limits.off()):
        assert all(LeakyBuckets(limits).admit("a", 1.0) for _ in range(1000))
        assert limits.operating_limit is None


def test_own_figures():
    limits = Limits(bucket=3, drain=1.0, operating_limit=10.0)
    assert (limits.bucket, limits.drain, limits.operating_limit) == (3, 1.0, 10.0)
    assert (Limits().bucket, Limits().drain, Limits().operating_limit) == (50, 2.0, 480.0)


def test_smooth():
    buckets = LeakyBuckets(Limits(smooth=True))
    assert sum(buckets.admit("a", 100.0) for _ in range(60)) == 50
    assert not buckets.admit("a", 100.4)
    assert buckets.admit("a", 100.6)


@pytest.mark.parametrize(("refused_fill", "after"), [(False, 2), (True, 0)])
def test_refused_requests_may_fill_the_bucket(refused_fill, after):
    buckets = LeakyBuckets(Limits(refused_fill=refused_fill))
    for _ in range(60):
        buckets.admit("a", 100.0)
    assert sum(buckets.admit("a", 101.0) for _ in range(5)) == after


# ---------------------------------------------------------------- operating time


def test_the_call_that_crosses_the_limit_still_runs(limited, clock):
    client = Client(limited)
    limited.method_cost["crm.deal.list"] = 240.0
    assert client("crm.deal.list").body["time"]["operating"] == 240
    assert client("crm.deal.list").body["time"]["operating"] == 480
    blocked = (429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.")
    assert client("crm.deal.list").error == blocked
    assert client("crm.lead.list").status == 200, "other methods keep working"
    assert client("profile").body["time"]["operating"] == 0
    assert len(limited.calls("crm.deal.list")) == 2
    clock.now += 599
    assert client("crm.deal.list").status == 429
    clock.now += 1
    assert client("crm.deal.list").status == 200


def test_slices(limited, clock):
    client = Client(limited)
    start = int(clock.now)
    limited.method_cost["profile"] = 1.0
    client("profile")
    clock.now += 59
    client("profile")
    clock.now += 2
    time = client("profile").body["time"]
    assert (time["operating"], time["operating_reset_at"]) == (3, start + 600)
    clock.now = start + 600.5
    time = client("profile").body["time"]
    assert (time["operating"], time["operating_reset_at"]) == (2, start + 61 + 600), "one slice fell out"


def test_short_calls_do_not_count(limited):
    client = Client(limited)
    limited.method_cost["profile"] = 0.09
    client("profile")
    assert client("profile").body["time"]["operating"] == 0


def test_every_webhook_has_its_own_account(limited):
    limited.charge_operating("crm.deal.list", 480)
    assert Client(limited)("crm.deal.list").status == 429
    assert Client(limited, 2)("crm.deal.list").status == 200


def test_commands_of_a_batch_are_counted_apart_for_webhooks(limited):
    client = Client(limited)
    limited.charge_operating("crm.deal.list", 480)
    assert client("crm.deal.list").status == 429
    assert client.batch({"a": "crm.deal.list"})["result_error"] == []
    limited.charge_operating("crm.lead.list", 480, in_batch=True)
    assert client("crm.lead.list").status == 200
    result = client.batch({"a": "crm.lead.list", "b": "profile"})
    assert result["result_error"]["a"]["error"] == "OPERATION_TIME_LIMIT"
    assert set(result["result"]) == {"b"}


def test_application_has_one_account(limited):
    limited.charge_operating("crm.deal.list", 480, application=True)
    token = limited.oauth_connection(2)["extra"]["access_token"]
    client = Client(limited)
    for cmd in ("crm.deal.list", "batch?cmd[a]=crm.deal.list"):
        answer = client.send("POST", f"{limited.url}/rest/{cmd}", json={"auth": token})
        assert "OPERATION_TIME_LIMIT" in answer.response.text
    assert client("crm.deal.list").status == 200


def test_batch_itself_is_exempt(limited):
    limited.charge_operating("batch", 480)
    assert Client(limited)("batch", {"cmd": {"a": "profile"}}).status in (200,)


def test_method_name_in_any_case_has_one_account(limited):
    limited.charge_operating("CRM.Deal.List", 480)
    assert Client(limited)("crm.DEAL.list").status == 429


def test_delays_are_booked():
    with Bitrix24Portal(command_delay=0.11, clock=Clock()) as portal:
        result = Client(portal).batch({"a": "profile", "b": "profile"})
        assert result["result_time"]["b"]["operating"] == pytest.approx(0.22)


def test_operating_off():
    account = OperatingTime(None)
    account.book("a", "m", 1e6, 1.0)
    assert not account.blocked("a", "m", 2.0)
