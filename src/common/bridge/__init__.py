"""The one place where the parts are put together from the settings: a file for each function."""
