"""PlatformIO's view of kerf's bare-metal boards: which of its packages a build actually needs."""

import shutil

from platformio.public import PlatformBase


class KerfbaremetalPlatform(PlatformBase):
    """PlatformIO derives this class name from the platform's name."""

    def configure_default_packages(self, options, targets):
        prefix = self.board_config(options["board"]).get("build.toolchain_prefix")
        if prefix != "arm-none-eabi-" or shutil.which(f"{prefix}gcc"):
            # Use the system's own compiler, so that the registry is not needed; it has none of the others.
            self.packages.pop("toolchain-gccarmnoneeabi", None)
        if shutil.which("openocd"):
            self.packages.pop("tool-openocd", None)
        return super().configure_default_packages(options, targets)
