"""One case in one process, the worker processes, and their supervisor.

In the parent, without torch: `supervisor` gives jobs to a `process`, by `messages` and a
`heartbeat`. In the child, `worker` does them by `run_case`, `check_case`, `profile_case` or
`race_twins`, which share how contenders are made `ready`, `leaks` and the `monitor` of a race.
An `observer` is notified of everything on either side.
"""
