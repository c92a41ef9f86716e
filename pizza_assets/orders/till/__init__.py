"""Orders from the exports of tills: files to tables, tables to orders, and what the files cover.

Belongs here: everything between a file and an order. Does not belong here: which source gives a day
(``orders/collect.py``), storing anything (``lake/``).
"""
