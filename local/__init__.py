"""What runs on a developer's machine in place of ServiceNow and AWS, and what tells of the rules. Never deployed.

- `simulator` is ServiceNow, `console` the page about it; `certificates` are those of both sides.
- `stack` puts all together: `emulator` (AWS, started by `emulator_launcher`, with `picture` for its metrics) and `sam`
  (started by `sam_launcher`), both as `processes`; `clients` calls it. `demo` and `serve` show it on a `terminal`, with
  `alarms`, `metrics`, `watching` and `readable_logs`.
- `rules` checks rule files and tells of an event: `rule_story`, `rule_lines`, `new_rule`, `delivery`, and the warnings
  of `columns`, `choice_warnings`, `close_codes` and `tag_warnings`.
- `rule_table`, `tickets`, `shipped_tickets` and `house` write parts of the documents, by `written_parts`; `yaml_text`
  reads the template.
"""
