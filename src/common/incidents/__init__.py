"""What happens to a problem: events become alerts, and alerts become exactly one record each."""
