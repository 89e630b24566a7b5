//! `docs/reference/calendars/` says what the venues' files say: a page for each, and a table of all.
//!
//! To write the pages anew: `KOBE_WRITE_DOCS=1 cargo test -p kobe-calendar --test pages`. Rules are shown as the file
//! writes them; the list of the next years is worked out by the program. A comment of a file is part of its page.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use common::day;
use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use kobe_calendar::{Coverage, Exchange, Session};
use toml::{Table, Value};

/// The years whose closed and changed days the pages list: the present one and the next two.
const YEARS: std::ops::RangeInclusive<i16> = 2026..=2028;

const AGAIN: &str = "KOBE_WRITE_DOCS=1 cargo test -p kobe-calendar --test pages";
const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const INDEX: &str = "\
# Calendars

Every venue that comes with the program, made from its file in `crates/kobe-calendar/exchanges/`; a test compares these pages with the files. What the last columns mean says
[How sure are we](../../concepts/how-sure.md); how to add a venue, [The file of an exchange](../exchange-files.md).

Hours are those of today on the clock of the zone, if no other city is named. Several stretches have a break between them.

| venue | title | zone | hours | dates from | hours from | confirmed to | projected to |
|---|---|---|---|---|---|---|---|
";

/// A comment of the file, and the row that it stands before.
struct Note {
    key: String,
    name: Option<String>,
    text: String,
}

struct Venue {
    exchange: Exchange,
    /// What the head of the file says, by paragraphs.
    head: Vec<String>,
    notes: Vec<Note>,
    own: Table,
    /// The venue that it extends.
    base: Option<(String, Table)>,
}

impl Venue {
    fn read(id: &str) -> Venue {
        let table = |id: &str| {
            let text = Exchange::bundled_rules(id).expect("it comes with the program");
            (text, toml::from_str::<Table>(text).expect("the program reads it"))
        };
        let (text, own) = table(id);
        let base = own.get("extends").map(|at| (shown(at), table(&shown(at)).1));
        let (head, notes) = comments(text);
        Venue { exchange: Exchange::bundled(id).expect("it comes with the program"), head, notes, own, base }
    }

    /// Returns what it states under a key, or what the venue states that it extends.
    fn value(&self, key: &str) -> Option<&Value> {
        self.own.get(key).or_else(|| self.base.as_ref()?.1.get(key))
    }

    /// Lists the rows of a list, and where each is from if from the venue that this one extends.
    fn rows(&self, key: &str) -> Vec<(&Table, Option<&str>)> {
        let list = |table| tables(Table::get(table, key));
        let without: Vec<String> = self.own.get("without").map(strings).unwrap_or_default();
        let kept = |row: &&Table| row.get("name").is_none_or(|name| !without.contains(&shown(name)));
        let own = list(&self.own).into_iter().map(|row| (row, None));
        let base = self.base.iter().flat_map(|(id, table)| list(table).into_iter().map(move |row| (row, id)));
        own.chain(base.filter(|(row, _)| kept(row)).map(|(row, id)| (row, Some(id.as_str())))).collect()
    }

    /// Lists what the file says about a key beside its rows.
    fn notes(&self, keys: &[&str]) -> String {
        let mut text = String::new();
        for note in self.notes.iter().filter(|note| keys.contains(&note.key.as_str())) {
            let name = note.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
            let _ = writeln!(text, "- {name}{}", note.text);
        }
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    /// Returns the rows of hours that are in force, and those before.
    fn hours_now(&self) -> Vec<&Table> {
        let rows = tables(self.value("hours"));
        let last = rows.last().map(|row| shown(&row["from"]));
        rows.into_iter().filter(|row| Some(shown(&row["from"])) == last).collect()
    }
}

fn tables(value: Option<&Value>) -> Vec<&Table> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table).collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(shown).collect()
}

/// Shows a value without quotes.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Datetime(at) => at.to_string(),
        Value::Integer(n) => n.to_string(),
        Value::Boolean(is) => is.to_string(),
        other => panic!("no place of the pages shows {other:?}"),
    }
}

/// Shows the value of a key; nothing if it is not stated.
fn cell(row: &Table, key: &str) -> String {
    row.get(key).map(shown).unwrap_or_default().replace('|', "\\|")
}

/// Returns the paragraphs at the head of a file, and its other comments.
fn comments(text: &str) -> (Vec<String>, Vec<Note>) {
    let head_lines = text.lines().take_while(|line| line.starts_with('#')).count();
    let head: Vec<&str> = text.lines().take(head_lines).map(|line| line.trim_start_matches('#').trim()).collect();
    let head = head.split(|line| line.is_empty()).map(|lines| lines.join(" "));
    // Those two explain the format, which has a page of its own.
    let head = head.filter(|text| !text.starts_with("Words of this") && !text.starts_with("The words of this"));

    let (mut notes, mut pending, mut key) = (Vec::new(), Vec::new(), String::new());
    for line in text.lines().skip(head_lines) {
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            pending.push(comment.trim());
            continue;
        }
        if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            key = line.split([' ', '=']).next().expect("a line has a first word").to_owned();
        }
        let begin = |with: &str| line.trim_start().strip_prefix(with);
        let name = begin("{ name = \"").and_then(|rest| rest.split_once('"'));
        // Hours have no name, but a date from which they hold.
        let name = name.or_else(|| begin("{ from = ")?.split_once(',')).map(|(name, _)| name.to_owned());
        let beside = line.rsplit_once("  # ").map(|(_, comment)| comment.trim());
        let before = std::mem::take(&mut pending).join(" ");
        for text in [before.as_str(), beside.unwrap_or_default()].into_iter().filter(|text| !text.is_empty()) {
            notes.push(Note { key: key.clone(), name: name.clone(), text: sentence(text) });
        }
    }
    (head.collect(), notes)
}

/// Makes a sentence of a remark: a capital, a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// Shows weekdays with capitals: `Mon-Thu Sun`.
fn weekdays(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars() {
        match shown.chars().last() {
            None | Some(' ' | '-') => shown.push(letter.to_ascii_uppercase()),
            Some(_) => shown.push(letter),
        }
    }
    shown
}

/// Shows the years of a rule in words: `2000 to 2019, from 2022`.
fn years(text: &str) -> String {
    let one = |part: &str| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let range = match range.split_once("..") {
            None => range.to_owned(),
            Some((from, "")) => format!("from {from}"),
            Some(("", to)) => format!("to {to}"),
            Some((from, to)) => format!("{from} to {to}"),
        };
        step.map_or(range.clone(), |step| format!("every {step}th year {range}"))
    };
    if text.is_empty() { "all".to_owned() } else { text.split(' ').map(one).collect::<Vec<_>>().join(", ") }
}

/// Shows what becomes of a rule's day that falls on some weekdays.
fn moved(row: &Table) -> String {
    let mut all = Vec::new();
    if let Some(moves) = row.get("move").and_then(Value::as_table) {
        let days = WEEK.iter().filter_map(|day| Some((day, moves.get(*day)?.as_integer()?)));
        all.extend(days.map(|(day, by)| format!("{} {by:+}", weekdays(day))));
    }
    match (row.get("substitute"), row.contains_key("overlap")) {
        (Some(days), false) => all.push(format!("{}: next free day", weekdays(&shown(days)))),
        (Some(days), true) => all.push(format!("{} or another holiday: next free day", weekdays(&shown(days)))),
        (None, true) => all.push("another holiday: next free day".to_owned()),
        (None, false) => {}
    }
    if row.get("civil").and_then(Value::as_bool) == Some(false) {
        all.push("of the exchange alone".to_owned());
    }
    all.join(", ")
}

/// Shows the rule of a row as the file writes it, and on which weekdays only.
fn rule(row: &Table) -> String {
    let days = row.get("days").map(|days| format!(", only {}", weekdays(&shown(days)))).unwrap_or_default();
    format!("`{}`{days}", cell(row, "on"))
}

/// Shows where a row is from.
fn source(row: &Table, base: Option<&str>) -> String {
    let stated = cell(row, "source");
    match base {
        None => stated,
        Some(id) if stated.is_empty() => format!("as [{id}]({id}.md)"),
        Some(id) => format!("{stated}; as [{id}]({id}.md)"),
    }
}

/// Returns the city of a zone: `New York`.
fn city(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}

/// Returns the breaks of a row of hours or of changed hours.
fn pauses(row: &Table) -> Vec<[String; 2]> {
    let pair = |value: &Value| match &strings(value)[..] {
        [from, to] => Some([from.clone(), to.clone()]),
        _ => None,
    };
    let several = row.get("pauses").and_then(Value::as_array).into_iter().flatten();
    row.get("pause").into_iter().chain(several).filter_map(pair).collect()
}

/// Shows the stretches of a row of hours: `09:00-12:00, 13:00-17:00`.
fn stretches(row: &Table) -> String {
    let zone = |key: &str| row.get(key).map(|zone| format!(" {}", city(&shown(zone)))).unwrap_or_default();
    let mut open = cell(row, "open");
    if row.contains_key("open_day") {
        open.push_str(" (the day before)");
    }
    if row.contains_key("close_zone") {
        open.push_str(&zone("zone"));
    }
    let mut text = String::new();
    for [from, to] in pauses(row) {
        let _ = write!(text, "{open}-{from}, ");
        open = to;
    }
    let clock = if row.contains_key("close_zone") { zone("close_zone") } else { zone("zone") };
    format!("{text}{open}-{}{clock}", cell(row, "close"))
}

/// Shows an instant on the clock of a venue; `24:00` at the end of the date, and which day if it is another one.
fn bell(exchange: &Exchange, date: Date, at: Timestamp) -> String {
    let local = exchange.zone().to_datetime(at);
    let time = local.strftime("%H:%M").to_string();
    match local.date() {
        other if other == date => time,
        other if other < date => format!("{time} (the day before)"),
        _ if time == "00:00" => "24:00".to_owned(),
        _ => format!("{time} (the day after)"),
    }
}

/// Shows the stretches of a session.
fn session_hours(exchange: &Exchange, session: &Session) -> String {
    let at = |instant| bell(exchange, session.date, instant);
    let mut text = format!("{}-", at(session.open));
    for (from, to) in &session.pauses {
        let _ = write!(text, "{}, {}-", at(*from), at(*to));
    }
    text + &at(session.close)
}

/// Writes what is known of which dates.
fn coverage(page: &mut String, venue: &Venue) {
    let (exchange, span) = (&venue.exchange, venue.exchange.span());
    let before = |date: Date| date.yesterday().expect("no span begins with time");
    let _ = write!(page, "\n## Coverage\n\n| dates | answer |\n|---|---|\n| before {} | refused |\n", span.from);
    let mut from = span.from;
    let mut stretch = |from: Date, to: Date, answer: &str| {
        let _ = writeln!(page, "| {from} to {to} | {answer} |");
    };
    if span.times_from > from {
        stretch(from, before(span.times_from), "confirmed dates; hours are refused");
        from = span.times_from;
    }
    stretch(from, span.confirmed_to, "confirmed");
    if span.projected_to > span.confirmed_to {
        let doubt = venue.rows("holidays").iter().any(|(row, _)| row.contains_key("doubt"));
        let except = if doubt { "projected; unknown around the days in doubt" } else { "projected" };
        stretch(span.confirmed_to.tomorrow().expect("it goes on"), span.projected_to, except);
    }
    let _ = writeln!(page, "| after {} | refused |", span.projected_to);
    page.push_str(&venue.notes(&["covers"]));
    // Several rows of one feast are one doubt.
    let mut doubts: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for (row, _) in venue.rows("holidays") {
        if let Some(days) = row.get("doubt").and_then(Value::as_integer) {
            doubts.entry(cell(row, "name")).or_default().insert(days);
        }
    }
    if !doubts.is_empty() {
        let _ = writeln!(page, "\nSet by a sighting or a decree, so in doubt after {}:\n", span.confirmed_to);
    }
    for (name, days) in doubts {
        let days: Vec<String> = days.iter().map(i64::to_string).collect();
        let one = if days == ["1"] { "day" } else { "days" };
        let _ = writeln!(page, "- {name}: {} {one} before and after are unknown", days.join(" or "));
    }
    assert_eq!(exchange.coverage(before(span.from)), Coverage::Refused);
}

/// Writes the week and the hours.
fn week_and_hours(page: &mut String, venue: &Venue) {
    match venue.value("week") {
        Some(Value::Array(weeks)) => {
            page.push_str("\n## Week\n\n| from | days |\n|---|---|\n");
            for row in weeks.iter().filter_map(Value::as_table) {
                let _ = writeln!(page, "| {} | {} |", cell(row, "from"), weekdays(&cell(row, "days")));
            }
        }
        week => {
            let _ = writeln!(page, "\n## Week\n\n{}.", weekdays(&week.map(shown).unwrap_or_default()));
        }
    }
    page.push_str(&venue.notes(&["week"]));
    if let Some(years_of) = venue.value("sandwich") {
        let years = years(&shown(years_of));
        let _ = writeln!(page, "\nA day between two holidays is one itself: {years}.");
    }
    let zone = venue.exchange.zone_name();
    let _ = writeln!(page, "\n## Hours\n\nOn the clock of {zone}, if no other city is named.\n");
    page.push_str("| from | days | hours | after the close | source |\n|---|---|---|---|---|\n");
    for row in tables(venue.value("hours")) {
        let days = row.get("days").map_or("all of the week".to_owned(), |days| weekdays(&shown(days)));
        let after = row.get("post").map(|post| format!("trading for {}", shown(post))).unwrap_or_default();
        let (from, source) = (cell(row, "from"), cell(row, "source"));
        let _ = writeln!(page, "| {from} | {days} | {} | {after} | {source} |", stretches(row));
    }
    page.push_str(&venue.notes(&["hours"]));
}

/// Writes the rules for holidays and for changed hours.
fn yearly_rules(page: &mut String, venue: &Venue) {
    let rows = venue.rows("holidays");
    if rows.is_empty() {
        page.push_str("\n## Holidays\n\nNone.\n");
    } else {
        page.push_str("\n## Holidays\n\n| name | rule | years | if it falls on | source |\n|---|---|---|---|---|\n");
    }
    for (row, base) in rows {
        let (name, years) = (cell(row, "name"), years(&cell(row, "years")));
        let _ = writeln!(page, "| {name} | {} | {years} | {} | {} |", rule(row), moved(row), source(row, base));
    }
    page.push_str(&venue.notes(&["holidays", "without"]));
    let (early, late) = (venue.rows("early_closes"), venue.rows("late_opens"));
    if early.is_empty() && late.is_empty() {
        return;
    }
    page.push_str("\n## Changed hours by rule\n\n| name | rule | years | if it falls on | hours | source |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    for (row, base) in early.into_iter().chain(late) {
        let (name, years) = (cell(row, "name"), years(&cell(row, "years")));
        let (rule, moved, source) = (rule(row), moved(row), source(row, base));
        let _ = writeln!(page, "| {name} | {rule} | {years} | {moved} | {} | {source} |", changed(row));
    }
    page.push_str(&venue.notes(&["early_closes", "late_opens"]));
}

/// Shows the hours that a row changes.
fn changed(row: &Table) -> String {
    let told = |key: &str, word: &str| row.get(key).map(|at| format!("{word} {}", shown(at)));
    let mut all: Vec<String> = told("open", "open").into_iter().chain(told("close", "close")).collect();
    let no_break = row.get("pause").and_then(Value::as_array).is_some_and(Vec::is_empty);
    all.extend(no_break.then(|| "no break".to_owned()));
    all.extend(pauses(row).iter().map(|[from, to]| format!("break {from}-{to}")));
    all.join(", ")
}

/// Shows whether a row was planned and when it was said.
fn announced(row: &Table) -> String {
    let sudden = row.get("planned").and_then(Value::as_bool) == Some(false);
    let said = row.get("announced").map(|at| format!("announced {}", shown(at)));
    sudden.then(|| "on the day".to_owned()).into_iter().chain(said).collect::<Vec<_>>().join(", ")
}

/// Writes what stands as dates.
fn single_dates(page: &mut String, venue: &Venue) {
    let dates = |row: &Table| row.get("dates").map(strings).unwrap_or_default().join(", ");
    let closures = venue.rows("closures");
    if !closures.is_empty() {
        page.push_str("\n## Closures\n\n| name | dates | known | source |\n|---|---|---|---|\n");
        for (row, base) in closures {
            let (name, source) = (cell(row, "name"), source(row, base));
            let _ = writeln!(page, "| {name} | {} | {} | {source} |", dates(row), announced(row));
        }
        page.push_str(&venue.notes(&["closures"]));
    }
    for (key, title, usual) in
        [("special_hours", "Changed hours", ""), ("sessions", "Extra sessions", "the ordinary hours")]
    {
        let rows = venue.rows(key);
        if rows.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| name | dates | hours | known | source |\n|---|---|---|---|---|\n");
        for (row, base) in rows {
            let (name, source, hours) = (cell(row, "name"), source(row, base), changed(row));
            let hours = if hours.is_empty() { usual.to_owned() } else { hours };
            let _ = writeln!(page, "| {name} | {} | {hours} | {} | {source} |", dates(row), announced(row));
        }
        page.push_str(&venue.notes(&[key]));
    }
}

/// Writes the days of some years that are not ordinary, as the program works them out.
fn next_years(page: &mut String, exchange: &Exchange) {
    let (first, last) = (date(*YEARS.start(), 1, 1), date(*YEARS.end(), 12, 31));
    let _ = writeln!(page, "\n## {} to {}, worked out\n", YEARS.start(), YEARS.end());
    let span = exchange.span();
    let mut rows = String::new();
    for date in first.series(1.day()).take_while(|date| *date <= last.min(span.projected_to)) {
        let sure = match exchange.coverage(date) {
            Coverage::Confirmed => "confirmed",
            Coverage::Projected => "projected",
            Coverage::Unknown => "unknown",
            Coverage::Refused => continue,
        };
        let doubt = exchange.doubt_on(date).map(|(name, at)| format!("{name}, projected for {at}, may fall here"));
        let session = exchange.session_on(date).expect("the span has hours in these years");
        let note = session.as_ref().and_then(|session| session.note.as_deref());
        let what = match (exchange.holiday_on(date).expect("it lies in the span"), &session, note) {
            (Some(name), _, _) => format!("closed: {name}"),
            (None, Some(session), Some(note)) => format!("{}: {note}", session_hours(exchange, session)),
            (None, Some(_), None) if doubt.is_some() => "session".to_owned(),
            _ => continue,
        };
        let what = doubt.map(|doubt| format!("{what}; {doubt}")).unwrap_or(what);
        let _ = writeln!(rows, "| {date} | {} | {what} | {sure} |", date.strftime("%a"));
    }
    if rows.is_empty() {
        page.push_str("Every session is an ordinary one.\n");
    } else {
        let _ = write!(page, "| date | day | what | how sure |\n|---|---|---|---|\n{rows}");
    }
    if span.projected_to < last {
        let _ = writeln!(page, "\nDates after {} are refused: nobody has decreed them yet.", span.projected_to);
    }
}

/// Splits a line of a table; a cell with commas stands in quotes.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            letter => cells.last_mut().expect("there is a first").push(letter),
        }
    }
    cells
}

/// A line of the differences that are known: which table, what differs, why, and from when to when.
type Difference = (String, String, String, Vec<String>);

/// Reads where we differ from the libraries, by venue.
fn known() -> BTreeMap<String, Vec<Difference>> {
    let path = format!("{}/../../tools/oracles/known.csv", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut known: BTreeMap<String, Vec<Difference>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let [id, oracle, from, to, field, why] = cells(line).try_into().expect("six columns");
        let exchange = Exchange::bundled(&id).unwrap_or_else(|| panic!("{path} names {id}, which is no venue"));
        let open = exchange.is_session_date(day(&from));
        let what = match (field.as_str(), open) {
            ("session", Ok(true)) => "a session here, none there",
            ("session", Ok(false)) => "a session there, none here",
            ("hours", _) => "other hours on some of these days",
            _ => panic!("{path}: {line}"),
        };
        let against = if oracle.is_empty() { "both, where they have it".to_owned() } else { oracle };
        let dates = if from == to { from } else { format!("{from} to {to}") };
        let rows = known.entry(id).or_default();
        let same = |row: &&mut Difference| (&row.0, row.1.as_str(), &row.2) == (&against, what, &why);
        match rows.iter_mut().find(same) {
            Some(row) => row.3.push(dates),
            None => rows.push((against, what.to_owned(), why, vec![dates])),
        }
    }
    known
}

fn differences(page: &mut String, rows: Option<&Vec<Difference>>) {
    page.push_str("\n## Differences from the tables we compare with\n\n");
    let Some(rows) = rows else {
        page.push_str("There are none: the dates are the same, and so are the hours of today.");
        page.push_str(" [How that was asked](../../concepts/how-sure.md#which-oracles-were-asked).\n");
        return;
    };
    page.push_str("Each was looked at, and we hold to ours for the reason given.");
    page.push_str(" [How that was asked](../../concepts/how-sure.md#which-oracles-were-asked).\n\n");
    page.push_str("| dates | what | why | which table |\n|---|---|---|---|\n");
    for (against, what, why, dates) in rows {
        let _ = writeln!(page, "| {} | {what} | {} | {against} |", dates.join(", "), why.replace('|', "\\|"));
    }
}

fn page(id: &str, known: &BTreeMap<String, Vec<Difference>>) -> String {
    let venue = Venue::read(id);
    let exchange = &venue.exchange;
    let mut page = format!("# {id}: {}\n", exchange.title());
    for paragraph in &venue.head {
        let _ = write!(page, "\n{paragraph}\n");
    }
    let names = Exchange::bundled_aliases(id).unwrap_or_default().join(", ");
    let names = if names.is_empty() { "-" } else { &names };
    let version = shown(&venue.own["version"]);
    let _ = write!(
        page,
        "\n| identifier | also called | zone | version | file |\n|---|---|---|---|---|\n\
         | {id} | {names} | {} | {version} | `crates/kobe-calendar/exchanges/{id}.toml` |\n",
        exchange.zone_name()
    );
    if let Some((base, _)) = &venue.base {
        let without = venue.own.get("without").map(strings).unwrap_or_default().join(", ");
        let without = if without.is_empty() { without } else { format!(", but for {without}") };
        let _ = write!(page, "\nThe rules of [{base}]({base}.md) hold here too{without}.\n");
    }
    coverage(&mut page, &venue);
    week_and_hours(&mut page, &venue);
    yearly_rules(&mut page, &venue);
    single_dates(&mut page, &venue);
    next_years(&mut page, exchange);
    differences(&mut page, known.get(id));
    page
}

fn index_row(id: &str) -> String {
    let venue = Venue::read(id);
    let (exchange, span) = (&venue.exchange, venue.exchange.span());
    let hours: Vec<String> = venue
        .hours_now()
        .into_iter()
        .map(|row| {
            let days = row.get("days").map(|days| format!("{} ", weekdays(&shown(days)))).unwrap_or_default();
            format!("{days}{}", stretches(row))
        })
        .collect();
    format!(
        "| [{id}]({id}.md) | {} | {} | {} | {} | {} | {} | {} |\n",
        exchange.title(),
        exchange.zone_name(),
        hours.join("; "),
        span.from,
        span.times_from,
        span.confirmed_to,
        span.projected_to
    )
}

#[test]
fn the_page_of_every_venue_says_what_its_file_says() {
    let known = known();
    let ids: Vec<&str> = Exchange::bundled_ids().collect();
    let mut pages: BTreeMap<String, String> = ids.iter().map(|id| (format!("{id}.md"), page(id, &known))).collect();
    let rows: String = ids.iter().map(|id| index_row(id)).collect();
    pages.insert("README.md".to_owned(), format!("{INDEX}{rows}"));

    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/calendars");
    if std::env::var_os("KOBE_WRITE_DOCS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &pages {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let kept = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let (ours, theirs) = (text.lines(), kept.lines());
        let same = ours.zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
        let line = same + 1;
        assert!(*text == kept, "docs/reference/calendars/{name} is out of date from line {line}; {AGAIN}");
    }
    let found = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let idle: Vec<String> = found.filter(|name| !pages.contains_key(name)).collect();
    assert!(idle.is_empty(), "docs/reference/calendars: pages of no venue: {idle:?}");
}

#[test]
fn years_are_told_in_words() {
    let rows = [
        ("", "all"),
        ("1998..", "from 1998"),
        ("..1963", "to 1963"),
        ("1992", "1992"),
        ("2000..2019 2022..", "2000 to 2019, from 2022"),
        ("1968..1980/4", "every 4th year 1968 to 1980"),
    ];
    for (text, told) in rows {
        assert_eq!(years(text), told, "{text}");
    }
}

/// Returns a page of the documentation.
fn read(page: &str) -> String {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the first example of TOML on a page that holds a line.
fn example(page: &str, line: &str) -> String {
    let mut blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let found = blocks.find(|(block, _)| block.lines().any(|of| of == line));
    found.unwrap_or_else(|| panic!("no example with {line}")).0.to_owned()
}

#[test]
fn the_small_file_and_every_form_of_a_rule_on_the_page_of_the_format_are_read() {
    let page = read("reference/exchange-files.md");
    let small = example(&page, "id = \"XEXA\"");
    Exchange::parse(&small).unwrap();
    let forms = page.split_once("## The day of a rule").unwrap().1.split_once("\n## ").unwrap().0;
    let rows = forms.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let examples: Vec<&str> =
        rows.flat_map(|row| row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    assert!(examples.len() > 15, "{examples:?}");
    for on in examples {
        let text = match on.contains("session") {
            true => format!("{small}late_opens = [{{ name = \"It\", on = \"{on}\", open = \"10:00\" }}]"),
            false => small.replace("holidays = [", &format!("holidays = [{{ name = \"It\", on = \"{on}\" }},")),
        };
        Exchange::parse(&text).unwrap_or_else(|error| panic!("{on}: {error}"));
    }
}

#[test]
fn the_overlay_on_the_page_of_trust_is_read() {
    let text = example(&read("concepts/how-sure.md"), "[[entry]]");
    let overlay = kobe_calendar::Overlay::parse(&text).unwrap();
    assert_eq!(overlay.entries().len(), 1);
    Exchange::bundled("XNYS").unwrap().with_overlay(&overlay, Timestamp::MAX).unwrap();
}
