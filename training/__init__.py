"""Process: fit a challenger, judge it, register it, promote it when it wins."""
