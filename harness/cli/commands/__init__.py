"""The verbs of `opbench`, a module each: `HELP`, `add_arguments` and `run`.

They may print, and import what they need when they run, so that `opbench --help` loads none of it.
"""
