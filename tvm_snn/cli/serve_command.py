"""`tvm-snn serve`: let this machine run networks for others."""

import click

from ..remote.address import Address, parse_address
from ..remote.protocol import DEFAULT_PORT
from ..remote.server import Tracker, serve

_LOOPBACK = "127.0.0.1"
_WARNING = (
    "Whoever can connect to this address can run any code on this machine as you: RPC has no "
    "password and no encryption."
)
_OPEN = " It is open to the network. Do this in a network you trust, or forward a port by ssh."


@click.command("serve", short_help="Let this machine run networks for others.")
@click.option(
    "--host",
    default=_LOOPBACK,
    show_default=True,
    help="The address to listen at. The default can be reached from this machine only, and through "
    '`ssh -L`; "0.0.0.0" is every network that it is in.',
)
@click.option(
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 0xFFFF),
    help="The port to listen at; 0 takes a free one.",
)
@click.option(
    "--tracker", help="Offer this machine for tuning to an RPC tracker: its host:port. Needs --key."
)
@click.option("--key", default="", help="What machines of this kind are called at the tracker.")
@click.option(
    "--own-address",
    default="",
    help="The address that the tracker hands out, where it is not the one it sees.",
)
def serve_command(host: str, port: int, tracker: str | None, key: str, own_address: str) -> None:
    """Run networks for `tvm_snn.connect`, `tvm-snn run --remote` and `tvm-snn tune --runner`.

    One session at a time, each in a process of its own; ends with Ctrl-C.
    """
    if bool(tracker) != bool(key):
        raise click.UsageError("--tracker and --key belong together: give both, or none.")
    offered = Tracker(parse_address(tracker), key, own_address) if tracker else None

    def ready(address: Address) -> None:
        click.echo(_WARNING + ("" if host in (_LOOPBACK, "::1", "localhost") else _OPEN), err=True)
        click.echo(f"serving at {address}")

    try:
        serve(Address(host, port), offered, ready)
    except KeyboardInterrupt:
        click.echo("stopped")
