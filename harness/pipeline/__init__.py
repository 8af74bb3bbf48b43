"""All cases: run, check, profile; each job recorded.

`run`, `check` and `profile` go through the cases, in worker processes or in this one. A
`recorder` writes what happens, job by job; `anchors` are timed before a run, and an `outlook`
says what would decide the races that a run left undecided.
"""
