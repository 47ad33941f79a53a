"""What the API does for its callers. Below the handler, above the desk and the ServiceNow client."""
