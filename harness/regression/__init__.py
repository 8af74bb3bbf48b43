"""Two versions compared: set-up, the gate's session, calibration.

`setup` makes both versions ready; `comparison` plans, from a `survey` of each, which contenders
they share; `gate` holds a `session`, which takes `units` in one process or in a `process_pair`.
The decisions are those of `results.regression`. `calibration` records units of which sessions are
resampled, and `profile` shows where the time of both versions goes.
"""
