"""One module per model, found by file name: its data, its architecture, its accuracy floor."""
