"""The operating system: signals, owned folders, toolchains, late imports. No torch."""
