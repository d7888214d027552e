"""Models of the return distribution, baselines beside them, calibration, and their artefacts."""
