"""Football matches: the contract, football-data.org, the mock season, and the checks of kick-offs."""
