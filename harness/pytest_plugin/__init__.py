"""The pytest plugin: contenders as pytest-benchmark items.

`hooks` is all that pytest loads; `collectors` finds the items once an option asks for them, and
`items` checks and times each.
"""
