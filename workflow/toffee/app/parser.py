"""The command line of `toffee app`."""

import argparse

from toffee.runtime.arguments import whole
from toffee.use.parser import add_model


def add_app(commands: argparse._SubParsersAction) -> None:
    """Add the command `app`."""
    app = commands.add_parser(
        "app",
        help="a page on this machine to draw and edit with the mouse",
        description="Serves a page on loopback, to this machine alone; it needs no network.",
    )
    app.add_argument(
        "--port", type=whole(0, 65535), default=7860, metavar="N", help="7860; 0: a free one"
    )
    add_model(app)
    app.set_defaults(run=_app)


def _app(options: argparse.Namespace) -> int:
    from toffee.app.server import serve
    from toffee.app.studio import Studio
    from toffee.use.command import require_drawings
    from toffee.use.model import find_model, usable_device

    model = find_model(options.results, options.pipeline, options.segmenter)
    require_drawings(options.out)
    device = usable_device(options.device)
    serve(Studio(model, options.out, device, options.dtype), options.port)
    return 0
