"""`endpoint_deed`: puts a method of `Endpoints` that changes an endpoint into the activity log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

from launch.activity.record import recorded
from launch.serving.types import Wish

P = ParamSpec("P")
R = TypeVar("R")


def endpoint_deed(action: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator; the method takes an endpoint's name, or what is to be deployed (`Wish`)."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @wraps(method)
        def done(*args: P.args, **kwargs: P.kwargs) -> R:
            given: list[object] = [*args[1:], *kwargs.values()]
            asked = given[0]
            name, user = (asked.name, asked.user) if isinstance(asked, Wish) else (asked, "")
            with recorded(action, f"endpoint {name}", user) as told:
                told["place"] = str(getattr(args[0], "place", ""))
                if isinstance(asked, Wish):
                    told.update(model=asked.model.title, share=f"{asked.share} %")
                elif len(given) > 1 and isinstance(given[1], Mapping):
                    told["shares"] = ", ".join(f"{k} {v} %" for k, v in given[1].items())
                return method(*args, **kwargs)

        return done

    return decorate
