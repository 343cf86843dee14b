"""The hard images of an endpoint as a data set: what the command line and the app both do."""

from __future__ import annotations

from pathlib import Path

from cvcore.errors import ModelError
from cvcore.monitor.reference import Reference
from cvcore.serve import artifact
from launch.errors import LaunchError
from launch.monitor import settings, watch
from launch.monitor.hard import Exported, Hard, export, hardest
from launch.monitor.model_files import main_version, model_folder, models_dir, reference_of
from launch.monitor.store import Store
from launch.serving.types import Endpoints


def hard_images(endpoints: Endpoints, name: str, most: int) -> list[Hard]:
    """Return the hardest recorded images of the version with most of the traffic.

    Args:
        endpoints: of the place that has it.
        name: of the endpoint.
        most: images that are returned at most.

    Raises:
        EndpointError: there is no such endpoint.
    """
    endpoint = endpoints.get(name)
    folder = settings.folder_of(endpoint.place, name)
    served = main_version(endpoint)
    records = watch.newest(folder, served, settings.read(folder))
    reference: Reference | None
    try:
        reference = reference_of(models_dir(endpoints, name) / served)
    except ModelError:
        reference = None
    return hardest(records, reference, most)


def export_hard(endpoints: Endpoints, name: str, most: int, to: Path) -> Exported:
    """Write them as a data set with pre-labels.

    Args:
        endpoints: of the place that has it.
        name: of the endpoint.
        most: images that are written at most.
        to: a new or empty folder.

    Raises:
        LakesightError: there is no such endpoint, its model tells no classes, or the folder can't be used.
    """
    endpoint = endpoints.get(name)
    served = main_version(endpoint)
    model = model_folder(models_dir(endpoints, name) / served)
    if model is None:
        raise LaunchError(
            f"the model behind {name} is no model of Lakesight, or is not here: its classes are not known."
        )
    told = artifact.read(model)
    store = Store(settings.folder_of(endpoint.place, name))
    images = hard_images(endpoints, name, most)
    return export(images, store, told.labels, told.task.kind, to.expanduser().absolute())
