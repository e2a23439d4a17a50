"""Check what a release holds: ``python tools/check_dist.py FOLDER [--version VERSION] [--complete]``.

The source distribution has every file that the repository has, and nothing that a build makes. A wheel has the
package's modules, extensions, stubs and data, no sources in C or Cython, and is small. ``--version``: all carry it.
``--complete``: there is a source distribution, and a wheel for each Python on each platform.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "cgrad"
MOST = 2_000_000  # bytes of a wheel
FOR_GIT = {".gitignore"}
SOURCES = (".pyx", ".pxi", ".pxd", ".c", ".h", ".def")
DATA = ("py.typed", "special.h")
PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp315")
PLATFORMS = {
    ("manylinux", "x86_64"), ("manylinux", "aarch64"), ("musllinux", "x86_64"), ("musllinux", "aarch64"),
    ("macosx", "x86_64"), ("macosx", "arm64"), ("win", "amd64"),
}


def committed() -> set[str]:
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in asked.stdout.split("\0") if name and (ROOT / name).exists()}


def source_faults(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    made = {name for name in names if name in ("PKG-INFO", "setup.cfg") or ".egg-info/" in name}
    wanted = committed() - FOR_GIT if (ROOT / ".git").exists() else set()
    faults = [f"lacks {name}" for name in sorted(wanted - names)]
    if wanted:
        faults += [f"holds {name}, which is not committed" for name in sorted(names - made - wanted)]
    return faults


def wheel_faults(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    shipped = {file.relative_to(PACKAGE.parent).as_posix() for file in PACKAGE.rglob("*")
               if file.is_file() and "__pycache__" not in file.parts
               and (file.suffix in (".py", ".pyi") or file.name in DATA or file.parent.name == "data")}
    faults = [f"lacks {name}" for name in sorted(shipped - names | {"cgrad/_gen/__init__.pyi"} - names)]
    faults += [f"lacks the extension {file.stem}" for file in sorted(PACKAGE.glob("*.pyx"))
               if not any(name.startswith(f"cgrad/{file.stem}.") and name.endswith((".so", ".pyd")) for name in names)]
    faults += [f"holds {name}" for name in sorted(names - shipped) if name.endswith(SOURCES)]
    if path.stat().st_size > MOST:
        faults.append(f"is {path.stat().st_size} bytes, more than {MOST}")
    return faults


def kind(wheel: Path) -> tuple[str, tuple[str, str]]:
    """The Python and the platform, without its version, that a wheel's name says."""
    python, _, platform = wheel.stem.split("-")[2:]
    for name, machine in PLATFORMS:
        if platform.startswith(name) and platform.endswith(machine):
            return python, (name, machine)
    return python, (platform, "")


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("folder", type=Path)
    asked.add_argument("--version")
    asked.add_argument("--complete", action="store_true")
    options = asked.parse_args()
    sources, wheels = sorted(options.folder.glob("*.tar.gz")), sorted(options.folder.glob("*.whl"))
    faults = []
    for path in (*sources, *wheels):
        found = source_faults(path) if path in sources else wheel_faults(path)
        version = path.name.removesuffix(".tar.gz").split("-")[1]
        if options.version and version != options.version:
            found.append(f"has version {version}, not {options.version}")
        print(f"{path.name}: {path.stat().st_size:,} bytes, {f'{len(found)} faults' if found else 'good'}")
        faults += [f"{path.name} {fault}" for fault in found]
    if options.complete:
        if len(sources) != 1:
            faults.append(f"{len(sources)} source distributions")
        wanted = {(python, platform) for python in PYTHONS for platform in PLATFORMS}
        faults += [f"no wheel for {python} on {'-'.join(platform)}"
                   for python, platform in sorted(wanted - {kind(wheel) for wheel in wheels})]
    if not sources and not wheels:
        faults.append(f"nothing in {options.folder}")
    print(*faults, sep="\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
