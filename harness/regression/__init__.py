"""Two versions compared: set-up, the gate's session, calibration."""
