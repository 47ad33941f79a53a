"""The doors: what webhooks and SNS bring becomes events of the queue, whose rules decide.

`proof`, `webhook` and `sns` are pure; `secrets` reads Secrets Manager, and `door` puts what it takes into the queue.
"""
