"""The command `opbench`: parser, options, terminal, exit codes."""
