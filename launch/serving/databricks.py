"""`DatabricksEndpoints`: Model Serving endpoints of a workspace, for registered models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.serving import (
    AiGatewayConfig,
    AiGatewayInferenceTableConfig,
    EndpointCoreConfigInput,
    EndpointTag,
    Route,
    ServedEntityInput,
    ServedEntityOutput,
    ServingEndpointDetailed,
    ServingModelWorkloadType,
    TrafficConfig,
)

from cvcore.errors import did_you_mean
from launch.activity.deeds import endpoint_deed
from launch.clock import SystemClock
from launch.databricks.client import EDGE, in_words
from launch.serving import view
from launch.serving.models import ModelRef
from launch.serving.types import (
    Endpoint,
    EndpointError,
    Posted,
    RequestRefused,
    Wish,
    check_name,
    check_shares,
    missing,
)

PLACE = view.PLACE
WORKLOAD_TYPES = tuple(item.value for item in ServingModelWorkloadType)
WORKLOAD_SIZES = ("Small", "Medium", "Large")
SERVED_HEADER = "served-model-name"
_ANSWER_S = 300
"""A cold start takes minutes; the SDK would ask again, and the image were inferred twice."""


class DatabricksEndpoints:
    """`Endpoints` of a workspace."""

    place = PLACE

    def __init__(self, client: WorkspaceClient | None = None, profile: str | None = None) -> None:
        """Take the workspace; nothing is asked yet.

        Args:
            client: None: made from the environment when needed.
            profile: of the credentials, where there is no client.
        """
        self._given, self._profile = client, profile
        self._patient: WorkspaceClient | None = None

    @property
    def client(self) -> WorkspaceClient:
        """The workspace's client."""
        if self._given is None:
            from launch.databricks.client import connect

            self._given = connect(SystemClock(), self._profile)
        return self._given

    def all(self) -> list[Endpoint]:
        """Return those that serve registered models, by name; see `Endpoints`."""
        found = _asked(lambda: list(self.client.serving_endpoints.list()))
        names = sorted(str(one.name) for one in found if _serves_models(one))
        return [self.get(name) for name in names]

    def get(self, name: str) -> Endpoint:
        """Return one; see `Endpoints`."""
        return view.endpoint(self._detail(name), self.client.config.host or "")

    @endpoint_deed("deploy")
    def deploy(self, wish: Wish) -> Endpoint:
        """Create or change an endpoint; see `Endpoints`."""
        check_name(wish.name)
        entity = self._entity(wish)
        try:
            detail = self.client.serving_endpoints.get(wish.name)
        except NotFound:
            return self._create(wish, entity)
        except EDGE as error:
            raise EndpointError(in_words(error)) from error
        _require_settled(detail)
        if wish.inference_table:
            table = _table(wish.inference_table)
            _asked(
                lambda: self.client.serving_endpoints.put_ai_gateway(
                    wish.name, inference_table_config=table
                )
            )
        entities, shares = view.with_entity(wish.name, detail, entity, wish.share)
        return self._update(detail, entities, shares)

    @endpoint_deed("traffic")
    def set_traffic(self, name: str, shares: Mapping[str, int]) -> Endpoint:
        """Divide the traffic; see `Endpoints`."""
        detail = self._detail(name)
        _require_settled(detail)
        entities = {str(entity.name): view.as_input(entity) for entity in view.entities(detail)}
        checked = check_shares(name, shares, list(entities))
        return self._update(detail, [entities[key] for key in checked], checked)

    @endpoint_deed("rollback")
    def roll_back(self, name: str) -> Endpoint:
        """Go back; see `Endpoints`. What to go back to is a tag of the endpoint."""
        detail = self._detail(name)
        _require_settled(detail)
        former = view.former(detail)
        if not former:
            raise EndpointError(
                f"endpoint {name} was never changed by Lakesight: there is nothing to go back to."
            )
        entities, shares = view.from_former(detail, former)
        return self._update(detail, entities, shares)

    def start(self, name: str) -> Endpoint:
        """Model Serving starts by itself; see `Endpoints`."""
        return self.get(name)

    def stop(self, name: str) -> Endpoint:
        """Refuse: Model Serving has no stop; see `Endpoints`."""
        raise EndpointError(
            f"a Model Serving endpoint can't be stopped. {name} costs nothing while nobody asks if "
            "it scales to zero (serving.scale_to_zero=true); else delete it."
        )

    @endpoint_deed("delete")
    def delete(self, name: str) -> None:
        """Remove it; see `Endpoints`."""
        self._detail(name)
        _asked(lambda: self.client.serving_endpoints.delete(name))

    def logs(self, name: str, served: str = "", what: str = "service") -> str:
        """Return the end of a log; see `Endpoints`."""
        names = [one.name for one in self.get(name).served]
        if served and served not in names:
            check_shares(name, {served: 100}, names)
        chosen = served or names[-1]
        serving = self.client.serving_endpoints
        try:
            text = (serving.build_logs if what == "build" else serving.logs)(name, chosen).logs
        except NotFound:
            return ""  # nothing was written yet
        except EDGE as error:
            raise EndpointError(in_words(error)) from error
        return text or ""

    def post(self, name: str, body: Mapping[str, Any]) -> Posted:
        """Send a request; see `Endpoints`."""
        try:
            got = self._for_answers().api_client.do(
                "POST",
                f"/serving-endpoints/{name}/invocations",
                body=dict(body),
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                response_headers=[SERVED_HEADER],
            )
        except NotFound as error:
            raise missing(name, [one.name for one in self.all()], "Databricks") from error
        except BadRequest as error:
            raise RequestRefused(f"the endpoint says 400: {view.sentence(str(error))}") from error
        except EDGE as error:
            raise EndpointError(in_words(error)) from error
        assert isinstance(got, dict)
        served = str(got.pop(SERVED_HEADER, "") or "")
        return Posted(got, served)

    def _for_answers(self) -> WorkspaceClient:
        """Return a client that waits for a cold start and asks once."""
        if self._patient is None:
            config = self.client.config.copy()
            config.http_timeout_seconds = _ANSWER_S
            config.retry_timeout_seconds = 1
            self._patient = WorkspaceClient(config=config)
        return self._patient

    def _detail(self, name: str) -> ServingEndpointDetailed:
        try:
            return self.client.serving_endpoints.get(name)
        except NotFound as error:
            listed = _asked(lambda: list(self.client.serving_endpoints.list()))
            known = sorted(str(one.name) for one in listed)
            raise missing(name, known, "Databricks") from error
        except EDGE as error:
            raise EndpointError(in_words(error)) from error

    def _entity(self, wish: Wish) -> ServedEntityInput:
        self._require_version(wish.model)
        if wish.workload_type not in WORKLOAD_TYPES:
            raise EndpointError(
                f"serving.workload_type={wish.workload_type} is none of Model Serving's: "
                f"{', '.join(WORKLOAD_TYPES)}.{did_you_mean(wish.workload_type, WORKLOAD_TYPES)}"
            )
        if wish.workload_size not in WORKLOAD_SIZES:
            raise EndpointError(
                f"serving.workload_size={wish.workload_size} is none of: "
                f"{', '.join(WORKLOAD_SIZES)}.{did_you_mean(wish.workload_size, WORKLOAD_SIZES)}"
            )
        return ServedEntityInput(
            name=wish.model.served_name,
            entity_name=wish.model.name,
            entity_version=wish.model.version,
            workload_type=ServingModelWorkloadType(wish.workload_type),
            workload_size=wish.workload_size,
            scale_to_zero_enabled=wish.scale_to_zero,
            environment_vars=dict(wish.environment) or None,
        )

    def _require_version(self, model: ModelRef) -> None:
        if not model.is_of_unity_catalog:
            what = f"the folder {model.folder}" if model.folder else f"{model.name!r}"
            raise EndpointError(
                f"Model Serving serves versions of models of Unity Catalog, and {what} is none. "
                "Register it under catalog.schema.model first, then give that name."
            )
        try:
            self.client.model_versions.get(model.name, int(model.version))
        except (NotFound, PermissionDenied, ValueError) as error:
            raise EndpointError(
                f"{model.title} is not in the workspace's Unity Catalog, or may not be seen. It "
                "needs EXECUTE on the model, USE CATALOG and USE SCHEMA."
            ) from error
        except EDGE as error:
            raise EndpointError(in_words(error)) from error

    def _create(self, wish: Wish, entity: ServedEntityInput) -> Endpoint:
        if wish.share != 100:
            raise EndpointError(
                f"there is no endpoint {wish.name} yet, so its first version gets all of the "
                "traffic. Leave the share away."
            )
        gateway = None
        if wish.inference_table:
            gateway = AiGatewayConfig(inference_table_config=_table(wish.inference_table))
        tags = [EndpointTag("lakesight", "1")]
        if wish.user:
            tags.append(EndpointTag("lakesight_user", wish.user))
        routes = _routes({str(entity.name): 100})
        config = EndpointCoreConfigInput(
            name=wish.name, served_entities=[entity], traffic_config=routes
        )
        made = _asked(
            lambda: (
                self.client.serving_endpoints.create(
                    wish.name, config=config, ai_gateway=gateway, tags=tags
                ).response
            )
        )
        return view.endpoint(made, self.client.config.host or "")

    def _update(
        self,
        detail: ServingEndpointDetailed,
        entities: Sequence[ServedEntityInput],
        shares: Mapping[str, int],
    ) -> Endpoint:
        name, serving = str(detail.name), self.client.serving_endpoints
        tag = EndpointTag(view.FORMER_TAG, view.as_former(detail))
        _asked(lambda: serving.patch(name, add_tags=[tag]))
        _asked(
            lambda: serving.update_config(
                name, served_entities=list(entities), traffic_config=_routes(shares)
            )
        )
        return self.get(name)


def latest(client: WorkspaceClient, word: str) -> ModelRef:
    """Return a version of Unity Catalog: `c.s.m/3`, `c.s.m@champion`, or the newest of `c.s.m`.

    Raises:
        EndpointError: there is none.
    """
    name, _, alias = word.removeprefix("models:/").partition("@")
    name, _, version = name.partition("/")
    try:
        if alias:
            found = client.model_versions.get_by_alias(name, alias)
            return ModelRef(name, str(found.version), tracking_uri="databricks", alias=alias)
        if not version:
            numbers = [int(one.version or 0) for one in client.model_versions.list(name)]
            if not numbers:
                raise EndpointError(f"the registered model {name} has no version.")
            version = str(max(numbers))
    except (NotFound, PermissionDenied) as error:
        raise EndpointError(
            f"{word} is not in the workspace's Unity Catalog, or may not be seen."
        ) from error
    except EDGE as error:
        raise EndpointError(in_words(error)) from error
    return ModelRef(name, version, tracking_uri="databricks")


def _routes(shares: Mapping[str, int]) -> TrafficConfig:
    return TrafficConfig(
        [Route(served_model_name=name, traffic_percentage=share) for name, share in shares.items()]
    )


def _table(word: str) -> AiGatewayInferenceTableConfig:
    parts = word.split(".")
    if len(parts) not in (2, 3) or not all(parts):
        raise EndpointError(
            f"serving.inference_table={word} is not catalog.schema or catalog.schema.prefix."
        )
    return AiGatewayInferenceTableConfig(
        catalog_name=parts[0],
        schema_name=parts[1],
        table_name_prefix=parts[2] if len(parts) == 3 else None,
        enabled=True,
    )


def _serves_models(one: Any) -> bool:
    """Whether an endpoint of the list is of models that people registered."""
    entities: Sequence[ServedEntityOutput] = getattr(one.config, "served_entities", None) or []
    pending = getattr(one, "pending_config", None)
    entities = entities or getattr(pending, "served_entities", None) or []
    return (bool(entities) and all(entity.entity_version for entity in entities)) or not one.config


def _require_settled(detail: ServingEndpointDetailed) -> None:
    if view.is_updating(detail):
        raise EndpointError(
            f"endpoint {detail.name} is being updated; Model Serving takes one change at a time. "
            f"Wait until `lakesight endpoints show {detail.name}` says READY."
        )


def _asked(what: Callable[[], Any]) -> Any:
    try:
        return what()
    except EDGE as error:
        raise EndpointError(in_words(error)) from error
