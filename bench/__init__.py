"""Measurements: `python -m bench` beside other clients, `python -m bench.fleet` of fleets that share a token."""
