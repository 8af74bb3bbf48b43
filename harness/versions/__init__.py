"""Versions of a project: git, worktrees, builds, and modules that are each version's own."""
