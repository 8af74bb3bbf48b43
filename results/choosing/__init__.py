"""From measured races to the contender that is to run: rows, rules, regret, and the table."""
