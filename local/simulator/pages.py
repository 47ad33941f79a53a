"""The HTML pages that an instance answers instead of JSON."""


def page(title: str, text: str) -> str:
    """Return a small HTML page."""
    head = f"<!DOCTYPE html><html><head><title>{title}</title></head>"
    return f"{head}<body><h1>{title}</h1><p>{text}</p></body></html>"


HIBERNATING = page("Instance Hibernating page", "This developer instance sleeps. Sign in to wake it up.")
MAINTENANCE = page("Service Unavailable", "This instance is being maintained.")
NOT_FOUND = page("Page not found", "There is no such page.")
