"""What is known of an event beyond its own text.

Whose it is and which configuration item it is about decides about the record. What only informs is added once the
record is open: the metric as a picture, lines of the log, what else changed there. `door` is where
the events function comes in; it only puts a message into a queue, and in the follow-up function `Runner` does the rest.
"""
