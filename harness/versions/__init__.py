"""Versions of a project: git, worktrees, builds, and modules that are each version's own.

`worktrees` checks versions out by `git`, `builds` builds them. `loaded` holds several in one
process: `sources` says what to load (`project_files` and `trees` find what belongs to a version),
`finders` relocates imports, `registrations` finds ops that both would register, and
`own_packages` keeps opbench itself out of it.
"""
