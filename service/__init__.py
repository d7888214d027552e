"""Process: serve the newest forecast from memory."""
