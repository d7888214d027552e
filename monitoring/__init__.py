"""Process: score what was served, recalibrate it, decide whether to retrain."""
