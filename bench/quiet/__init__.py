"""Weeks of alarms: how often the bridge wakes somebody, with and without waiting, and what stands beside it."""
