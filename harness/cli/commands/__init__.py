"""The verbs of `opbench`, one module each: `HELP`, `add` (its words) and `main` (its handler).

They may print, and import what they need when they run, so that `opbench --help` loads none of it.
"""
