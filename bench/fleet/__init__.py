"""A fleet of environments that share a token, simulated: `python -m bench.fleet`. Start reading at `fleet.py`."""
