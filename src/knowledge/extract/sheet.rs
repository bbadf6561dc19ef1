//! Tables: Excel workbooks by `calamine`, and text with delimiters by `csv`. Each row is written with the heads of its
//! columns, so that it can be found and understood without the rows above it.

use std::io::Cursor;

use calamine::{Data, DataRef, Reader as _, SheetVisible, Xlsx};

use super::{
    BlockKind, Extracted, Kind, MOST_TEXT, Unreadable,
    archive::{Archive, broken},
    kind::delimiter,
    outline::Outline,
};

/// Columns that are read of a row.
const MOST_COLUMNS: usize = 256;
/// A head is a few words.
const MOST_HEAD: usize = 60;

pub(super) fn read_workbook(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    // What it expands to is judged before the reader below expands it.
    drop(Archive::open(bytes)?);
    let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(|error| match error {
        calamine::XlsxError::Password => Unreadable("The workbook is protected by a password. Save it without one and send it again.".to_owned()),
        _ => broken(),
    })?;
    let sheets: Vec<(String, bool)> = workbook.sheets_metadata().iter().map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible)).collect();
    let mut outline = Outline::default();
    for (name, is_visible) in &sheets {
        // What a person has hidden is not for others, unless there is nothing else.
        if !is_visible && sheets.iter().any(|(_, is_visible)| *is_visible) {
            continue;
        }
        let rows = rows(&mut workbook, name);
        if !rows.is_empty() {
            outline.close_headings();
            outline.heading(2, name);
            write_rows(&mut outline, &rows);
        }
        if outline.len() > MOST_TEXT {
            break;
        }
    }
    Ok(outline.finish(Kind::Xlsx, None, None))
}

/// The rows that hold something. Cells come one by one: a sheet whose last cell is far away is not a large one.
fn rows(workbook: &mut Xlsx<Cursor<&[u8]>>, name: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut current = None;
    let Ok(mut cells) = workbook.worksheet_cells_reader(name) else { return rows };
    let mut bytes = 0;
    // A sheet that is damaged further down is read up to there.
    while let Ok(Some(cell)) = cells.next_cell() {
        let (row, column) = cell.get_position();
        let text = shown(cell.get_value());
        let column = column as usize;
        if text.is_empty() || column >= MOST_COLUMNS {
            continue;
        }
        bytes += text.len();
        if bytes > MOST_TEXT {
            break;
        }
        if current != Some(row) {
            rows.push(Vec::new());
            current = Some(row);
        }
        if let Some(last) = rows.last_mut() {
            if last.len() <= column {
                last.resize(column + 1, String::new());
            }
            last[column] = text;
        }
    }
    rows
}

fn shown(value: &DataRef<'_>) -> String {
    let text = match value {
        DataRef::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                (_, _, 0) => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        other => Data::from(other.clone()).to_string(),
    };
    one_line(&text)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn read_delimited(text: &str, kind: Kind) -> Result<Extracted, Unreadable> {
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter(text, kind)).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| Unreadable(format!("The table is damaged: {error}.")))?;
        rows.push(record.iter().take(MOST_COLUMNS).map(one_line).collect());
    }
    let mut outline = Outline::default();
    write_rows(&mut outline, &rows);
    Ok(outline.finish(kind, None, None))
}

/// Writes rows as a table: what stands above the heads as it is, then each row with its heads.
pub(super) fn write_rows(outline: &mut Outline, rows: &[Vec<String>]) {
    let head = head_row(rows);
    let mut lines = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let line = match head {
            Some(head) if number > head => labelled(&rows[head], row),
            Some(head) if number == head && rows.len() > head + 1 => continue,
            _ => row.iter().filter(|cell| !cell.is_empty()).cloned().collect::<Vec<_>>().join(" | "),
        };
        if !line.is_empty() {
            lines.push(line);
        }
    }
    outline.push(BlockKind::Table, &lines.join("\n"));
}

fn labelled(heads: &[String], row: &[String]) -> String {
    let cells = row.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
    let named = cells.map(|(column, cell)| match heads.get(column).filter(|head| !head.is_empty()) {
        Some(head) => format!("{head}: {cell}"),
        None => cell.clone(),
    });
    named.collect::<Vec<_>>().join(" | ")
}

/// The row of the columns' heads: among the first few, the first with at least two cells, all of them short words and no
/// two alike, that is as wide as the rows below it.
fn head_row(rows: &[Vec<String>]) -> Option<usize> {
    let filled = |row: &[String]| row.iter().filter(|cell| !cell.is_empty()).count();
    let widest = rows.iter().take(200).map(|row| filled(row)).max()?;
    let place = rows.iter().take(8).position(|row| filled(row) >= 2 && filled(row) * 2 >= widest)?;
    let heads: Vec<&String> = rows[place].iter().filter(|cell| !cell.is_empty()).collect();
    let are_words = heads.iter().all(|head| head.chars().count() <= MOST_HEAD && head.chars().any(char::is_alphabetic) && head.parse::<f64>().is_err());
    let mut unique = heads.clone();
    unique.sort();
    unique.dedup();
    (are_words && unique.len() == heads.len() && rows.len() > place + 1).then_some(place)
}
