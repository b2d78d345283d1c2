"""The insert plan: PostgreSQL's text and one flat list of parameters."""

from __future__ import annotations

import pytest

from work_data_hub.io.loader.warehouse_loader import build_insert_sql


def test_names_are_quoted_and_values_are_parameters() -> None:
    sql, params = build_insert_sql("t", ["a", "b"], [{"a": 1, "b": "x'; DROP TABLE t; --"}])
    assert sql == 'INSERT INTO "t" ("a","b") VALUES (%s,%s)'
    assert params == [1, "x'; DROP TABLE t; --"]


def test_parameters_come_row_after_row() -> None:
    sql, params = build_insert_sql("t", ["a", "b"], [{"b": 2, "a": 1}, {"a": 3, "b": 4}])
    assert sql == 'INSERT INTO "t" ("a","b") VALUES (%s,%s),(%s,%s)'
    assert params == [1, 2, 3, 4]


def test_rows_may_be_sequences_in_the_order_of_the_columns() -> None:
    assert build_insert_sql("t", ["a", "b"], [(1, 2), [3, 4]])[1] == [1, 2, 3, 4]


def test_no_rows_are_no_statement() -> None:
    assert build_insert_sql("t", ["a"], []) == (None, [])


def test_a_column_that_a_row_does_not_have_is_null_and_one_too_many_is_left_out() -> None:
    assert build_insert_sql("t", ["a", "b"], [{"a": 1, "c": 9}])[1] == [1, None]


def test_a_schema_and_odd_names_are_quoted_part_by_part() -> None:
    sql, _ = build_insert_sql('s."t"', ['a"b', "收益率"], [(1, 2)])
    assert sql == 'INSERT INTO "s"."""t""" ("a""b","收益率") VALUES (%s,%s)'


def test_a_percent_sign_in_a_name_is_no_placeholder() -> None:
    sql, _ = build_insert_sql("t%", ["100%"], [(1,)])
    assert sql == 'INSERT INTO "t%%" ("100%%") VALUES (%s)'


@pytest.mark.parametrize(
    ("table", "cols", "row"),
    [
        ("", ["a"], (1,)),
        ("t", [""], (1,)),
        ("t", ["a\0"], (1,)),
        ("t", [], ()),
        ("t", ["a"], (1, 2)),
    ],
)
def test_what_names_nothing_or_does_not_match_is_refused(
    table: str, cols: list[str], row: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError):
        build_insert_sql(table, cols, [row])


def test_postgresql_takes_the_statement_as_it_is(postgres_url: str) -> None:
    import psycopg

    sql, params = build_insert_sql('public.odd "%s"', ["100%", 'a"b'], [(1, "x"), (None, "y%s")])
    assert sql is not None
    with psycopg.connect(postgres_url) as connection:
        connection.execute('CREATE TABLE "odd ""%s""" ("100%" int, "a""b" text)')
        connection.execute(sql.encode(), params)
        found = connection.execute('SELECT * FROM "odd ""%s"""').fetchall()
    assert found == [(1, "x"), (None, "y%s")]
