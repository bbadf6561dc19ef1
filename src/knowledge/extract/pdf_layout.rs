//! From the characters of a page, each with its place, to rows of cells in reading order: words by the gaps between
//! characters, columns by a gutter that many rows leave free.

/// One character as it was put on the page, in points.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    /// Its place in the order in which the page is painted.
    pub(super) order: usize,
    pub(super) x: f64,
    /// Upwards.
    pub(super) y: f64,
    /// Of the direction of writing, in radians.
    pub(super) angle: f64,
    pub(super) advance: f64,
    /// Whether the advance is the file's own, and not a guess.
    pub(super) is_measured: bool,
    /// What the text's own setting adds to each advance.
    pub(super) spacing: f64,
    pub(super) size: f64,
    pub(super) text: String,
}

impl Glyph {
    pub(super) fn is_sound(&self) -> bool {
        [self.x, self.y, self.advance, self.spacing, self.size].iter().all(|value| value.is_finite() && value.abs() < 1e6) && self.size > 0.1
    }

    fn end(&self) -> f64 {
        self.x + self.advance
    }

    fn is_space(&self) -> bool {
        self.text.chars().all(|c| c.is_whitespace() || c.is_control())
    }
}

/// A stretch of a row without a wide gap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cell {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) y: f64,
    pub(super) size: f64,
    pub(super) cells: Vec<Cell>,
}

impl Row {
    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.cells.iter().map(|cell| cell.text.len()).sum()
    }

    fn left(&self) -> f64 {
        self.cells.first().map_or(0.0, |cell| cell.left)
    }

    fn right(&self) -> f64 {
        self.cells.last().map_or(0.0, |cell| cell.right)
    }
}

/// A gap this wide, in sizes of the text, parts cells.
const CELL_GAP: f64 = 1.3;

/// The rows of a page in reading order; text in each of the four directions by itself.
pub(super) fn rows(glyphs: Vec<Glyph>) -> Vec<Row> {
    let mut turned: [Vec<Glyph>; 4] = Default::default();
    for glyph in glyphs {
        let quarter = (glyph.angle / std::f64::consts::FRAC_PI_2).round().rem_euclid(4.0) as usize % 4;
        turned[quarter].push(upright(glyph, quarter));
    }
    // The direction with the most text is the page's own.
    turned.sort_by_key(|glyphs| std::cmp::Reverse(glyphs.len()));
    turned.into_iter().flat_map(|glyphs| in_reading_order(lines(glyphs))).collect()
}

fn upright(glyph: Glyph, quarter: usize) -> Glyph {
    let (x, y) = match quarter {
        0 => (glyph.x, glyph.y),
        1 => (glyph.y, -glyph.x),
        2 => (-glyph.x, -glyph.y),
        _ => (-glyph.y, glyph.x),
    };
    Glyph { x, y, ..glyph }
}

/// Characters on about the same height make a line, the highest first.
fn lines(mut glyphs: Vec<Glyph>) -> Vec<Row> {
    glyphs.sort_by(|a, b| b.y.total_cmp(&a.y));
    let mut rows = Vec::new();
    let mut line: Vec<Glyph> = Vec::new();
    for glyph in glyphs {
        let leaves = line.first().is_some_and(|first| first.y - glyph.y > 0.45 * first.size.min(glyph.size.max(first.size * 0.5)));
        if leaves {
            rows.extend(row(std::mem::take(&mut line)));
        }
        line.push(glyph);
    }
    rows.extend(row(line));
    rows
}

/// Puts a line's characters from left to right: the runs that were painted in one go, and not each character, because in
/// some files the widths of characters are wrong, and kerning would then swap them.
fn from_the_left(mut glyphs: Vec<Glyph>) -> Vec<Glyph> {
    glyphs.sort_by_key(|glyph| glyph.order);
    let mut runs: Vec<Vec<Glyph>> = Vec::new();
    for glyph in glyphs {
        match runs.last_mut().and_then(|run| run.last().map(|last| (last.x, last.end())).zip(Some(run))) {
            Some(((x, end), run)) if glyph.x >= x - 0.3 * glyph.size && glyph.x <= end.max(x) + CELL_GAP * glyph.size => run.push(glyph),
            _ => runs.push(vec![glyph]),
        }
    }
    runs.sort_by(|a, b| a[0].x.total_cmp(&b[0].x));
    runs.into_iter().flatten().collect()
}

fn row(glyphs: Vec<Glyph>) -> Option<Row> {
    let mut glyphs = from_the_left(glyphs);
    // A letter printed twice for boldness.
    glyphs.dedup_by(|b, a| a.text == b.text && (a.x - b.x).abs() < 0.08 * a.size && a.is_measured && !a.is_space());
    let letters = glyphs.iter().filter(|glyph| !glyph.is_space()).count();
    if letters == 0 {
        return None;
    }
    // Where the text has its own spaces, a gap has to be wide to be one; where it has none, gaps are all there is.
    let has_spaces = (glyphs.len() - letters) * 14 >= letters;
    let word_gap = if has_spaces { 0.45 } else { 0.16 };
    let (mut cells, mut open): (Vec<Cell>, Option<Cell>) = (Vec::new(), None);
    let mut expected = 0.0f64;
    let mut size_sum = 0.0;
    let mut height = 0.0;
    for glyph in &glyphs {
        let is_space = glyph.is_space();
        if let Some(cell) = open.as_mut() {
            let gap = glyph.x - expected;
            if gap > CELL_GAP * glyph.size && !is_space {
                cells.extend(open.take());
            } else if (is_space || gap > word_gap * glyph.size) && !cell.text.ends_with(' ') {
                cell.text.push(' ');
            }
        }
        if is_space {
            // Only what follows tells whether the space is a wide gap.
            if open.is_none() {
                continue;
            }
            expected = expected.max(glyph.end().min(glyph.x + 0.4 * glyph.size));
            continue;
        }
        size_sum += glyph.size;
        height += glyph.y;
        let cell = open.get_or_insert_with(|| Cell { left: glyph.x, right: glyph.end(), text: String::new() });
        cell.text.push_str(&glyph.text);
        cell.right = cell.right.max(glyph.end());
        expected = cell.right + glyph.spacing.clamp(0.0, glyph.size);
    }
    cells.extend(open);
    let cells: Vec<Cell> = cells.into_iter().map(|cell| Cell { text: cell.text.trim().to_owned(), ..cell }).filter(|cell| !cell.text.is_empty()).collect();
    (!cells.is_empty()).then(|| Row { y: height / letters as f64, size: size_sum / letters as f64, cells })
}

/// Splits the rows at a gutter where there is one: what is left of it is read before what is right of it, between rows that
/// cross it.
fn in_reading_order(rows: Vec<Row>) -> Vec<Row> {
    let Some((gutter, first, last)) = gutter(&rows) else { return rows };
    let mut ordered = Vec::with_capacity(rows.len());
    let (mut left, mut right): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    for (place, row) in rows.into_iter().enumerate() {
        let crosses = row.cells.iter().any(|cell| cell.left < gutter && cell.right > gutter);
        if crosses || place < first || place > last {
            ordered.append(&mut left);
            ordered.append(&mut right);
            ordered.push(row);
            continue;
        }
        let (before, after): (Vec<Cell>, Vec<Cell>) = row.cells.into_iter().partition(|cell| cell.right <= gutter);
        for (cells, side) in [(before, &mut left), (after, &mut right)] {
            if !cells.is_empty() {
                side.push(Row { cells, ..Row { y: row.y, size: row.size, cells: Vec::new() } });
            }
        }
    }
    ordered.append(&mut left);
    ordered.append(&mut right);
    ordered
}

/// Where a page of two columns is parted, and the first and last row that are. Columns of prose are wide and full; the
/// columns of a table are not, and their rows must stay together.
fn gutter(rows: &[Row]) -> Option<(f64, usize, usize)> {
    let (left, right) = rows.iter().fold((f64::MAX, f64::MIN), |(left, right), row| (left.min(row.left()), right.max(row.right())));
    let width = right - left;
    if rows.len() < 8 || width <= 0.0 {
        return None;
    }
    let parts = |row: &Row, x: f64| row.cells.windows(2).any(|pair| pair[0].right <= x && pair[1].left >= x);
    let crosses = |row: &Row, x: f64| row.cells.iter().any(|cell| cell.left < x && cell.right > x);
    let mut best: Option<(usize, f64, usize, usize)> = None;
    for step in 0..=60 {
        let x = left + width * (0.3 + 0.4 * f64::from(step) / 60.0);
        let places: Vec<usize> = (0..rows.len()).filter(|place| parts(&rows[*place], x)).collect();
        let (Some(first), Some(last)) = (places.first().copied(), places.last().copied()) else { continue };
        let crossing = (first..=last).filter(|place| crosses(&rows[*place], x)).count();
        if places.len() < 6 || places.len() < crossing * 2 {
            continue;
        }
        // Of the rows on each side, how much of the column's width is written on, and in one cell?
        let full = |side: &dyn Fn(&Cell) -> bool, column: f64| {
            let rows = places.iter().map(|place| rows[*place].cells.iter().filter(|cell| side(cell)).map(|cell| cell.right - cell.left).fold(0.0, f64::max));
            rows.filter(|written| *written > 0.6 * column).count() * 2 >= places.len()
        };
        if !full(&|cell| cell.right <= x, x - left) || !full(&|cell| cell.left >= x, right - x) {
            continue;
        }
        let score = places.len() - crossing.min(places.len());
        if best.is_none_or(|(known, ..)| score > known) {
            best = Some((score, x, first, last));
        }
    }
    let (_, x, mut first, mut last) = best?;
    // A column that is longer than the other goes on past it.
    while first > 0 && !crosses(&rows[first - 1], x) {
        first -= 1;
    }
    while last + 1 < rows.len() && !crosses(&rows[last + 1], x) {
        last += 1;
    }
    Some((x, first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(glyphs: &mut Vec<Glyph>, x: f64, y: f64, text: &str) {
        for (place, c) in text.chars().enumerate() {
            glyphs.push(Glyph { order: glyphs.len(), x: x + place as f64 * 5.0, y, angle: 0.0, advance: 5.0, is_measured: true, spacing: 0.0, size: 10.0, text: c.to_string() });
        }
    }

    fn texts(rows: &[Row]) -> Vec<String> {
        rows.iter().map(|row| row.cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ")).collect()
    }

    #[test]
    fn two_columns_are_read_one_after_the_other() {
        let mut glyphs = Vec::new();
        write(&mut glyphs, 100.0, 200.0, "A title over both of the columns of this page, as wide as");
        for line in 0..10 {
            write(&mut glyphs, 50.0, 180.0 - f64::from(line) * 12.0, &format!("left column line {line} of prose"));
            write(&mut glyphs, 230.0, 179.0 - f64::from(line) * 12.0, &format!("right column line {line} of prose"));
        }
        let texts = texts(&rows(glyphs));
        assert!(texts[0].starts_with("A title") && texts[1].starts_with("left column line 0") && texts[10].starts_with("left column line 9"), "{texts:?}");
        assert!(texts[11].starts_with("right column line 0"), "{texts:?}");
    }

    #[test]
    fn the_rows_of_a_table_stay_together() {
        let mut glyphs = Vec::new();
        for line in 0..12 {
            write(&mut glyphs, 50.0, 200.0 - f64::from(line) * 12.0, &format!("item {line}"));
            write(&mut glyphs, 300.0, 200.0 - f64::from(line) * 12.0, "30.00");
        }
        assert_eq!(texts(&rows(glyphs))[3], "item 3 | 30.00");
    }

    #[test]
    fn turned_text_is_read_along_its_own_direction() {
        let glyphs = "turned".chars().enumerate().map(|(place, c)| Glyph { order: place, x: 10.0, y: 10.0 + place as f64 * 5.0, angle: std::f64::consts::FRAC_PI_2, advance: 5.0, is_measured: true, spacing: 0.0, size: 10.0, text: c.to_string() });
        assert_eq!(texts(&rows(glyphs.collect())), ["turned"]);
    }
}
