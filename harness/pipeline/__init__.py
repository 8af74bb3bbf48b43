"""All cases: run, check, profile; each job recorded."""
