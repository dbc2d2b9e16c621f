"""Any query can be written as a text that reads as the same query; no value of it is part of the SQL."""

import dataclasses
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resoto_dagster.inventory.search.compile import compile_nodes
from resoto_dagster.inventory.search.parse import parse_search
from resoto_dagster.inventory.search.query import (
    Aggregate,
    ById,
    Column,
    Context,
    Count,
    Dump,
    Each,
    Everything,
    Format,
    FullText,
    Function,
    Group,
    HasKey,
    Head,
    History,
    Hop,
    InSubnet,
    IsKind,
    Limit,
    List,
    MarkAs,
    Merge,
    Navigation,
    Not,
    Object,
    Part,
    Path,
    Predicate,
    Query,
    SetValues,
    Sort,
    TagDelete,
    TagUpdate,
    Tail,
    Template,
    With,
    Write,
    combine,
)

names = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
keys = st.one_of(
    names, st.text(st.characters(exclude_characters="`\x00", exclude_categories=("Cs",)), min_size=1)
)
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9)
scalars = st.one_of(texts, numbers, st.booleans())
steps = st.lists(st.one_of(keys, st.integers(0, 99), st.just(Each.ELEMENT)), max_size=3)


def to_path(first: str, rest: list[Any], rooted: bool) -> Path:
    rooted = rooted and first != "reported"
    return Path((first, *rest), rooted)


paths = st.builds(to_path, keys, steps, st.booleans())
inner_paths = st.builds(to_path, keys, steps, st.just(False))
values = st.recursive(
    st.one_of(scalars, st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.lists(st.tuples(texts, inner), max_size=3).map(lambda one: Object(tuple(one))),
    ),
    max_leaves=6,
)
modifiers = st.sampled_from([None, "any", "all", "none"])


def predicates(path: st.SearchStrategy[Path]) -> st.SearchStrategy[Predicate]:
    return st.one_of(
        st.builds(Predicate, path, st.sampled_from(["=", "!="]), values, modifiers),
        st.builds(Predicate, path, st.sampled_from(["<", "<=", ">", ">=", "~", "!~"]), scalars, modifiers),
        st.builds(
            Predicate,
            path,
            st.sampled_from(["in", "not in"]),
            st.lists(scalars, max_size=3).map(tuple),
            modifiers,
        ),
    )


def leaves(path: st.SearchStrategy[Path]) -> st.SearchStrategy[Any]:
    return st.one_of(
        predicates(path),
        st.builds(HasKey, path, st.lists(texts, min_size=1, max_size=3).map(tuple)),
        st.builds(InSubnet, path, texts),
        st.just(Everything()),
    )


def joined(word: Any, terms: Any) -> Any:
    return combine(word, *terms)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    negated = inner.map(lambda one: one.condition if isinstance(one, Not) else Not(one))
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(negated, st.builds(joined, st.sampled_from(["and", "or"]), several))


inside = st.recursive(
    leaves(inner_paths),
    lambda inner: st.one_of(combined(inner), st.builds(Context, inner_paths, inner)),
    max_leaves=4,
)
conditions = st.recursive(
    st.one_of(
        leaves(paths),
        st.builds(IsKind, st.lists(st.one_of(names, texts), min_size=1, max_size=3).map(tuple)),
        st.builds(ById, st.lists(texts, min_size=1, max_size=2).map(tuple)),
        st.builds(FullText, texts),
        st.builds(Context, paths, inside),
    ),
    combined,
    max_leaves=6,
)
edge_types = st.sampled_from([("default",), ("delete",), ("default", "delete"), ("delete", "default")])


def to_navigation(types: Any, way: str, start: int, more: int | None) -> Navigation:
    until = None if more is None else start + more
    sides = {
        "in": {"inbound": types},
        "out": {"outbound": types},
        "both": {"inbound": types, "outbound": types},
    }
    return Navigation(**sides[way], start=start, until=until)


navigations = st.builds(
    to_navigation,
    edge_types,
    st.sampled_from(["in", "out", "both"]),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(0, 9)),
)
havings = st.recursive(
    st.builds(
        With, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), st.integers(0, 9), navigations, conditions
    ),
    lambda inner: st.builds(With, st.just("="), st.just(0), navigations, conditions, inner),
    max_leaves=2,
)


def all_of(condition: Any) -> tuple[Any, ...]:
    return condition.conditions if getattr(condition, "word", "") == "and" else (condition,)


MERGED = {("account",): False, ("near", "ones"): True, ("near", "first"): False}


@st.composite
def parts(draw: st.DrawFn, merging: bool = True) -> Part:
    part = Part(
        all_of(draw(conditions)),
        draw(st.one_of(st.none(), havings)),
        tuple(draw(st.lists(st.builds(Sort, paths, st.booleans()), max_size=2))),
        draw(st.one_of(st.none(), st.builds(Limit, st.integers(0, 99), st.integers(0, 9)))),
        draw(st.booleans()),
    )
    if not merging or draw(st.booleans()):
        return part
    chosen = draw(st.lists(st.sampled_from(list(MERGED)), unique=True, min_size=1))
    merges = [Merge(name, MERGED[name], draw(ways(Part((Everything(),)), least=1))) for name in chosen]
    merged = draw(st.one_of(st.just(()), conditions.map(all_of)))
    return replace(part, merges=tuple(merges), merged=merged)


@st.composite
def ways(draw: st.DrawFn, start: Part, least: int) -> Part:
    part = start
    for _ in range(draw(st.integers(least, 2))):
        part = replace(draw(parts(merging=False)), hop=Hop(part, draw(navigations)))
    return part


templates = st.builds(
    Template, st.sampled_from([("a ", Path(("name",)), "!"), (Path(("a", "b")),), ("no place",)])
)
groups = st.builds(Group, st.one_of(paths, templates), names)
columns = st.builds(Column, paths, names)
functions = st.builds(
    Function,
    st.sampled_from(["sum", "min", "max", "avg", "count"]),
    st.one_of(paths, numbers),
    st.lists(st.tuples(st.sampled_from("+-*/%"), numbers), max_size=2).map(tuple),
    names,
)
aggregates = st.builds(
    Aggregate, st.lists(groups, max_size=2).map(tuple), st.lists(functions, min_size=1, max_size=2).map(tuple)
)
moments = st.datetimes(timezones=st.just(UTC))
showing = st.one_of(
    st.builds(Count, st.one_of(st.none(), paths)),
    st.builds(
        List, st.lists(columns, max_size=2).map(tuple), st.sampled_from(["text", "csv", "markdown", "json"])
    ),
    st.just(Dump()),
    st.builds(Format, templates),
    st.builds(
        History,
        st.one_of(st.none(), moments),
        st.one_of(st.none(), moments),
        st.one_of(st.none(), st.sampled_from(["node_created", "node_updated", "node_deleted"])),
    ),
)
actions = st.one_of(
    st.builds(MarkAs, st.sampled_from(["clean", "protect"]), st.one_of(st.none(), texts.filter(bool))),
    st.builds(
        SetValues,
        st.sampled_from(["desired", "metadata"]),
        st.lists(st.tuples(names, values), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(TagUpdate, texts, texts),
    st.builds(TagDelete, texts),
)
choosing = st.lists(
    st.one_of(st.builds(Head, st.integers(0, 9)), st.builds(Tail, st.integers(0, 9))), max_size=2
)


@st.composite
def queries(draw: st.DrawFn) -> Query:
    part = draw(ways(draw(parts()), least=0))
    fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(Part)}
    if draw(st.booleans()):
        pipes = tuple(draw(choosing)) + draw(st.sampled_from([(), (Write("out.txt"),)]))
        return Query(**fields, aggregate=draw(aggregates), pipes=pipes)
    done = tuple(draw(st.lists(actions, max_size=2)))
    shown = draw(st.one_of(st.none(), showing))
    if isinstance(shown, History):
        return Query(**fields, pipes=(shown,))
    pipes = tuple(draw(choosing)) + (() if shown is None else (shown,))
    return Query(**fields, pipes=pipes, actions=done)


@settings(deadline=None, max_examples=300)
@given(queries())
def test_any_query_is_read_back_as_it_was_written(query: Query) -> None:
    assert parse_search(str(query)) == query


@settings(deadline=None, max_examples=100)
@given(predicates(st.just(Path(("tags", "x")))))
def test_no_value_is_part_of_the_sql(term: Predicate) -> None:
    marked = (
        "zzzq"
        if isinstance(term.value, str)
        else Decimal(918273)
        if isinstance(term.value, Decimal)
        else None
    )
    if marked is not None and term.comparison not in ("in", "not in"):
        sql = compile_nodes(
            Query((Predicate(term.path, term.comparison, marked, term.modifier),)), {}, "r.id"
        ).sql
        assert str(marked) not in sql


def test_a_minus_before_a_negative_number_is_no_arrow() -> None:
    query = parse_search("aggregate(sum(A - -0.001) as A): all")
    assert parse_search(str(query)) == query


@pytest.mark.parametrize("search", ['is("vo,ume")', "is(['a b', volume])", 'all | clean ""'])
def test_what_the_fuzz_has_found_is_read_back(search: str) -> None:
    query = parse_search(search)
    assert parse_search(str(query)) == query
