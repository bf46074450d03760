//! The documented database schema against the migrations.

use std::fmt::Write as _;

/// `docs/schema.sql` is what a fresh database has: the migrations' text, one after the other, comments and all.
#[test]
fn the_documented_schema_is_the_schema_and_every_column_is_commented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = std::fs::read_to_string(root.join("../../docs/schema.sql")).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(root.join("migrations")).unwrap().map(|f| f.unwrap().path()).collect();
    names.sort();
    let mut expected = rusqlite::Connection::open_in_memory().unwrap();
    for path in names {
        expected.execute_batch(&std::fs::read_to_string(path).unwrap()).unwrap();
    }
    let mut found = rusqlite::Connection::open_in_memory().unwrap();
    found.execute_batch(&documented).unwrap();
    assert_eq!(shape(&mut found), shape(&mut expected));

    let mut table = false;
    for line in documented.lines() {
        let line = line.trim();
        if line.starts_with("CREATE TABLE") {
            table = true;
        } else if line.starts_with(')') {
            table = false;
        } else if table && !line.starts_with("PRIMARY KEY") {
            assert!(line.contains("-- "), "no comment: {line}");
        }
    }
}

/// Every table, index and column as `SQLite` sees them.
fn shape(c: &mut rusqlite::Connection) -> String {
    let mut out = String::new();
    let mut statement = c
        .prepare(
            "SELECT m.name, COALESCE(t.name, ''), COALESCE(t.type, ''), COALESCE(t.\"notnull\", 0), COALESCE(t.pk, 0)
             FROM sqlite_master m LEFT JOIN pragma_table_info(m.name) t WHERE m.name NOT LIKE 'sqlite%' ORDER BY 1, t.cid",
        )
        .unwrap();
    let rows = statement
        .query_map([], |r| {
            let (table, column, kind): (String, String, String) = (r.get(0)?, r.get(1)?, r.get(2)?);
            Ok(format!("{table}.{column} {kind} {} {}", r.get::<_, i64>(3)?, r.get::<_, i64>(4)?))
        })
        .unwrap();
    for row in rows {
        writeln!(out, "{}", row.unwrap()).unwrap();
    }
    out
}
