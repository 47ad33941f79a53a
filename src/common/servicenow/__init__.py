"""The REST client of ServiceNow. Nothing in here knows of AWS."""
