"""Adapters to exchanges and other public sources; one file per source, quirks stay inside it."""
