"""What runs on a developer's machine in place of ServiceNow and AWS. Never deployed."""
