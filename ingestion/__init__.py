"""Process: fetch closed candles, store them once, list gaps and heal them."""
