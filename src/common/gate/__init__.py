"""The change gate: what waits in AWS for a change request of ServiceNow, and how it is told what people decided.

`requests`, `verdict` and `tokens` are pure; `gate` keeps in the ledger's table who waits. The events function writes
that down through `desk` before a change is opened; the API comes in by `door`, which asks with `heartbeat` first. The
actions function answers through `follower` and `answers`, also where `reminders` ask it to look.
"""
