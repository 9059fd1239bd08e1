"""Stands in for the program Renode: takes its command line, needs its files, serves the UART's socket, obeys `quit`.

What it does is in the variable FAKE_RENODE: run, die (before it listens), reject (the script, and stay at the
prompt), hang (never listens), drop (listens, then dies), deaf (runs, and does not hear quit).
"""

import os
import re
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

mode = os.environ["FAKE_RENODE"]
assert sys.argv[1:] == ["--console", "--disable-xwt", "--plain", "-e", "include @machine.resc"]
script = Path("machine.resc").read_text()
for name in re.findall(r"@(\S+)", script):
    assert Path(name).is_file(), name
Path(os.environ["FAKE_RENODE_TRACE"]).write_text(f"{os.getpid()} {Path.cwd()}")
print("12:00:00.0001 [INFO] Loaded monitor commands from: scripts/monitor.py", flush=True)
if mode == "die":
    print("Fatal error: No such file: libMonoPosixHelper.so", flush=True)
    sys.exit(1)
if mode == "reject":
    sys.stdout.write("There was an error executing command 'machine LoadPlatformDescription @platform.repl'\r\n")
    sys.stdout.write("Error E06: Could not resolve type: 'UART.STM32_UART'.\r\n\x1b[33;1m(stm32f4)\x1b[0m ")
    sys.stdout.flush()
    while sys.stdin.readline().strip() != "quit":
        pass
    sys.exit(0)
if mode == "hang":
    print("12:00:00.0002 [INFO] still thinking", flush=True)
    time.sleep(60)
time.sleep(0.3)  # Renode takes seconds
found = re.search(r'CreateServerSocketTerminal (\d+) "term" false true', script)
assert found is not None
with socket.create_server(("127.0.0.1", int(found[1]))) as listener:
    line, _ = listener.accept()
    line.sendall(b"kept until now")
    if mode == "drop":
        print("Fatal error: the emulation crashed", flush=True)
        sys.exit(3)
    with suppress(OSError):  # the client may leave without reading
        line.sendall(line.recv(100).upper())
    if mode == "deaf":
        time.sleep(60)
    while sys.stdin.readline().strip() != "quit":
        pass
    with Path(os.environ["FAKE_RENODE_TRACE"]).open("a") as trace:
        trace.write(" quit")
