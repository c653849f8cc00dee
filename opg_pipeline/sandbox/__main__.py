"""`python -m opg_pipeline.sandbox`: the command line of the sandbox and nothing else."""

from __future__ import annotations

import argparse
import sys
from datetime import date

from opg_pipeline.sandbox.ledger import MONTHLY, UNTIL
from opg_pipeline.sandbox.server import credentials, serve


def _fault(text: str) -> tuple[str, str]:
    app, found, spec = text.partition("=")
    if not found:
        raise argparse.ArgumentTypeError("write app=fault, for example e_pbb=500")
    return app, spec


def _scale(text: str) -> float | str:
    if text == MONTHLY:
        return text
    if not 0 < (factor := float(text)) <= 1000:
        raise argparse.ArgumentTypeError("a factor above 0 and at most 1000, or `monthly`")
    return factor


def main(arguments: list[str] | None = None) -> int:
    """Serve the city, or print what a client must know to call it."""
    parser = argparse.ArgumentParser(
        prog="python -m opg_pipeline.sandbox", description="Serve a simulated city over HTTP."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port, 0 for a free one (default)")
    parser.add_argument("--seed", type=int, default=1, help="which city (default %(default)s)")
    parser.add_argument(
        "--until", type=date.fromisoformat, default=UNTIL, help="its last day, yyyy-mm-dd (default %(default)s)"
    )
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="APP=FAULT", help="break a service; repeatable"
    )
    parser.add_argument(
        "--scale", type=_scale, default=1.0, help="how many times the default records, or `monthly` for real volumes"
    )
    parser.add_argument("--credentials", action="store_true", help="print the keys of this seed as NAME=value and stop")
    options = parser.parse_args(arguments)
    if options.credentials:
        for name, value in credentials(options.seed).items():
            sys.stdout.write(f"{name}={value}\n")
        return 0
    try:
        serve(options.host, options.port, options.seed, options.until, dict(options.fault), options.scale)
    except ValueError as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
