"""Notifications and messages in Bitrix24's chat (``im.*``). Knows nothing of Airflow."""
