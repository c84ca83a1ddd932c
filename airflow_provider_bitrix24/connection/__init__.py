"""From an Airflow connection to settings: its form, its fields, its tokens, its ledger, its diagnosis."""
