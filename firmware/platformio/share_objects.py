"""Run by PlatformIO before each build that kerf starts (extra_scripts): compiled objects are shared by all projects.

PlatformIO's own setting for that, build_cache_dir, keeps in the shared folder what SCons remembers of every project,
too: of two builds at once the second to end would overwrite what the first has noted.
"""

import os

from SCons.Script import DefaultEnvironment

DefaultEnvironment().CacheDir(os.environ["KERF_OBJECTS"])
