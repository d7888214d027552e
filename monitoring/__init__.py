"""Process: score what was served, recalibrate it, decide whether to retrain.

`decision`, `health` and `window` are pure; `trigger` starts trainings; the rest reads and writes
the store. No other process is imported here: a training is another program.
"""
