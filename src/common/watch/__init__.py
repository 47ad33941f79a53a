"""What people do in ServiceNow reaches AWS: asks which of our records changed, and puts an event for each change.

`Watcher` is the door. It only reads in ServiceNow; what it remembers lies in the ledger's table, under keys of its own.
"""
