"""One module per runtime, found by file name: (Graph, Plan, Target) → the files of a project."""
