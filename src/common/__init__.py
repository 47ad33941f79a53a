"""What the functions share: the token, the ServiceNow client, and what happens to a problem."""
