"""Answers in XML, read in one pass over the document, as botocore's models say; without a tree in between.

What an element means is looked up in a table of the structure around it. The tables are made of the model
when an element is met for the first time. Of what is not as usual, in the model or in the document, nothing
is made: it is `Unusual`, and for botocore's own parser to decide.
"""

from base64 import b64decode
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from botocore.model import ListShape, MapShape, Shape, StructureShape

from resoto_dagster.providers.aws.times import parsed_time

TEXT: Final = 0
STRUCTURE: Final = 1
LIST: Final = 2
MAP: Final = 3
PAIR: Final = 4
"""An entry of a map."""

_KEY: Final = "key"
_VALUE: Final = "value"
ELSEWHERE: Final = frozenset({"header", "headers", "statusCode"})
"""Where members of an answer are that are not in its document."""

_CONVERT: dict[str, Callable[[str], Any] | None] = {
    "blob": b64decode,
    "boolean": lambda text: text == "true",
    "character": None,
    "double": float,
    "float": float,
    "integer": int,
    "long": int,
    "string": None,
    "timestamp": parsed_time,
}
"""How values are made of texts, by the names of types; a type that is not there is unusual."""


class Unusual(Exception):
    """A model or a document that is not as usual."""


class Element(NamedTuple):
    """What an element means: the member of the structure around it, and what it holds.

    `key` is None in lists. Elements of a `flat` list or map stand in the structure itself.
    """

    holds: int
    key: str | None
    convert: Callable[[str], Any] | None = None
    inside: "Elements | None" = None
    flat: bool = False


class Elements(dict[str, "Element | None"]):
    """The elements that may stand inside another one, by their names; None for those that mean nothing."""

    def __init__(self, meaning: Callable[[str], Element | None]) -> None:
        super().__init__()
        self._meaning = meaning

    def __missing__(self, name: str) -> Element | None:
        self[name] = element = self._meaning(name.rpartition(":")[2])
        return element


def texts(key: str) -> Element:
    """An element that holds further ones with a text in each; an empty one stands for None."""
    return Element(STRUCTURE, key, None, Elements(lambda name: Element(TEXT, name, _or_none)))


def text_or_none(key: str) -> Element:
    """An element that holds a text; an empty one stands for None."""
    return Element(TEXT, key, _or_none)


def _or_none(text: str) -> str | None:
    return text or None


class Shapes:
    """The tables of the structures of one service, by the names of their shapes."""

    def __init__(self) -> None:
        self._structures: dict[str, Elements] = {}

    def element(self, shape: Shape, key: str | None) -> Element:
        """What an element of a shape means. Raises Unusual."""
        if isinstance(shape, StructureShape):
            return Element(STRUCTURE, key, None, self.members(shape))
        if isinstance(shape, ListShape | MapShape):
            if shape.serialization.get("flattened"):
                raise Unusual(f"{shape.name} is flat and in no structure")
            if isinstance(shape, ListShape):
                return Element(LIST, key, None, self._every(shape.member))
            pair = Element(PAIR, None, None, self._pair(shape))
            return Element(MAP, key, None, Elements(lambda _: pair))
        if shape.type_name not in _CONVERT:
            raise Unusual(f"{shape.name} is a {shape.type_name}")
        return Element(TEXT, key, _CONVERT[shape.type_name])

    def members(self, shape: StructureShape) -> Elements:
        """The elements of a structure. Raises Unusual."""
        if shape.name not in self._structures:
            self._structures[shape.name] = self._members(shape)
        return self._structures[shape.name]

    def _members(self, shape: StructureShape) -> Elements:
        if shape.is_tagged_union or shape.is_document_type or shape.metadata.get("exception"):
            raise Unusual(f"{shape.name} is no plain structure")
        named: dict[str, str] = {}
        for member, inner in shape.members.items():
            how = inner.serialization
            if how.get("xmlAttribute") or how.get("eventheader") or how.get("eventstream"):
                raise Unusual(f"{shape.name}.{member} is no element")
            if how.get("location") not in ELSEWHERE:
                named.setdefault(_element_name(member, inner), member)

        def meaning(name: str) -> Element | None:
            member = named.get(name)
            return None if member is None else self._member(shape.members[member], member)

        return Elements(meaning)

    def _member(self, shape: Shape, key: str) -> Element:
        if not shape.serialization.get("flattened"):
            return self.element(shape, key)
        if isinstance(shape, MapShape):
            return Element(PAIR, key, None, self._pair(shape), flat=True)
        assert isinstance(shape, ListShape)  # nothing else is flat
        element = self.element(shape.member, key)
        if element.holds == MAP:
            raise Unusual(f"{shape.name} is a flat list of maps")
        return element._replace(flat=True)

    def _every(self, shape: Shape) -> Elements:
        element = self.element(shape, None)
        return Elements(lambda _: element)

    def _pair(self, shape: MapShape) -> Elements:
        key, value = self.element(shape.key, _KEY), self.element(shape.value, _VALUE)
        named = {
            shape.key.serialization.get("name") or "key": key,
            shape.value.serialization.get("name") or "value": value,
        }

        def meaning(name: str) -> Element:
            if name not in named:
                raise Unusual(f"{name} in an entry of a map")
            return named[name]

        return Elements(meaning)


def _element_name(member: str, shape: Shape) -> str:
    name = None
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        name = shape.member.serialization.get("name")
    if name is None:
        name = shape.serialization.get("name")
    return member if name is None else name


def read(document: bytes, root: Element) -> Any:
    """What the document holds. Raises Unusual, and ValueError for a text that is no value of its type."""
    around: list[tuple[Elements, Any, dict[str, Any] | None]] = []
    whole: list[Any] = []
    container: Any = whole
    elements = Elements(lambda _: root)
    scalar: Element | None = None
    text = ""
    skipped = 0

    def start(name: str, _: Any) -> None:
        nonlocal container, elements, scalar, text, skipped
        if skipped:
            skipped += 1
            return
        if scalar is not None:
            raise Unusual(f"{name} in a text")
        element = elements[name]
        if element is None:
            skipped = 1
            return
        holds, key, _, inside, flat = element
        if holds == TEXT:
            scalar, text = element, ""
            return
        made: Any = [] if holds == LIST else {}
        pairs = None
        if holds == PAIR:
            pairs = container if key is None else container.setdefault(key, {})
        elif key is None:
            container.append(made)
        elif flat:
            container.setdefault(key, []).append(made)
        elif key not in container:
            container[key] = made
        elif holds != STRUCTURE:  # of structures the first one counts
            raise Unusual(f"{name} more than once")
        around.append((elements, container, pairs))
        assert inside is not None  # nothing but a text has nothing inside
        container, elements = made, inside

    def end(_: str) -> None:
        nonlocal container, elements, scalar, skipped
        if skipped:
            skipped -= 1
            return
        if scalar is None:
            made = container
            elements, container, pairs = around.pop()
            if pairs is not None:
                if len(made) != 2:
                    raise Unusual("an entry of a map without key or value")
                pairs[made[_KEY]] = made[_VALUE]
            return
        key, convert, flat = scalar.key, scalar.convert, scalar.flat
        scalar = None
        value = text if convert is None else convert(text)
        if key is None:
            container.append(value)
        elif flat:
            container.setdefault(key, []).append(value)
        elif key in container:
            raise Unusual(f"{key} more than once")
        else:
            container[key] = value

    def characters(data: str) -> None:
        nonlocal text
        text += data

    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise Unusual(str(error)) from None
    return whole[0]
