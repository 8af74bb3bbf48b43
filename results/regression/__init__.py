"""Two versions or two runs: verdicts, what is accepted, history, calibration."""
