"""The command line: `lakesight <verb>`. Importing it is cheap; verbs import what they need."""
