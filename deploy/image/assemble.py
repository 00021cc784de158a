"""Divides the environment that runs the worker into the layers of the image. The build runs it in that environment.

`python assemble.py CODE LOCK LAYERS` puts ffmpeg, the dependencies and the code into one tree each, below LAYERS.
Files of the dependencies that the worker never opens are left out. Beside the code is a list of all that is there, and
beside ffmpeg are its licence and an offer of its source.
"""

from __future__ import annotations

import compileall
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from py_compile import PycInvalidationMode

from sbom import sbom  # type: ignore[import-not-found]  # beside this file

_ENVIRONMENT = Path(sys.prefix)
# The services that the worker calls, and those that give credentials of roles and of single sign-on.
_AWS_SERVICES = {"sqs", "s3", "dynamodb", "sns", "events", "sts", "sso", "sso-oidc", "signin"}
# Only `worker demo` draws on a screen, and it is not in the image.
_OF_THE_DEMO = ("rich", "pygments", "markdown_it", "mdurl")
_WORKER = """\
#!{python}
import sys

from worker.__main__ import main

sys.exit(main())
"""
_OFFER = """\
This image contains ffmpeg {version}, under the GNU General Public License, version 3 or later (GPL-3.0.txt), as it is
in the package imageio-ffmpeg. Its configuration is what `ffmpeg -version` prints:

{build}
Written offer, valid for three years from the day on which you received this image: the one who gave it to you gives
you the complete corresponding source of this version of ffmpeg and of the libraries in it, for no more than the cost
of doing so (section 6 of the licence). Name the version above when you ask. If you give the image to others, you have
to make them the same offer. The source of ffmpeg is also at https://ffmpeg.org, and that of the scripts that built
it at https://github.com/BtbN/FFmpeg-Builds.
"""


def main(code: Path, lock: Path, layers: Path) -> None:
    packages = Path(sysconfig.get_path("purelib"))
    licences = _ENVIRONMENT / "share" / "licenses" / "ffmpeg"
    licences.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("GPL-3.0.txt"), licences)
    build = _ffmpeg_says(packages)
    ffmpeg_version = build.split()[2]
    (licences / "OFFER.txt").write_text(_OFFER.format(version=ffmpeg_version, build=build), encoding="utf-8")
    _trim(packages)
    shutil.copytree(code, packages / "worker")
    command = _ENVIRONMENT / "bin" / "worker"
    version = runpy.run_path(str(code / "__init__.py"))["__version__"]
    contents = _ENVIRONMENT / "share" / "sbom.cdx.json"
    contents.write_text(sbom(lock, ffmpeg_version, version), encoding="utf-8")
    command.write_text(_WORKER.format(python=sys.executable), encoding="utf-8")
    command.chmod(0o755)
    _compile(packages)
    for layer, paths in {
        "ffmpeg": [packages / "imageio_ffmpeg", licences],
        "code": [packages / "worker", command, contents],
        "dependencies": [_ENVIRONMENT],  # the rest
    }.items():
        for path in paths:
            target = layers / layer / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)


def _ffmpeg_says(packages: Path) -> str:
    (program,) = (packages / "imageio_ffmpeg" / "binaries").glob("ffmpeg-*")
    return subprocess.run([program, "-version"], check=True, capture_output=True, text=True).stdout


def _trim(packages: Path) -> None:
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in _AWS_SERVICES:
            shutil.rmtree(service)
    for name in _OF_THE_DEMO:
        for path in packages.glob(f"{name}*"):
            shutil.rmtree(path)


def _compile(packages: Path) -> None:
    """Make bytecode that no start compares with its source: the root filesystem may be read-only, and times differ."""
    if not compileall.compile_dir(
        packages, quiet=1, force=True, workers=0, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    ):
        raise SystemExit("a file does not compile")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
