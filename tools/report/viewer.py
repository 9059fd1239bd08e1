"""Opens a model in Netron, which draws its graph in a browser; used by inspect."""

import webbrowser
from pathlib import Path

from ..errors import MissingTool


def open(path: Path) -> None:
    """Serves the file to a browser on this machine until Ctrl-C. Raises MissingTool if there is no browser."""
    try:
        webbrowser.get()
    except webbrowser.Error:
        raise MissingTool(
            f"there is no browser on this machine for Netron: open {path} with Netron elsewhere, or write a page with "
            "the same numbers with: inv inspect --html FILE"
        ) from None
    import netron

    netron.start(str(path), browse=True)  # prints the address
    try:
        netron.wait()
    except KeyboardInterrupt:
        netron.stop()
