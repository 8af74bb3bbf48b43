"""The command `opbench`: parser, options, terminal, exit codes.

`app` parses and calls a verb of `commands`. A verb turns its arguments (`arguments`,
`option_types`) into frozen values (`options`), starts `workers`, opens a `run_folder`, and shows
its `output`; the rest is text and progress for a `terminal`.
"""
