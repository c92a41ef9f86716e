"""The retail warehouse: a star schema in PostgreSQL, loaded one retailer and day at a time."""
