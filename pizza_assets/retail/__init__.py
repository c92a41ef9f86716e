"""Retail sales: three retailers' APIs, each with a dialect of its own, and Domino's orders as the fourth.

Belongs here: asking for a business day, and reading its lines into the contract. Does not belong here: mock sales
and the simulated APIs, storing anything.

All three answer in JSON. An API that makes its data up says so in the header ``X-Data-Source: mock``, and its days
are labelled so.
"""
