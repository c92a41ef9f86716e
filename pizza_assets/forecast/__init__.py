"""What comes: fixtures ahead, the forecast of orders, and tonight against it."""
