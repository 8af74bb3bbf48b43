"""Intervals and change points. Pure functions."""
