"""Pizza orders: the contract, the Domino's API, exports of tills, and mock orders."""
