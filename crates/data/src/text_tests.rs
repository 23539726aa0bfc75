use super::*;
use crate::{ReadOptions, Values, read_bytes};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn parsed(text: &[u8], header: Header, delimiter: Option<u8>) -> Result<Table, Error> {
    parse(text, "t.csv", (header, delimiter), &Memory::default())
}

fn table(text: &str) -> Table {
    parsed(text.as_bytes(), Header::Auto, None).unwrap()
}

fn lines(table: &Table) -> Vec<f64> {
    table.lines.iter().flat_map(|lines| lines.iter()).collect()
}

fn fails(text: &[u8], header: Header, message: Expect) {
    message.assert_eq(&parsed(text, header, None).unwrap_err().to_string());
}

fn numbers(table: &Table, column: usize) -> Vec<f64> {
    match &table.columns[column].values {
        Values::Numbers(numbers) => numbers.iter().collect(),
        Values::Categories { levels, .. } => panic!("categories {levels:?}"),
    }
}

fn words(table: &Table, column: usize) -> Vec<&str> {
    match &table.columns[column].values {
        Values::Numbers(numbers) => panic!("numbers {numbers:?}"),
        Values::Categories { levels, codes } => {
            codes.iter().map(|code| code.map_or("-", |code| &levels[code])).collect()
        }
    }
}

#[test]
fn numbers_words_and_missing() {
    let table = table("x, y ,kind\n 1 ,?, a\n2,nA,b \n,3e1,NaN\n4,\"5\", \"c d\"\n");
    assert!(table.named);
    assert_eq!(table.columns.iter().map(|c| &c.name[..]).collect::<Vec<_>>(), ["x", "y", "kind"]);
    assert_eq!(numbers(&table, 0)[..2], [1.0, 2.0]);
    assert!(numbers(&table, 0)[2].is_nan() && numbers(&table, 1)[0].is_nan());
    assert_eq!(numbers(&table, 1)[2..], [30.0, 5.0]);
    assert_eq!(words(&table, 2), ["a", "b", "-", "c d"]);
    assert_eq!(lines(&table), [2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn a_quote_that_is_never_closed_is_named_with_its_line() {
    let line = |text: &str| match parsed(text.as_bytes(), Header::Auto, None) {
        Err(Error::OpenQuote { line, .. }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line("a,b\n1,x\n2,\"y\n3,z\n"), 3);
    assert_eq!(line("a,b\r\n1,x\r\n2,\"y \"\"z\"\" \r\n3,z"), 3);
    assert_eq!(line("a\n\"x\ny\"\n\"z\n\n"), 4);
    fails(
        b"a,b\n1,x\n2,\"y\n3,z\n",
        Header::Auto,
        expect![
            "t.csv, line 3: a quote is opened here and never closed; close it, or leave it out"
        ],
    );
    // Inches, a quote in a field that none begins, and one in the last field.
    assert_eq!(words(&table("a,b\n1,5\" pipe\n2,a \"b\n"), 1), ["5\" pipe", "a \"b"]);
    assert_eq!(words(&table("a,b\n1,\"p,q\"\n2,\"r \"\"s\"\"\""), 1), ["p,q", "r \"s\""]);
}

#[test]
fn headers() {
    let named = |text: &str| table(text).named;
    assert!(named("a,b\n1,x\n"));
    assert!(named(",a,b\n0,1,x\n"), "an index column without a name");
    assert!(!named("1,x\n2,y\n"));
    assert!(!named("x,?\ny,3\n"), "? is data");
    assert!(!named("red,yes\nblue,no\nred,no\n"), "words that come again");
    assert!(named("colour,good\nblue,no\nred,no\n"), "words that do not");
    assert!(!named("a,a\nb,c\n"), "equal names over words");
    assert!(!named("150,4,setosa\n5,3,0\n"));
    assert!(named("0,1,2,class\n5,1,0,x\n1,2,0,y\n"), "places beside a word");
    assert!(named("0,1,target\n0,3,1\n"));
    assert!(!named("0,1,x\n5,0,y\n7,3,x\n"), "a word that comes again");
    assert!(!named("0,1,2\n5,0,1\n"), "nothing but numbers");
    let absent = parsed(b"a,b\n1,2\n", Header::Absent, None).unwrap();
    assert_eq!(words(&absent, 0), ["a", "1"]);
    let present = parsed(b"5,6\n1,2\n", Header::Present, None).unwrap();
    assert_eq!((&present.columns[1].name[..], numbers(&present, 1)), ("6", vec![2.0]));
}

#[test]
fn delimiters() {
    for text in ["a,b\n1,2\n", "a;b\n1;2\n", "a\tb\n1\t2\n", "a|b\n1|2\n", " a  b \n 1\t 2\n"] {
        let table = table(text);
        assert_eq!((&table.columns[1].name[..], numbers(&table, 1)), ("b", vec![2.0]), "{text:?}");
    }
    assert_eq!(table("x;a,b\n1;\"2;3\"\n").columns.len(), 2);
    let given = parsed(b"a:b\n1:2\n", Header::Auto, Some(b':')).unwrap();
    assert_eq!(given.columns.len(), 2);
}

#[test]
fn lines_are_counted_through_blank_ones() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["", "a,b", "", "1,2", " ", "", "\"x", "y\",4", "5,6"].join(end);
        assert_eq!(lines(&table(&text)), [4.0, 7.0, 9.0], "{end:?}");
    }
    assert_eq!(lines(&table("\u{feff}a,b\r\n1,2\r\n3,4")), [2.0, 3.0]);
}

#[test]
fn messages() {
    fails(
        b"",
        Header::Auto,
        expect!["t.csv: the file is empty; a table needs at least one line of values"],
    );
    fails(
        b"\n \n",
        Header::Auto,
        expect!["t.csv: the file is empty; a table needs at least one line of values"],
    );
    fails(
        b"a,b\n",
        Header::Auto,
        expect![
            "t.csv: the table has column names but no rows; if its first line is data, put the names above it, or train with --no-header"
        ],
    );
    fails(
        b"a,b\n1,2\n\n1\n",
        Header::Auto,
        expect![
            "t.csv, line 4: 1 field, but line 1 has 2; look for a missing or an extra delimiter, or quote the field that contains it"
        ],
    );
    fails(
        b"1,2\n1,2,3\n",
        Header::Auto,
        expect![
            "t.csv, line 2: 3 fields, but line 1 has 2; look for a missing or an extra delimiter, or quote the field that contains it"
        ],
    );
    fails(
        b"a,b,a\n1,2,3\n",
        Header::Auto,
        expect![[
            r#"t.csv: columns 1 and 3 are both named "a"; rename one, or read with --no-header if the first line is data"#
        ]],
    );
    fails(
        b"a,b\n1,f\xfcnf\n",
        Header::Auto,
        expect!["t.csv, line 2, column 2: the text is not UTF-8; save the table as UTF-8"],
    );
    fails(
        b"a,f\xfcnf\n1,2\n",
        Header::Auto,
        expect!["t.csv, line 1, column 2: the text is not UTF-8; save the table as UTF-8"],
    );
    fails(
        b"\xff\xfea\0",
        Header::Auto,
        expect!["t.csv: the text is UTF-16; save the table as UTF-8"],
    );
}

/// 100 000 rows of 20 columns: the bound is generous because tests run unoptimised beside others;
/// the time is printed.
#[test]
fn large_tables() {
    let line = "0.5123,17,-3.25e-2,red,1,2,3,4,5,6,7,8,9,10,11.25,12,13,14,15.5,16\n";
    let text = line.repeat(100_000);
    let start = std::time::Instant::now();
    let table = table(&text);
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("100000 rows of 20 columns, {} MB: {seconds:.3} s", text.len() / 1_000_000);
    assert_eq!((table.rows, table.columns.len()), (100_000, 20));
    assert!(seconds < 5.0, "{seconds} s");
}

proptest! {
    #[test]
    fn any_bytes(bytes: Vec<u8>, delimiter: Option<u8>) {
        for header in [Header::Auto, Header::Present, Header::Absent] {
            let options = ReadOptions { header, delimiter, ..ReadOptions::default() };
            let _ = read_bytes(&bytes, "t.csv", &options);
            let _ = parsed(&bytes, header, delimiter);
        }
    }

    #[test]
    fn any_text(text in "[a1?,;\" \\t\\r\\n.\u{e9}-]{0,60}") {
        for header in [Header::Auto, Header::Present, Header::Absent] {
            if let Ok(table) = parsed(text.as_bytes(), header, None) {
                prop_assert!(table.rows > 0);
                prop_assert_eq!(lines(&table).len(), table.rows);
                for column in &table.columns {
                    prop_assert_eq!(column.values.len(), table.rows);
                }
            }
            // A table in a file is the one in memory, and so are the errors.
            let delimiter = Some(b' ').filter(|_| text.contains('\t'));
            let read = |memory: &Memory| {
                format!("{:?}", parse(text.as_bytes(), "t.csv", (header, delimiter), memory))
            };
            let disk = Memory { most: 0, ..Memory::default() };
            prop_assert_eq!(read(&disk), read(&Memory::default()));
        }
    }

    #[test]
    fn numbers_come_back(rows in proptest::collection::vec((-1e9f64..1e9, any::<i32>()), 1..20)) {
        let text: String = rows.iter().map(|(x, n)| format!("{x:?},{n}\n")).collect();
        let table = parsed(text.as_bytes(), Header::Auto, None).unwrap();
        prop_assert_eq!(numbers(&table, 0), rows.iter().map(|row| row.0).collect::<Vec<_>>());
        let integers: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        prop_assert_eq!(numbers(&table, 1), integers);
    }
}
