"""`make accept`: whether a deployed stack does in this account, with this instance, what it is deployed for."""
