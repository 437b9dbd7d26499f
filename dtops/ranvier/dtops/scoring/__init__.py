"""Proper scores of forecasts, and their plain companions. Each is statistic ► summable state ► formula."""
