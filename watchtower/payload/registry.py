"""The protocols that are read: one list, which the configuration and the recognition name them by."""

from collections.abc import Callable
from typing import Final

from watchtower.payload.adapter import Adapter
from watchtower.payload.generic import Json
from watchtower.payload.mapped import Mapped
from watchtower.payload.mlflow import MLflow
from watchtower.payload.openai import OpenAI
from watchtower.payload.sagemaker import SageMaker
from watchtower.payload.settings import MappingSettings
from watchtower.payload.torchserve import TorchServe
from watchtower.payload.v1 import V1
from watchtower.payload.v2 import V2

_Make = Callable[[tuple[str, ...]], Adapter]
_PROTOCOLS: Final[tuple[tuple[str, _Make], ...]] = (
    (V1.name, V1),
    (V2.name, V2),
    (MLflow.name, MLflow),
    (SageMaker.name, SageMaker),
    (TorchServe.name, TorchServe),
    (OpenAI.name, OpenAI),
    (Json.name, Json),
)
ADAPTERS: Final = (*(name for name, _ in _PROTOCOLS), Mapped.name)


def adapter(name: str, mapping: MappingSettings | None = None, classes: tuple[str, ...] = ()) -> Adapter:
    """The protocol of that name. The classes name the positions of probabilities in its answers.

    A `ValueError` says that there is none of that name, or which path of a mapping is none.
    """
    if name == Mapped.name:
        return Mapped(mapping or MappingSettings(), classes)
    make = dict(_PROTOCOLS).get(name)
    if make is None:
        raise ValueError(f"{name!r} should be one of {', '.join(ADAPTERS)}")
    return make(classes)
