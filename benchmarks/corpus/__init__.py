"""Contenders that are known to be wrong, each in one way, and unusual ones that are right."""
