"""Real builds with PlatformIO: what is compiled again, the sizes of the image, and the message for each failure."""

import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from port_project import Silent, Stub, linked, project, require

from tools import build, scons, targets, write
from tools.errors import BuildError, DoesNotFit, MissingTool
from tools.transports import host, renode, serial
from tools.values import Target

MODEL = """
extern "C" alignas(16) const int8_t kerf_constant_weights[1000] = {1};
extern "C" { alignas(16) uint8_t kerf_arena[4096]; }
extern "C" [[gnu::constructor]] void touch() {
    kerf_arena[0] = static_cast<uint8_t>(*const_cast<volatile int8_t*>(kerf_constant_weights));
}
"""


@pytest.fixture
def stm32f4() -> Target:
    require("arm-none-eabi-g++")
    return targets.find("stm32f4")


@pytest.fixture
def this_machine() -> Target:
    require("g++")
    return targets.find("host")


@pytest.mark.emulator
def test_the_image_says_where_its_bytes_are(stm32f4: Target, tmp_path: Path) -> None:
    """Model constants and the arena are recognized by their symbols."""
    image = linked(stm32f4, tmp_path / "without")
    assert image.flash_bytes == {"total": image.flash_bytes["code"], "code": image.flash_bytes["code"], "model": 0}
    assert image.arena_bytes == 0
    larger = linked(stm32f4, tmp_path / "with", MODEL)
    assert larger.arena_bytes == 4096
    assert larger.flash_bytes["model"] == 1000
    assert larger.flash_bytes["total"] == larger.flash_bytes["code"] + 1000
    assert 0 <= larger.flash_bytes["code"] - image.flash_bytes["code"] < 100
    assert 0 <= larger.static_bytes - image.static_bytes < 16


@pytest.mark.emulator
def test_renode_finds_the_clock_that_it_replaces(stm32f4: Target, tmp_path: Path) -> None:
    """Its hooks find functions by the names of their symbols."""
    image = linked(stm32f4, tmp_path / "p")
    said = renode.machine(image.elf, stm32f4.emulators["renode"].settings, 20_000)["clock.py"].decode()
    assert [line.split()[-1] for line in said.splitlines() if "cpu.AddHook(" in line] == [f"{f})" for f in renode.CLOCK]


@pytest.mark.emulator
def test_the_same_flash_total_as_binutils(stm32f4: Target, tmp_path: Path) -> None:
    """objcopy writes exactly what is loaded, from the first address to the last."""
    image = linked(stm32f4, tmp_path / "p")
    binary = tmp_path / "firmware.bin"
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", image.elf, binary], check=True)
    assert 0 <= binary.stat().st_size - image.flash_bytes["total"] < 16  # gaps of alignment


@pytest.mark.compiler
def test_a_second_build_compiles_nothing(this_machine: Target, tmp_path: Path) -> None:
    made = project(this_machine)
    assert write.write(made, tmp_path).changed == len(made.files)
    assert build.build(tmp_path, made, this_machine, Silent()).rebuilt
    assert write.write(made, tmp_path).changed == 0
    assert not build.build(tmp_path, made, this_machine, Silent()).rebuilt
    for path in tmp_path.rglob("*"):  # rewritten with equal contents
        if path.is_file() and ".pio" not in path.parts:
            path.write_bytes(path.read_bytes())
    assert not build.build(tmp_path, made, this_machine, Silent()).rebuilt
    stub = "src/bench/stub_bench.cpp"
    changed = replace(made, files={**made.files, stub: made.files[stub] + b"int changed;\n"})
    assert write.write(changed, tmp_path).changed == 2  # and the manifest
    assert build.build(tmp_path, changed, this_machine, Silent()).rebuilt


@pytest.mark.compiler
def test_two_projects_at_once_use_their_own_platform(this_machine: Target, tmp_path: Path) -> None:
    """Each has its own copy of the platform with the same name; the copies differ in one flag, which the ELF shows."""
    names = ("one", "two")
    for name in names:
        made = project(this_machine, f'extern "C" int MARK; int MARK = 1;  // {name}\n')
        script = "platform/builder/main.py"
        flag = f'CCFLAGS=["-DMARK=mark_{name}", '.encode()
        marked = made.files[script].replace(b"CCFLAGS=[", flag, 1)
        assert marked != made.files[script]
        write.write(replace(made, files={**made.files, script: marked}), tmp_path / name)
    failures: list[BaseException] = []

    def run(name: str) -> None:
        try:
            build.build(tmp_path / name, made, this_machine, Silent())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for name, other in (names, names[::-1]):
        elf = (tmp_path / name / ".pio" / "build" / "host" / "firmware.elf").read_bytes()
        assert f"mark_{name}".encode() in elf
        assert f"mark_{other}".encode() not in elf


@pytest.mark.compiler
def test_projects_share_objects_and_nothing_else(this_machine: Target, tmp_path: Path) -> None:
    """SCons' notes must be in the project's folder: elsewhere, the project that ends last would overwrite them."""
    cache = tmp_path / "cache"
    made = project(this_machine)
    for name in ("one", "two"):
        write.write(made, tmp_path / name)
        build.build(tmp_path / name, made, this_machine, Silent(), build.shared(cache, made, this_machine))
        assert [path.name[:9] for path in (tmp_path / name).rglob(".sconsign*")] == [".sconsign"]
    assert list(cache.rglob(".sconsign*")) == []
    log = (tmp_path / "two" / build.LOG).read_text()
    assert "Compiling" not in log and "Retrieved `.pio/build/host/src/bench/stub_bench.o' from cache" in log


@pytest.mark.compiler
def test_a_project_builds_where_it_was_moved_to(this_machine: Target, tmp_path: Path) -> None:
    made = project(this_machine)
    write.write(made, tmp_path / "here")
    build.build(tmp_path / "here", made, this_machine, Silent())
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert build.build(tmp_path / "there", made, this_machine, Silent()).elf.is_file()


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("namespace kerf { uint8_t big[200000]; }", r"needs 2\d\d,\d{3} bytes of RAM, but stm32f4 has 131,072"),
        (
            "namespace kerf { extern const uint8_t big[1 << 21]; const uint8_t big[1 << 21] = {1}; }",
            r"needs 2,\d{3},\d{3} bytes of flash, but stm32f4 has 1,048,576",
        ),
    ],
    ids=["RAM", "flash"],
)
def test_too_much_memory_is_said_with_both_numbers(stm32f4: Target, tmp_path: Path, extra: str, said: str) -> None:
    keep = '\n[[gnu::constructor]] void keep() { asm volatile("" ::"r"(kerf::big)); }\n'
    with pytest.raises(DoesNotFit, match=said):
        linked(stm32f4, tmp_path, extra + keep)


@pytest.mark.compiler
def test_a_compile_error_is_one_sentence(this_machine: Target, tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        linked(this_machine, tmp_path, "int broken = nowhere;\n")
    said = str(caught.value)
    assert "stub_bench.cpp" in said and "nowhere" in said
    assert said.endswith(f"the full output is in {tmp_path / build.LOG}")
    assert "nowhere" in (tmp_path / build.LOG).read_text()


@pytest.mark.compiler
def test_a_warning_in_own_code_is_an_error(this_machine: Target, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="unused"):
        linked(this_machine, tmp_path, "static int nobody_calls_it() { return 1; }\n")


@pytest.mark.emulator
def test_a_board_that_exists_in_an_emulator_only_cannot_be_flashed(tmp_path: Path) -> None:
    require("arm-none-eabi-g++")
    target = targets.find("microbit")
    made = project(target)
    write.write(made, tmp_path / "p")
    openocd = tmp_path / "openocd"
    openocd.write_text("#!/bin/sh\nexit 1\n")
    openocd.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        with pytest.raises(BuildError, match="only exists in an emulator; there is nothing to upload to"):
            build.upload(tmp_path / "p", target, Silent())


@pytest.mark.emulator
@pytest.mark.parametrize("code", [0, 1])
def test_upload_hands_the_elf_to_openocd(stm32f4: Target, tmp_path: Path, code: int) -> None:
    write.write(project(stm32f4), tmp_path / "p")
    openocd = tmp_path / "openocd"
    openocd.write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word"; done > {tmp_path}/words\nexit {code}\n')
    openocd.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        if code == 0:
            build.upload(tmp_path / "p", stm32f4, Silent())
        else:
            with pytest.raises(BuildError, match="stm32f4 failed"):
                build.upload(tmp_path / "p", stm32f4, Silent())
    words = (tmp_path / "words").read_text().splitlines()
    assert words[:2] == ["-f", "interface/stlink.cfg"]
    assert words[-1] == "program {.pio/build/stm32f4/firmware.elf} verify reset; shutdown"


@pytest.mark.emulator
def test_a_fresh_core_folder_without_the_registry(
    stm32f4: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that has never run PlatformIO and only reaches PyPI."""
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    monkeypatch.setattr(scons, "registry_answers", lambda: False)
    assert linked(stm32f4, tmp_path / "p").rebuilt
    assert sorted(os.listdir(tmp_path / "core" / "packages")) == ["tool-scons"]


def test_a_missing_compiler_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(scons, "registry_answers", lambda: False)
    with pytest.raises(MissingTool, match=r"arm-none-eabi-g.. is not installed; get it with: sudo apt-get install"):
        linked(targets.find("stm32f4"), tmp_path / "p")
    with pytest.raises(MissingTool, match=r"g.. is not installed; get it with: sudo apt-get install g"):
        linked(targets.find("host"), tmp_path / "p")


@pytest.mark.compiler
def test_the_host_port_keeps_its_link(this_machine: Target, tmp_path: Path) -> None:
    """Bytes both ways, a reset in between, and a clock in microseconds."""
    image = linked(this_machine, tmp_path)
    with host.open(image.elf) as line:
        stub = Stub(line)
        stub.meet()
        data = bytes(range(256)) * 40
        assert stub.echo(data) == data
        line.write(b"r")
        assert stub.receive(5) == b"BOOT\n"
        assert stub.echo(data) == data
        hz, stack, spare, initialised, zero = stub.ask(b"i", "5I")
        assert (hz, stack, spare, initialised, zero) == (1_000_000, 0, 65536, 0x12345678, 0)
        backwards, microseconds = stub.ask(b"m" + (200_000).to_bytes(4, "little"), "IQ")
        assert backwards == 0
        assert 100 < microseconds < 20_000_000


@pytest.mark.compiler
def test_the_host_port_takes_one_client_after_the_other(this_machine: Target, tmp_path: Path) -> None:
    image = linked(this_machine, tmp_path)
    process = subprocess.Popen([image.elf, "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline().removeprefix("listening on "))
        for boot in (b"BOOT\n", b"", b""):
            with serial.open(f"socket://127.0.0.1:{port}") as line:
                stub = Stub(line)
                assert stub.receive(len(boot)) == boot
                assert stub.echo(b"hello") == b"hello"
    finally:
        process.kill()
        process.communicate()
