"""`tidecast up`: the whole loop on one machine."""
