"""What several processes do with store and registry. No process, no transport, no settings."""
