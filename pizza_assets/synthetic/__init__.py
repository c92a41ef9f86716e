"""Mock data: seeded, vectorised and calibrated. Everything made here is labelled mock."""
