"""Transports: children never outlive kerf, a broken line has a reason, ports have pyserial's names."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from serial.urlhandler import protocol_socket

from tools import ports, targets
from tools.errors import BuildError, MissingTool, TransportError
from tools.transports import fake, host, qemu, serial, tool
from tools.values import Emulator

ECHO_SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    print("listening on", server.getsockname()[1], flush=True)
    client = server.accept()[0]
    while data := client.recv(100):
        if data == b"exit":
            sys.exit("giving up: out of fuel")
        client.sendall(data)
    import time; time.sleep(60)
"""


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    return script(tmp_path / "echo.elf", ECHO_SERVER)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] == "Z"


def eventually(condition: Callable[[], bool], seconds: float = 600.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def receive(line: fake.Transport, count: int) -> bytes:
    data = b""
    deadline = time.monotonic() + 600
    while len(data) < count and time.monotonic() < deadline:
        data += line.read(0.2)
    return data


def test_host_echo_and_silence(echo: Path) -> None:
    with host.open(echo) as line:
        assert not line.emulated
        line.write(b"ping")
        assert receive(line, 4) == b"ping"
        begin = time.monotonic()
        assert line.read(0.1) == b""
        assert 0.09 <= time.monotonic() - begin < 60
        assert line.alive() is None
    assert is_gone(line.pid)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_child_is_killed_on_exceptions(echo: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), host.open(echo) as line:
        raise error
    assert is_gone(line.pid)


def test_last_words_of_a_child(echo: Path) -> None:
    with host.open(echo) as line:
        line.write(b"exit")
        with pytest.raises(
            TransportError, match=r"echo.elf ended with exit code 1; its last output: giving up: out of fuel"
        ):
            receive(line, 1)


def test_killed_child_is_named_soon(echo: Path) -> None:
    with host.open(echo) as line:
        os.kill(line.pid, signal.SIGKILL)
        begin = time.monotonic()
        with pytest.raises(TransportError, match=r"echo.elf was killed by SIGKILL"):
            receive(line, 1)
        assert time.monotonic() - begin < 60
        assert line.alive() == "echo.elf was killed by SIGKILL"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
def test_child_dies_with_kerf(echo: Path) -> None:
    """If kerf is killed with SIGKILL, it cannot clean up: the kernel does."""
    program = f"""
import time
from pathlib import Path
from tools.transports import host
with host.open(Path({str(echo)!r})) as line:
    print(line.pid, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as kerf:
        assert kerf.stdout is not None
        pid = int(kerf.stdout.readline())
        assert not is_gone(pid)
        kerf.kill()
    assert eventually(lambda: is_gone(pid))


def test_programs_that_do_not_start(tmp_path: Path) -> None:
    with pytest.raises(MissingTool, match="build it first"), host.open(tmp_path / "nothing.elf"):
        pass
    with (
        pytest.raises(TransportError, match=r"ended with exit code 3; its last output: no"),
        host.open(script(tmp_path / "bad.elf", "import sys; print('no', file=sys.stderr); sys.exit(3)")),
    ):
        pass


def test_missing_qemu_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(MissingTool, match="sudo apt-get install qemu-system-arm"),
        qemu.open(tmp_path / "firmware.elf", Emulator("qemu", {"machine": "microbit"})),
    ):
        pass


def test_qemu_without_a_machine() -> None:
    with pytest.raises(TransportError, match="set its custom_qemu_machine"):
        qemu.command(Path("firmware.elf"), {}, 3)


@pytest.mark.emulator
def test_an_esp32_starts_from_an_image_of_its_flash(tmp_path: Path) -> None:
    emulator = targets.find("esp32").emulators["qemu"]
    assert tool(emulator).program == "qemu-system-xtensa"
    command = qemu.command(Path("a,b.bin"), emulator.settings, 3)
    assert command[:3] == ["qemu-system-xtensa", "-machine", "esp32"] and "-kernel" not in command
    assert command[command.index("-drive") + 1] == "file=a,,b.bin,if=mtd,format=raw"
    assert command[command.index("-global") + 1] == "driver=timer.esp32.timg,property=wdt_disable,value=true"

    flash_image = ports.find("espidf").flash_image
    assert flash_image is not None
    parts = {0x1000: "bootloader", 0x8000: "partitions", 0x10000: "firmware"}
    for name in parts.values():
        with pytest.raises(BuildError, match=f"there is no {name}.bin next to .*: build it again"):
            flash_image(tmp_path / "firmware.elf")
        (tmp_path / f"{name}.bin").write_bytes(name.encode())
    image = flash_image(tmp_path / "firmware.elf")
    assert len(image) == 4 << 20
    assert all(image[at : at + len(name)] == name.encode() for at, name in parts.items())
    assert set(image) - set("".join(parts.values()).encode()) == {0xFF}


@pytest.mark.skipif(qemu.TOOL.find() is None, reason="qemu-system-arm is not installed")
def test_qemu_that_ends_early_says_why(tmp_path: Path) -> None:
    begin = time.monotonic()
    with (
        pytest.raises(TransportError, match=r"qemu-system-arm ended with exit code 1; .*unsupported machine type"),
        qemu.open(tmp_path / "firmware.elf", Emulator("qemu", {"machine": "toaster"})) as line,
    ):
        receive(line, 1)
    assert time.monotonic() - begin < 60


def test_socket_url_has_no_delay_and_says_when_it_breaks() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"socket://127.0.0.1:{server.getsockname()[1]}"
        with serial.open(url) as line:
            peer = server.accept()[0]
            assert line._port._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            later = threading.Timer(0.1, peer.sendall, (b"x" * 10_000,))
            later.start()
            assert receive(line, 10_000) == b"x" * 10_000
            later.join()
            peer.close()
            with pytest.raises(TransportError, match="was disconnected"):
                receive(line, 1)


@pytest.mark.parametrize("name", ["/dev/nothing-here", "socket://127.0.0.1:1", "nonsense://x"])
def test_ports_that_cannot_be_opened(name: str) -> None:
    with pytest.raises(TransportError, match="cannot open"), serial.open(name):
        pass


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo terminals on this system")
def test_serial_device() -> None:
    """A pseudo terminal is a serial port that can be unplugged."""
    controller, terminal = os.openpty()
    try:
        with serial.open(os.ttyname(terminal), low_control_lines=False) as line:
            line.write(b"\0\x01\xff")
            assert os.read(controller, 10) == b"\0\x01\xff"
            os.write(controller, b"\0answer\n")
            assert receive(line, 8) == b"\0answer\n"
            os.close(terminal)
            terminal = -1
            os.close(controller)
            controller = -1
            with pytest.raises(TransportError, match="was disconnected"):
                receive(line, 1)
    finally:
        for end in (controller, terminal):
            if end >= 0:
                os.close(end)


def test_fake_target_keeps_its_own_time() -> None:
    with fake.open(lambda data: data[::-1]) as target:
        target.write(b"abc")
        target.say(b"!")
        assert target.read(1.0) == b"cba!"
        assert target.now() == 0.0
        assert target.read(5.0) == b""
        assert target.now() == 5.0
        target.die("it is gone")
        assert target.alive() == "it is gone"
        with pytest.raises(TransportError, match="it is gone"):
            target.write(b"")


def test_unreliable_repeats_itself() -> None:
    def noise(seed: int) -> bytes:
        line = fake.Unreliable(fake.FakeTarget(lambda data: data), fake.Faults(0.2, 0.2, 0.2, 0.2, 0.2), seed)
        received = b""
        for i in range(100):
            line.write(b"%02d " % i)
            received += line.read(0.1)
        assert line.injected > 50
        return received

    assert noise(1) == noise(1) != noise(2)


def test_unreliable_without_faults_is_transparent() -> None:
    line = fake.Unreliable(fake.FakeTarget(lambda data: data), fake.Faults())
    line.write(b"all of it")
    assert line.read(1.0) == b"all of it"
    assert line.injected == 0


def test_what_a_socket_says_first_is_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Often enough to meet the moment between connecting and being ready."""
    monkeypatch.setattr(protocol_socket.time, "sleep", lambda seconds: None)  # 0.3 s each time that pyserial closes one

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"boot")
            connection.recv(1)  # until the client leaves

    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve, args=(listener,))
            server.start()
            with serial.open(f"socket://127.0.0.1:{listener.getsockname()[1]}") as line:
                assert line.read(5.0) == b"boot"
            server.join()
