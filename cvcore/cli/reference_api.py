"""The pages of the Python API, written from the docstrings that `docs/reference/api.yaml` lists.

The sources are read, not imported: packages above the core are named in the list alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cvcore.errors import ConfigError

LIST = "api.yaml"
_ROOT = Path(__file__).parents[2]
_WIDTH = 88
"""A signature that is longer has one line per argument."""
_SKIP = re.compile(r"\s*# doctest: .*$", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """A page of the API.

    Attributes:
        key: its file name without extension.
        title: of it.
        about: what its names are for, in a sentence or two; links start at the list's folder.
        names: module -> names that it gives, in their order.
    """

    key: str
    title: str
    about: str
    names: dict[str, list[str]]


def listed(folder: Path) -> list[Page]:
    """Return the pages that a reference folder lists."""
    rows = yaml.safe_load((folder / LIST).read_text(encoding="utf-8"))
    return [Page(**row) for row in rows]


def api_pages(listing: list[Page]) -> dict[str, str]:
    """Return the pages of the API and their index: file name -> Markdown.

    Raises:
        ConfigError: griffe, which reads the sources, is not installed; or a name is not there.
    """
    sources = Sources()
    pages = {"api.md": _index(listing, sources)}
    for page in listing:
        pages[f"api/{page.key}.md"] = "\n".join([*_head(page), *_body(page, sources)])
    return pages


class Sources:
    """Names of modules, as their sources say."""

    def __init__(self, root: Path = _ROOT) -> None:
        """Read sources below a folder.

        Raises:
            ConfigError: griffe is not installed.
        """
        try:
            import griffe
        except ImportError as error:
            raise ConfigError(
                "griffe, which reads the docstrings, is not installed: pip install 'lakesight[dev]'."
            ) from error
        self._griffe = griffe
        self._root = root
        self._modules: dict[str, Any] = {}

    def get(self, module: str, name: str) -> Any:
        """Return a class, function or constant (of `griffe`), wherever it is defined.

        Raises:
            ConfigError: the module has no such name.
        """
        found = self._module(module).members.get(name)
        if found is None:
            raise ConfigError(f"{LIST} lists {name} of {module}, which is not there.")
        if found.is_alias:
            return self.get(*found.target_path.rsplit(".", 1))
        return found

    def _module(self, module: str) -> Any:
        if module not in self._modules:
            file = self._root.joinpath(*module.split("."))
            file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
            if not file.is_file():
                raise ConfigError(f"{LIST} lists the module {module}, which is not there.")
            self._modules[module] = self._griffe.visit(
                module,
                filepath=file,
                code=file.read_text(encoding="utf-8"),
                docstring_parser=self._griffe.Parser.google,
                docstring_options={
                    "returns_multiple_items": False,
                    "returns_named_value": False,
                },
            )
        return self._modules[module]


def _index(listing: list[Page], sources: Sources) -> str:
    parts = [
        "# Python API\n",
        "Written by `make docs` from the docstrings; [the list](api.yaml) says which names are for you to\n"
        "use. What is not here may change without a word.\n",
    ]
    for page in listing:
        parts.append(f"## [{page.title}](api/{page.key}.md)\n\n{page.about.strip()}\n")
        for module, names in page.names.items():
            parts += [f"- `{module}.{name}`: {_first(sources.get(module, name))}" for name in names]
        parts.append("")
    return "\n".join(parts)


def _first(thing: Any) -> str:
    return thing.docstring.value.splitlines()[0] if thing.docstring else ""


def _head(page: Page) -> Iterator[str]:
    yield f"# {page.title}\n"
    yield page.about.strip().replace("](", "](../") + "\n"
    yield "Written by `make docs` from the docstrings; [all pages](../api.md).\n"


def _body(page: Page, sources: Sources) -> Iterator[str]:
    for module, names in page.names.items():
        for name in names:
            thing: Any = sources.get(module, name)
            yield f"## {name}\n"
            if thing.is_function:
                yield _code([f"from {module} import {name}", "", _signature(thing)])
                yield from _words(thing)
            elif thing.is_class:
                yield from _class(thing, module)
            else:
                yield _code([f"from {module} import {name}"])
                yield from _words(thing)


def _class(thing: Any, module: str) -> Iterator[str]:
    bases = ", ".join(str(base) for base in thing.bases)
    begin: Any = thing.members.get("__init__")
    if begin is not None and begin.is_function:
        made = _signature(begin, f"class {thing.name}")
    else:
        made = f"class {thing.name}({bases})" if bases else f"class {thing.name}"
    yield _code([f"from {module} import {thing.name}", "", made])
    yield from _words(thing)
    if fields := undescribed(thing):
        yield _items(fields)
    if begin is not None and begin.is_function:
        # What its first line says is the class's own.
        yield from _words(begin, skip_text=True)
    for member in methods(thing):
        yield f"### {thing.name}.{member.name}\n"
        kind = "classmethod " if "classmethod" in member.labels else ""
        shown = _signature(member) if member.is_function else f"{member.name}: {member.annotation}"
        yield _code([kind + shown])
        yield from _words(member)


def undescribed(thing: Any) -> list[tuple[str, str]]:
    """Return the public fields of a class whose docstring has no list of them: field, its words."""
    sections = thing.docstring.parsed if thing.docstring else []
    if any(section.kind.value == "attributes" for section in sections):
        return []
    return [
        (_typed(thing, name), one.docstring.value if one.docstring else "")
        for name, one in thing.members.items()
        if one.is_attribute and not name.startswith("_") and "property" not in one.labels
        if one.annotation is not None or any(str(base).endswith("Enum") for base in thing.bases)
        # What `__init__` sets is for others only if it says so.
        if one.docstring is not None or "__init__" not in thing.members
    ]


def methods(thing: Any) -> list[Any]:
    """Return the public methods and properties of a class, in the order of the source; no tests."""
    return [
        one
        for name, one in thing.members.items()
        if not name.startswith(("_", "test_")) and not one.is_alias
        if one.is_function or "property" in one.labels
    ]


def _signature(function: Any, name: str = "") -> str:
    own = [p for p in function.parameters if p.name not in ("self", "cls")]
    words, starred = [], False
    for parameter in own:
        kind = parameter.kind.value if parameter.kind else ""
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        starred = starred or star == "*"
        if kind == "keyword-only" and not starred:
            words.append("*")
            starred = True
        text = f"{star}{parameter.name}"
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None and not star:
            text += f" = {parameter.default}" if parameter.annotation else f"={parameter.default}"
        words.append(text)
    back = "" if name or function.returns is None else f" -> {function.returns}"
    short = f"{name or function.name}({', '.join(words)}){back}"
    if len(short) <= _WIDTH:
        return short
    lines = "".join(f"    {word},\n" for word in words)
    return f"{name or function.name}(\n{lines}){back}"


def _words(thing: Any, skip_text: bool = False) -> Iterator[str]:
    for section in thing.docstring.parsed if thing.docstring else []:
        kind = section.kind.value
        if kind == "text":
            if not skip_text:
                yield f"{section.value}\n"
        elif kind == "parameters":
            yield _items((f"`{one.name}`", one.description) for one in section.value)
        elif kind == "attributes":
            yield _items((_typed(thing, one.name), one.description) for one in section.value)
        elif kind == "raises":
            yield "Raises:\n"
            yield _items((f"`{one.annotation}`", one.description) for one in section.value)
        elif kind in ("returns", "yields"):
            # The type is in the signature.
            yield "\n".join(f"{kind.capitalize()}: {one.description}\n" for one in section.value)
        elif kind == "admonition" and section.title == "Example":
            yield _code([_SKIP.sub("", section.value.description)])
        elif kind == "admonition":
            yield f"{section.title}: {section.value.description}\n"


def _typed(thing: Any, name: str) -> str:
    member = thing.members.get(name)
    annotation = getattr(member, "annotation", None)
    return f"`{name}`: `{annotation}`" if annotation is not None else f"`{name}`"


def _items(rows: Iterable[tuple[str, str]]) -> str:
    lines = []
    for name, text in rows:
        said = " ".join(text.split())
        lines.append(f"- {name}: {said}" if said else f"- {name}")
    return "\n".join(lines) + "\n"


def _code(lines: list[str]) -> str:
    return "\n".join(["```python", *lines, "```\n"])
