"""An alarm storm: events in any order, more than once, many workers at a time, and answers that are lost."""
