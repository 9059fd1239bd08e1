"""Run by PlatformIO before each build that kerf starts (extra_scripts): all projects share compiled objects.

PlatformIO's own setting, build_cache_dir, also moves SCons's database of every project to the shared folder: of two
builds at once, the last to end would overwrite what the other has recorded.
"""

import os

from SCons.Script import DefaultEnvironment

DefaultEnvironment().CacheDir(os.environ["KERF_OBJECTS"])
