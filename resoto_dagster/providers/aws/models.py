"""botocore's models of AWS's services: loaded once in a process, without what is only for people to read."""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from botocore.loaders import JSONFileLoader, Loader


class ModelFiles(JSONFileLoader):
    """Reads the files of models. Half of what they hold is documentation, which nothing here asks for."""

    def load_file(self, file_path: str) -> Any:
        """What the file holds, whose suffix is left out of the path; None when there is none."""
        plain, zipped = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            return without_documentation(orjson.loads(plain.read_bytes()))
        if zipped.is_file():
            return without_documentation(orjson.loads(gzip.decompress(zipped.read_bytes())))
        return None


def without_documentation(model: dict[str, Any]) -> dict[str, Any]:
    """The model, with the documentation taken out of its operations, shapes and their members."""
    for described in _described(model):
        if isinstance(described.get("documentation"), str):
            del described["documentation"]
    return model


def _described(model: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    shapes = model.get("shapes", {}).values()
    yield from model.get("operations", {}).values()
    for shape in shapes:
        yield shape
        yield from shape.get("members", {}).values()


LOADER = Loader(file_loader=ModelFiles())
"""What all sessions load models with. It serves one thread at a time."""
