"""The command line of `toffee export`."""

import argparse
from pathlib import Path


def add_export(commands: argparse._SubParsersAction) -> None:
    """Add the command `export`."""
    export = commands.add_parser(
        "export",
        help="push an exported dataset or pipeline to a hub, if its licences are known",
        description="Without --push it only says what would be pushed, and under which licences.",
    )
    export.add_argument("folder", type=Path, metavar="FOLDER", help="e.g. results/tiny/dataset/hub")
    export.add_argument("--push", metavar="OWNER/NAME", help="the repository; HF_TOKEN opens it")
    export.add_argument(
        "--public", action="store_true", help="let everybody see a new one; default: private"
    )
    export.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from toffee.export.push import look_into, push

    folder = look_into(options.folder)
    size = sum(path.stat().st_size for path in folder.files)
    print(f"{options.folder}: a {folder.kind}, {len(folder.files)} files, {size:,} bytes")
    for licence, count in sorted(folder.licences.items()):
        print(f"  {count} under {licence}")
    folder.require_known_licences()
    if options.push:
        print(push(folder, options.push, options.public, print))
    return 0
