"""This machine: the system's compiler."""

from ..installed import Tool, apt
from . import Port

PORT = Port(
    compiler=Tool("g++", "builds the host target and the kernel tests", apt("g++")),
    is_packaged=False,
    is_here=True,
)
