"""The access token: memory, then the shared store, then the token endpoint. Start reading at `source.py`."""
