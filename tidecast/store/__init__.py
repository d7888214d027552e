"""The database: candle ledger, forecast log, scores, promotions, retrainings, events."""
