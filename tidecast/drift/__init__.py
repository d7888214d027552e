"""Whether today looks like the training data: PSI and KS on features and errors. Pure."""
