"""From an Airflow connection to a portal: everything a task may ask of Bitrix24."""
