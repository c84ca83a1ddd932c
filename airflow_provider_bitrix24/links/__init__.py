"""Links from Airflow's pages to the portal."""
