"""AWS's own objects follow what people do in ServiceNow: findings, OpsItems, as the rules say.

`Inbox` is the door: it takes messages that tell of changes, and gives each to its followers. `decide` is pure, and
there is one module for each API of AWS, whose docstring names the permissions that it takes.
"""
