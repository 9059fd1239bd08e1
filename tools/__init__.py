"""kerf: from a Keras model to measured firmware. Start reading at pipeline/."""

__version__ = "0.1.0"
