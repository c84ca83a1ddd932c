from __future__ import annotations

import re

import pytest
from portal_client import Client, Clock

from airflow_provider_bitrix24.testing import Bitrix24Portal, Limits


def test_success(box, client):
    answer = client("server.time")
    assert answer.response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.response.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.response.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body == {
        "result": "2025-09-09T16:31:11+03:00",
        "time": {
            "start": 1757424671,
            "finish": 1757424671.5,
            "duration": 0.5,
            "processing": 0,
            "date_start": "2025-09-09T16:31:11+03:00",
            "date_finish": "2025-09-09T16:31:11+03:00",
        },
    }


def test_operating_fields_where_the_limiter_is_on():
    with Bitrix24Portal(clock=Clock()) as portal:
        client = Client(portal)
        time = client("profile").body["time"]
        assert (time["operating"], time["operating_reset_at"]) == (0, 1757424671 + 600)


def test_operating_fields_are_absent_on_self_hosted_portals():
    with Bitrix24Portal(self_hosted=True) as portal:
        client = Client(portal)
        assert "operating" not in client("profile").body["time"]
        assert client("feature.get", {"CODE": "x"}).result == {"value": "en_selfhosted"}


def test_error(client):
    answer = client("crm.deal.get", {"id": 0})
    assert answer.response.text == '{"error":"","error_description":"ID is not defined or invalid."}'
    assert answer.status == 400


def test_escapes(box, client):
    box.add_item("deal", {"TITLE": "a/b <i>\u00e4</i> & 'q' \"d\""}, item_id=1)
    raw = client("crm.deal.get", {"id": 1}).response.text
    escaped = r"a\/b \u003Ci\u003Eä\u003C\/i\u003E \u0026 \u0027q\u0027 \u0022d\u0022"
    assert f'"TITLE":"{escaped}"' in raw
    assert client("crm.deal.get", {"id": 1}).result["TITLE"] == "a/b <i>\u00e4</i> & 'q' \"d\""


def test_empty_maps_are_lists(client):
    text = client("batch").response.text
    assert re.match(
        r'\{"result":\{"result":\[\],"result_error":\[\],"result_total":\[\],"result_next":\[\],'
        r'"result_time":\[\]\},"time":\{',
        text,
    )


def test_server_time_zone():
    with Bitrix24Portal(clock=Clock(0), server_timezone="-05:30", limits=Limits.off()) as portal:
        assert Client(portal)("server.time").result == "1969-12-31T18:30:00-05:30"


@pytest.mark.parametrize("offset", ["3", "Europe/Nowhere", "+3:00"])
def test_bad_time_zone(offset):
    with pytest.raises(ValueError, match="offset"):
        Bitrix24Portal(server_timezone=offset)
