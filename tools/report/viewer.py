"""Hands a model to Netron, which draws its graph in a browser; used by inspect."""

import webbrowser
from pathlib import Path

from ..errors import MissingTool


def open(path: Path) -> None:
    """Serves the file to a browser on this machine until Ctrl-C. Raises MissingTool where there is no browser."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        raise MissingTool(
            f"there is no browser on this machine for Netron to open: look at {path} with Netron elsewhere, or write a "
            "page of the same numbers with: inv inspect --html FILE"
        ) from None
    import netron

    netron.start(str(path), browse=True)  # says at which address
    try:
        netron.wait()
    except KeyboardInterrupt:
        netron.stop()
