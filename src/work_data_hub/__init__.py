"""WorkDataHub: the trustee-performance pipeline, and the alert router that watches Dagster."""
