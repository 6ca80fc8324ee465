"""`meisu doctor`."""

import typer

from service import doctor as machine
from service.commands import HERE, Data, Host, Port
from service.settings import Settings

app = typer.Typer()


@app.command()
def doctor(host: Host = "127.0.0.1", port: Port = 8000, data: Data = HERE) -> None:
    """检查运行环境 / Check what the service needs, and say what to do."""
    findings = machine.examine(Settings().model_copy(update={"data": data}), host, port)
    machine.show(findings)
    if any(finding.state is machine.State.FAILS for finding in findings):
        raise typer.Exit(1)
