"""The doctor: walks through everything that has to work, and says what each failure can mean."""
