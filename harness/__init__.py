"""Declare, plan, check, time, profile and compare contenders; the command and the pytest plugin."""
