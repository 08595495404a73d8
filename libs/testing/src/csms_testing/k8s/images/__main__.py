"""`make k8s-images`: builds what the chart's trial runs beside our image, from Maven's jars and Debian's packages."""

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from csms_testing.k8s.names import KAFKA_IMAGE, NGINX_IMAGE, POSTGRES_IMAGE
from csms_testing.kafka_jars import KafkaError, kafka_jars

_HERE = Path(__file__).parent
_IN_VALUES = {
    "trial.kafka.image": KAFKA_IMAGE,
    "trial.postgresql.image": POSTGRES_IMAGE,
    "http.router.image": NGINX_IMAGE,
}
"""Where they stand in the chart's values."""


def main(
    engine: Annotated[str, typer.Option(help="Command that builds images: buildah, podman, docker or the like.")],
    load: Annotated[
        str, typer.Option(help="Command that gives the cluster's nodes images, by name; empty: none.")
    ] = "",
    also: Annotated[list[str] | None, typer.Option(help="Image that is there and is to be given, too.")] = None,
) -> None:
    """Build images of Kafka, PostgreSQL and nginx, and give them to the cluster. Maven is needed the first time."""
    try:
        _build(engine, "kafka", KAFKA_IMAGE, {"libs": kafka_jars()})
        _build(engine, "postgres", POSTGRES_IMAGE, {})
        _build(engine, "nginx", NGINX_IMAGE, {})
        if load:
            _run([*shlex.split(load), *_IN_VALUES.values(), *(also or [])], Path.cwd())
    except (KafkaError, subprocess.CalledProcessError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"A trial with these images: helm install ... --set {','.join(map('='.join, _IN_VALUES.items()))}")


def _build(engine: str, name: str, image: str, folders: dict[str, Path]) -> None:
    """Build in a folder of its own: an engine may see nothing but the folder it is started in."""
    with tempfile.TemporaryDirectory(prefix="csms-image-") as directory:
        context = Path(directory) / name
        shutil.copytree(_HERE / name, context)
        for target, source in folders.items():
            shutil.copytree(source, context / target)
        _run([*shlex.split(engine), "build", "--tag", image, "."], context)


def _run(command: list[str], directory: Path) -> None:
    subprocess.run(command, cwd=directory, check=True, stdin=subprocess.DEVNULL)  # noqa: S603 the user's own command


if __name__ == "__main__":
    typer.run(main)
