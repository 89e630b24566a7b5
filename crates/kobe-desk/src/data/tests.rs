//! The embedded set, directories, and damaged files of every kind.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::PathBuf;

use jiff::civil::date;

use super::*;

/// The repository's data folder.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data"))
}

fn unzip(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

fn zip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn the_embedded_set_is_whole() {
    let set = DataSet::embedded().unwrap();
    let bars: Vec<_> = set.series.values().map(|s| (s.symbol(), s.len())).collect();
    assert_eq!(bars, [("AAPL", 3270), ("FB", 196), ("GOOG", 2148), ("IBM", 3270), ("MSFT", 3270)]);
    assert_eq!((set.as_of, set.origin), (date(2013, 3, 1), Origin::Embedded));
    assert_eq!((set.index.name(), set.index.is_proxy(), set.index.len()), ("SPX", false, 3773));
    assert_eq!((set.treasury.len(), set.vix.len(), set.fees.len(), set.actions.len()), (3753, 1259, 37, 95));
    assert_eq!(set.files.len(), 7);
    assert!(set.files.iter().all(|f| f.origin == Origin::Embedded && f.sha256.len() == 64 && f.rows > 0));

    let sector = |symbol, date| set.sector_on(symbol, date).map(|row| (row.sector.as_str(), row.etf.as_str()));
    assert_eq!(sector("GOOG", date(2018, 9, 23)), Some(("Information Technology", "XLK")));
    assert_eq!(sector("GOOG", date(2018, 9, 24)), Some(("Communication Services", "XLC")));
    assert_eq!(sector("TSLA", date(2018, 9, 24)), None);

    let row = set.treasury_until(date(2012, 1, 1)).unwrap();
    assert_eq!((row.date, row.y10_pct), (date(2011, 12, 30), Some(1.89)), "the last one before a holiday");
    assert!((row.slope_pct().unwrap() - 1.64).abs() < 1e-9);
    assert_eq!(set.treasury_until(date(1998, 1, 1)), None);
    assert_eq!(set.vix_until(date(2013, 12, 31)), None, "the VIX begins after the bars end");
    assert_eq!(set.vix_until(date(2014, 1, 4)).unwrap().close, 13.76);
    let taf = set.fees.iter().find(|f| f.fee == "TAF" && f.effective == date(2012, 7, 1)).unwrap();
    assert_eq!((taf.rate.to_string().as_str(), taf.cap.unwrap().to_string().as_str()), ("0.000119", "5.95"));
}

/// Every file of the folder is the one that the manifest means, also those that other crates read.
#[test]
fn the_manifest_speaks_about_every_file() {
    let manifest = std::fs::read_to_string(folder().join("MANIFEST.csv")).unwrap();
    let mut listed: Vec<&str> = Vec::new();
    for line in manifest.lines().skip(1) {
        let [file, sha256, rows] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = std::fs::read(folder().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(files::hex(&Sha256::digest(&bytes)), sha256, "{file}");
        let text = if file.ends_with(".gz") { unzip(&bytes) } else { String::from_utf8(bytes).unwrap() };
        assert_eq!(text.lines().count() - 1, rows.parse::<usize>().unwrap(), "{file}");
        listed.push(file);
    }
    let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut present: Vec<String> = names.filter(|name| name.contains(".csv") && name != "MANIFEST.csv").collect();
    present.sort();
    assert_eq!(present, listed);
}

/// The calendar builds in tables of its own folder; they may not drift from these.
#[test]
fn the_calendar_reads_the_same_tables() {
    for file in ["events.csv", "modes.csv"] {
        let here = std::fs::read_to_string(folder().join(file)).unwrap();
        let there = std::fs::read_to_string(folder().join("../crates/kobe-calendar/data").join(file)).unwrap();
        assert!(here == there, "{file} differs from the one in crates/kobe-calendar/data");
    }
}

/// A directory with copies of the embedded files.
fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

#[test]
fn a_directory_serves_as_well_as_the_binary() {
    let (dir, embedded) = (copy(), DataSet::embedded().unwrap());
    let set = DataSet::load(Some(dir.path())).unwrap();
    assert_eq!((set.hash(), set.origin), (embedded.hash(), Origin::Directory));
    assert_eq!(DataSet::load(None).unwrap().hash(), embedded.hash());

    // The same bars unpacked, without a manifest, an index, fees or sectors.
    let bars = unzip(&std::fs::read(dir.path().join("equities_daily.csv.gz")).unwrap());
    std::fs::write(dir.path().join("equities_daily.csv"), bars).unwrap();
    assert!(matches!(DataSet::from_dir(dir.path()), Err(DataError::Twice { .. })));
    for gone in ["equities_daily.csv.gz", "MANIFEST.csv", "spx_closes.csv.gz", "fees.csv", "sectors.csv"] {
        std::fs::remove_file(dir.path().join(gone)).unwrap();
    }
    let set = DataSet::from_dir(dir.path()).unwrap();
    assert!(set.index.is_proxy() && set.hash() != embedded.hash());
    assert_eq!(
        (&set.fees, &set.sectors),
        (&embedded.fees, &embedded.sectors),
        "rules of the land come from the binary"
    );
    assert_eq!(set.files.iter().find(|f| f.file == "fees.csv").unwrap().origin, Origin::Embedded);
    assert_eq!(set.symbol("IBM").unwrap().bars(), embedded.symbol("IBM").unwrap().bars());

    // Yields and VIX may be missing, bars and actions may not.
    for gone in ["treasury_daily.csv.gz", "vix_daily.csv.gz"] {
        std::fs::remove_file(dir.path().join(gone)).unwrap();
    }
    let set = DataSet::from_dir(dir.path()).unwrap();
    assert_eq!((set.treasury.len(), set.vix.len()), (0, 0));
    std::fs::remove_file(dir.path().join("corporate_actions.csv")).unwrap();
    let error = DataSet::from_dir(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("neither corporate_actions.csv nor corporate_actions.csv.gz is there"), "{error}");
    let nowhere = DataSet::from_dir(&dir.path().join("nowhere")).unwrap_err();
    assert!(matches!(&nowhere, DataError::Read { path, .. } if path.ends_with("nowhere")), "{nowhere}");
}

const BARS: &str = "symbol,date,open,high,low,close,volume\n\
    AAA,2001-01-02,10,11,9,10.5,1000\n\
    AAA,2001-01-03,10,11,9,10.5,1000\n\
    BBB,2001-01-02,20,21,19,20.5,1000\n\
    AAA,2001-01-04,10,11,9,10.5,1000\n";
const ACTIONS: &str = "symbol,ex_date,kind,split_ratio,cash,price_factor\nAAA,2001-01-04,split,2,0.00,0.5\n";
const SPX: &str = "date,close\n2001-01-02,1000.5\n2001-01-03,1001\n2001-01-04,999\n";
const TREASURY: &str = "date,m3_pct,y2_pct,y10_pct\n2001-01-02,5.1,,5.0\n2001-01-03,-0.1,5.2,5.0\n";
const VIX: &str = "date,close\n2001-01-02,20.5\n2001-01-03,21\n";
const SECTORS: &str =
    "symbol,sector,etf,valid_from,valid_to\nAAA,Energy,XLE,,2001-01-02\nAAA,\"Oil, gas\",XLE,2001-01-03,\n";
const FEES: &str = "fee,effective,rate,cap,source\nTAF,2001-01-01,0.000075,3.75,\"a \"\"public\"\" notice, 2001\"\n";

/// A small set made by hand, one of each file.
fn small() -> Vec<(&'static str, String)> {
    [
        ("equities_daily.csv", BARS),
        ("corporate_actions.csv", ACTIONS),
        ("spx_closes.csv", SPX),
        ("treasury_daily.csv", TREASURY),
        ("vix_daily.csv", VIX),
        ("sectors.csv", SECTORS),
        ("fees.csv", FEES),
    ]
    .map(|(file, text)| (file, text.to_owned()))
    .to_vec()
}

fn load(files: impl IntoIterator<Item = (&'static str, Vec<u8>)>) -> Result<DataSet, DataError> {
    let mut set = Files::default();
    for (file, bytes) in files {
        set.insert(file, Origin::Directory, Cow::Owned(bytes));
    }
    DataSet::from_files(&set)
}

#[test]
fn the_small_set_is_sound() {
    let set = load(small().into_iter().map(|(file, text)| (file, text.into_bytes()))).unwrap();
    assert_eq!(
        set.series.values().map(|s| s.len()).collect::<Vec<_>>(),
        [3, 1],
        "rows of a symbol need not stand together"
    );
    assert_eq!(set.fees[0].source, "a \"public\" notice, 2001");
    assert_eq!(set.sector_on("AAA", date(2001, 1, 3)).unwrap().sector, "Oil, gas");
    assert_eq!(set.treasury[0].slope_pct(), None);
    let dressed =
        small().into_iter().map(|(file, text)| (file, format!("\u{feff}{}\r\n\r\n", text.replace('\n', "\r\n"))));
    assert_eq!(
        load(dressed.map(|(file, text)| (file, text.into_bytes()))).unwrap().fees,
        set.fees,
        "as Windows writes it"
    );
}

/// One thing wrong at a time: what, where, and the words an operator reads.
#[test]
fn each_damage_is_named_with_its_place() {
    let with = |name: &str, from: &str, to: &str| {
        let mut seen = false;
        let files: Vec<_> = small()
            .into_iter()
            .map(|(file, text)| {
                let hit = file.starts_with(name) && text.contains(from);
                seen |= hit;
                (file, if hit { text.replacen(from, to, 1) } else { text }.into_bytes())
            })
            .collect();
        assert!(seen, "{name} holds {from:?}");
        load(files).unwrap_err()
    };
    let bars = "equities_daily";
    for (from, to, name, expect) in [
        ("date,open", "day,open", bars, "equities_daily.csv:1:1: the header must name the column \"date\" once"),
        ("low,close", "close,close", bars, "equities_daily.csv:1:1: the header must name the column \"low\" once"),
        (",1000\nBBB", "\nBBB", bars, "equities_daily.csv:3:1: 6 fields, the header names 7"),
        (",1000\nBBB", ",1000,7\nBBB", bars, "equities_daily.csv:3:1: 8 fields, the header names 7"),
        ("2001-01-03", "2001-02-30", bars, "equities_daily.csv:3:5: date is \"2001-02-30\": not a date YYYY-MM-DD"),
        (
            "03,10,11",
            "03,ten,11",
            bars,
            "equities_daily.csv:3:16: open is \"ten\": not a price: only digits and one point may stand here",
        ),
        ("03,10,11", "03,,11", bars, "equities_daily.csv:3:16: open is \"\": the price is empty"),
        (
            "03,10,11",
            "03,10.00001,11",
            bars,
            "equities_daily.csv:3:16: open is \"10.00001\": more than 4 decimals: an adjusted price, not one as traded",
        ),
        ("10.5,1000\nBBB", "10.5,1e3\nBBB", bars, "equities_daily.csv:3:29: volume is \"1e3\": not a number"),
        (
            "10.5,1000\nBBB",
            "10.5,-1\nBBB",
            bars,
            "equities_daily.csv:3:1: AAA 2001-01-03: the volume is no count of shares, 0 to 10^15",
        ),
        (
            "BBB",
            "b b",
            bars,
            "equities_daily.csv:4:1: symbol is \"b b\": not a symbol: 1 to 16 capital letters, digits, points, dashes",
        ),
        ("20,21,19", "20,21,20.6", bars, "equities_daily.csv:4:1: BBB 2001-01-02: the low is above another price"),
        ("20,21,19", "20,20,19", bars, "equities_daily.csv:4:1: BBB 2001-01-02: the high is below another price"),
        ("20,21,19", "20,21,0", bars, "equities_daily.csv:4:1: BBB 2001-01-02: a price is zero"),
        ("2001-01-04", "2001-01-03", bars, "equities_daily.csv:5:1: AAA 2001-01-03: two bars of one date"),
        ("2001-01-04", "2000-01-04", bars, "equities_daily.csv:5:1: AAA 2000-01-04: older than the bar before it"),
        ("20.5", "20\0.5", bars, "equities_daily.csv:4:27: not text: a NUL byte"),
        ("BBB", "\"BBB", bars, "equities_daily.csv:4:1: a quote opens here and never closes on this line"),
        ("BBB", "\"BBB\"x", bars, "equities_daily.csv:4:6: a comma or the end of the line must follow the quote"),
        (&BARS[BARS.find('\n').unwrap()..], "\n", bars, "no bars: equities_daily holds no row"),
        (
            ",2,0.00",
            ",0,0.00",
            "corporate_actions",
            "corporate_actions.csv:2:1: split ratio and price factor must lie between 0.0001 and 10,000",
        ),
        (
            "0.00,",
            "-1,",
            "corporate_actions",
            "corporate_actions.csv:2:24: cash is \"-1\": not a price: only digits and one point may stand here",
        ),
        ("1000.5", "0", "spx", "spx_closes.csv:2:1: SPX 2001-01-02: the close is not a number above zero"),
        ("2001-01-04", "2001-01-02", "spx", "spx_closes.csv:4:1: SPX 2001-01-02: not after the date before it"),
        (&SPX[SPX.find('\n').unwrap()..], "\n", "spx", "spx_closes.csv:1:1: SPX: no closes"),
        ("-0.1", "inf", "treasury", "treasury_daily.csv:3:12: m3_pct is \"inf\": not a number"),
        ("2001-01-03", "2001-01-02", "treasury", "treasury_daily.csv:3:1: two rows of 2001-01-02"),
        ("2001-01-03", "2000-01-03", "vix", "vix_daily.csv:3:1: 2000-01-03 is older than the row before it"),
        ("20.5", "-20.5", "vix", "vix_daily.csv:2:12: close is \"-20.5\": not above zero"),
        ("2001-01-03,", "2001-01-02,", "sectors", "sectors.csv:3:1: AAA is also in \"Energy\" on some of these days"),
        (
            ",2001-01-02",
            "2001-01-03,2001-01-02",
            "sectors",
            "sectors.csv:2:27: valid_to is \"2001-01-02\": before valid_from",
        ),
        ("TAF", "XYZ", "fees", "fees.csv:2:1: fee is \"XYZ\": the desk knows SEC31 and TAF"),
        (
            "0.000075",
            "-0.000075",
            "fees",
            "fees.csv:2:16: rate is \"-0.000075\": not a decimal number of at least zero",
        ),
    ] {
        let error = with(name, from, to);
        assert_eq!(error.to_string(), expect, "{from:?} -> {to:?}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn damaged_containers_are_named() {
    let gzipped = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut files: Vec<_> = small().into_iter().map(|(file, text)| (file, text.into_bytes())).collect();
        let mut bytes = zip(BARS);
        change(&mut bytes);
        files[0] = ("equities_daily.csv.gz", bytes);
        load(files)
    };
    assert!(gzipped(&|_| {}).is_ok());
    let is_gzip = |e: &DataError| matches!(e, DataError::Gzip { file, .. } if file == "equities_daily.csv.gz");
    for (name, change) in [
        ("cut off", (|b: &mut Vec<u8>| b.truncate(b.len() - 9)) as fn(&mut Vec<u8>)),
        ("without its sum", |b| b.truncate(b.len() - 8)),
        ("a wrong sum", |b| {
            let end = b.len() - 5;
            b[end] ^= 1;
        }),
        ("damaged in the middle", |b| {
            let middle = b.len() / 2;
            b[middle] ^= 0xff;
        }),
        ("empty", Vec::clear),
        ("not gzip at all", |b| *b = BARS.as_bytes().to_vec()),
        ("more after the end", |b| b.extend_from_slice(b"more")),
    ] {
        let error = gzipped(&change).unwrap_err();
        assert!(is_gzip(&error), "{name}: {error}");
    }
    // The bytes of a gz file under a plain name.
    let mut files: Vec<_> = small().into_iter().map(|(file, text)| (file, text.into_bytes())).collect();
    files[0].1 = zip(BARS);
    assert!(matches!(load(files), Err(DataError::NotText { .. })));
}

#[test]
fn a_file_must_be_the_one_the_manifest_means() {
    let mut files = Files::embedded();
    files.insert("sectors.csv", Origin::Embedded, Cow::Borrowed(SECTORS.as_bytes()));
    let error = DataSet::from_files(&files).unwrap_err();
    assert!(matches!(&error, DataError::Checksum { file, .. } if file == "sectors.csv"), "{error}");
    files.remove("MANIFEST");
    assert_eq!(
        DataSet::from_files(&files).unwrap().sectors.rows().len(),
        2,
        "without a manifest the file stands for itself"
    );

    let rows = format!("file,sha256,rows\nsectors.csv,{},3\n", files::hex(&Sha256::digest(SECTORS)));
    files.insert("MANIFEST.csv", Origin::Embedded, Cow::Owned(rows.into_bytes()));
    let error = DataSet::from_files(&files).unwrap_err();
    assert_eq!(error.to_string(), "sectors.csv: 2 rows, MANIFEST.csv says 3");
    for (text, expect) in [
        ("file,sha256\nx,y\n", "MANIFEST.csv:1:1: the header must name the column \"rows\" once"),
        ("file,sha256,rows\nx,y,1\n", "MANIFEST.csv:2:3: sha256 is \"y\": not a SHA-256 in hex"),
        ("file,sha256,rows\nx,y,-1\n", "MANIFEST.csv:2:5: rows is \"-1\": not a count"),
    ] {
        files.insert("MANIFEST.csv", Origin::Embedded, Cow::Borrowed(text.as_bytes()));
        assert_eq!(DataSet::from_files(&files).unwrap_err().to_string(), expect);
    }
}

#[test]
fn without_an_index_and_long_bars_there_is_no_set() {
    let mut files: Vec<_> = small().into_iter().map(|(file, text)| (file, text.into_bytes())).collect();
    files.remove(2);
    assert_eq!(load(files).unwrap_err(), DataError::NoIndex);
}

/// Draws numbers from a seed (splitmix64, S. Vigna); a test must not depend on chance.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Damages bytes the way disks, editors and people do.
fn damage(bytes: &mut Vec<u8>, draw: &mut Draw) {
    for _ in 0..=draw.below(4) {
        let at = draw.below(bytes.len());
        match draw.below(7) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << draw.below(8),
            2 if !bytes.is_empty() => bytes[at] = draw.next() as u8,
            3 => {
                const PIECES: [&str; 12] = [
                    ",",
                    "\n",
                    "\"",
                    "\r\n",
                    "\0",
                    "-",
                    ".",
                    "9999999999999999999",
                    "NaN",
                    "é",
                    "2001-01-02",
                    "\u{feff}",
                ];
                let piece = PIECES[draw.below(PIECES.len())].bytes();
                bytes.splice(at..at, piece);
            }
            4 => {
                let end = (at + draw.below(12)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + draw.below(80)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                let to = draw.below(bytes.len());
                bytes.splice(to..to, copied);
            }
            _ if !bytes.is_empty() => bytes[at] = b'0' + draw.below(10) as u8,
            _ => {}
        }
    }
}

/// Whatever the bytes: an error with words, or a set that keeps its promises. Never a panic.
#[test]
fn no_bytes_make_the_reader_panic() {
    let (mut sound, mut refused) = (0, 0);
    for seed in 0..20_000 {
        let mut draw = Draw(seed);
        let packed = draw.below(4) == 0;
        let mut files: Vec<(&str, Vec<u8>)> =
            small().into_iter().map(|(file, text)| (file, text.into_bytes())).collect();
        if packed {
            files[0] = ("equities_daily.csv.gz", zip(BARS));
        }
        let victim = draw.below(files.len());
        damage(&mut files[victim].1, &mut draw);
        match load(files) {
            Ok(set) => {
                sound += 1;
                for series in set.series.values() {
                    assert!(series.bars().iter().all(|bar| bar.fault().is_none()), "seed {seed}");
                    assert!(series.bars().windows(2).all(|pair| pair[0].date < pair[1].date), "seed {seed}");
                    assert!(series.bars().iter().enumerate().all(|(i, _)| series.features(i).is_some()), "seed {seed}");
                }
                assert!(set.treasury.windows(2).all(|pair| pair[0].date < pair[1].date), "seed {seed}");
                assert!(set.vix.iter().all(|row| row.close > 0.0 && row.close.is_finite()), "seed {seed}");
            }
            Err(error) => {
                refused += 1;
                let place = error.place().is_none_or(|at| at.line >= 1 && at.column >= 1);
                assert!(
                    place && !error.to_string().contains('\n') && !error.hint().is_empty(),
                    "seed {seed}: {error:?}"
                );
            }
        }
    }
    assert!(sound > 500 && refused > 10_000, "both ends were seen: {sound} and {refused}");
}

/// The real files, damaged where it can hurt: one byte of each compressed file is enough to refuse the set.
#[test]
fn one_flipped_bit_in_an_embedded_file_is_seen() {
    for name in ["equities_daily.csv.gz", "spx_closes.csv.gz", "corporate_actions.csv", "fees.csv"] {
        let mut bytes = std::fs::read(folder().join(name)).unwrap();
        let mut draw = Draw(7);
        let at = draw.below(bytes.len());
        bytes[at] ^= 1;
        let mut files = Files::embedded();
        files.insert(name, Origin::Embedded, Cow::Owned(bytes));
        let error = DataSet::from_files(&files).unwrap_err();
        assert!(matches!(&error, DataError::Checksum { file, .. } if file == name), "{error}");
    }
}
