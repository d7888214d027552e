"""Who asks: one kind of user for each protocol."""
