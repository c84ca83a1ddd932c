"""Assets: what a portal holds, as Airflow's scheduling and lineage name it."""
