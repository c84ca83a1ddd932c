"""Bitrix24's REST protocol: calls, replies, limits and the two transports. Knows no Airflow."""
