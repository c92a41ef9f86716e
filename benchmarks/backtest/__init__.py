"""Rolling-origin backtest of the forecast, beside peers and an oracle."""
