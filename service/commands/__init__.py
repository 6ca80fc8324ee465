"""The parts of the `meisu` command, one file for each that needs much of its own, and the options that they share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", envvar="MEISU_DATA", readable=False, help="数据目录 / the data folder")]
Host = Annotated[str, typer.Option(help="监听地址 / the address to listen on")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="监听端口 / the port to listen on")]

HERE = Path(".meisu")
