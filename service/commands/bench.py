"""`meisu bench`."""

from typing import Annotated

import typer

from service import bench as figures

app = typer.Typer()


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="较小的账本, 三分钟内 / smaller books, within 3 minutes")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
) -> None:
    """测量性能 / Measure the service beside its yardsticks; exit 1 where a goal is missed."""
    rows = figures.run(quick=quick, say=lambda line: typer.echo(line, err=True))
    typer.echo(figures.as_json(rows)) if as_json else figures.show(rows)
    if not all(row.ok for row in rows):
        raise typer.Exit(1)
