"""The doors, all pure: what webhooks and SNS bring becomes events of the queue, whose rules decide."""
