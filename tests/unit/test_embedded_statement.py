import pytest

from deploy.embedded.statement import DataInsert, Wanted, find_data_insert, find_output, first_words


@pytest.mark.parametrize(
    ("text", "statement", "fmt", "data"),
    [
        (b"INSERT INTO hip.t FORMAT Avro\nObj\x01\x04", "INSERT INTO hip.t ", "Avro", b"Obj\x01\x04"),
        (b"insert into t (a, b) format CSV\n1,2\n", "insert into t (a, b) ", "CSV", b"1,2\n"),
        (b"INSERT INTO t FORMAT JSONEachRow {}", "INSERT INTO t ", "JSONEachRow", b"{}"),
        (b"INSERT INTO t FORMAT Native\r\n\n\x01", "INSERT INTO t ", "Native", b"\n\x01"),
        (b"INSERT INTO t FORMAT CSV", "INSERT INTO t ", "CSV", b""),
        (b'INSERT INTO t (`values`, "select") FORMAT CSV\n1', 'INSERT INTO t (`values`, "select") ', "CSV", b"1"),
        (b"-- VALUES\n/* SELECT */ INSERT INTO t FORMAT CSV\n1", "-- VALUES\n/* SELECT */ INSERT INTO t ", "CSV", b"1"),
        (
            b"INSERT INTO t SETTINGS x = 'it\\'s FORMAT' FORMAT TSV\n1",
            "INSERT INTO t SETTINGS x = 'it\\'s FORMAT' ",
            "TSV",
            b"1",
        ),
    ],
)
def test_an_insert_with_data_is_cut_where_its_data_begins(text: bytes, statement: str, fmt: str, data: bytes) -> None:
    found = find_data_insert(text)
    assert found == DataInsert(statement, fmt, len(text) - len(data))


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES (1, 'FORMAT CSV')",
        b"INSERT INTO t SELECT 1 FORMAT CSV",
        b"INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x",
        b"INSERT INTO t FROM INFILE 'x.csv' FORMAT CSV",
        b"SELECT 1 FORMAT CSV",
        b"SELECT 'INSERT INTO t FORMAT CSV'",
        b"INSERT INTO t FORMAT",
        b"",
    ],
)
def test_other_statements_carry_no_data(text: bytes) -> None:
    assert find_data_insert(text) is None


@pytest.mark.parametrize(
    ("text", "fmt", "rest"),
    [
        (b"SELECT 1", "TabSeparated", b""),
        (b"SELECT 1 ;\n", "TabSeparated", b" ;\n"),
        (b"SELECT 1\n FORMAT Native", "Native", b"FORMAT Native"),
        (b"SELECT 1 format JSON settings max_threads = 1;", "JSON", b"format JSON settings max_threads = 1;"),
        (b"SELECT 1 FORMAT JSON -- FORMAT CSV", "JSON", b"FORMAT JSON -- FORMAT CSV"),
        (b"SELECT ' FORMAT CSV '", "TabSeparated", b""),
        (b"SELECT * FROM (SELECT 1 FORMAT CSV)", "TabSeparated", b""),
        (b"SELECT format('{}', 1) FORMAT CSV", "CSV", b"FORMAT CSV"),
    ],
)
def test_the_output_format_is_the_one_the_statement_names(text: bytes, fmt: str, rest: bytes) -> None:
    assert find_output(text, "TabSeparated") == Wanted(fmt, len(text) - len(rest))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"  create  temporary table t (a Int8)", ("CREATE", "TEMPORARY")),
        (b"/* SET */ SELECT 1", ("SELECT", "1")),
        (b"(SELECT 1)", ("", "")),
        (b"SET", ("SET", "")),
    ],
)
def test_first_words_leave_out_comments_and_brackets(text: bytes, expected: tuple[str, str]) -> None:
    assert first_words(text) == expected
