"""How good forecasts are: metrics, scoring, walk-forward backtest, promotion gate, report. Pure."""
