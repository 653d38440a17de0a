"""Which tables an SQL text reads and writes."""

from __future__ import annotations

import time

import pytest

from pipeaudit.read.sql import Statement, statement


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("SELECT a FROM t1 JOIN `p.d.t2` ON x WHERE extract(year from ts) > 1", "t1 p.d.t2", ""),
        ("select * from 'local/x.parquet'", "local/x.parquet", ""),
        ("with a as (select * from raw.b), c as (select 1) select * from a join c", "raw.b", ""),
        ("select * from (select * from inner_t) q", "inner_t", ""),
        ("select * from read_csv('a.csv')", "", ""),
        ("SELECT * FROM {} WHERE day = {}", "", ""),
        ("SELECT * FROM [sales].[orders] -- from nowhere", "sales.orders", ""),
        ("insert into out (a, b) values (%s, %s)", "", "out"),
        ("create table if not exists x as select * from y", "y", "x"),
        ("drop table old;\ncreate table fresh (a int)", "", "fresh"),
        ("delete from t where a in (select a from bad)", "bad", "t"),
        ("update t set a = 1", "", "t"),
        ("\n  -- why\n  SELECT 1 from tt", "tt", ""),
    ],
)
def test_tables_are_named_by_the_words_before_them(text: str, reads: str, writes: str) -> None:
    assert statement(text) == Statement(tuple(reads.split()), tuple(writes.split()))


@pytest.mark.parametrize(
    "text", ["data/train.csv", "select.csv", "data/select from.csv", "select", "", "setup/rows.csv"]
)
def test_a_path_is_no_statement(text: str) -> None:
    assert statement(text) is None


@pytest.mark.parametrize(
    "part", ["select a from b ", "with a as (", "extract(", "/*", "'", "from ", "--\n", "insert into "]
)
def test_long_texts_cost_little(part: str) -> None:
    started = time.process_time()
    statement("select 1 " + part * (100_000 // len(part)))
    assert time.process_time() - started < 1
