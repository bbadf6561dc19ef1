//! Passages cut into the pieces that an answer can be made of.
//!
//! What a document's text looks like here: paragraphs between blank lines, lists with their markers, tables as lines with
//! ` | ` between the cells, and code without its fences (a plain text may have them). Tables and code are told by their
//! look and written so that whoever shows the answer as Markdown shows them as what they are.

use std::collections::HashSet;

use super::word_count;
use crate::answering::sentences::{content_words, sentences};

/// A piece of a passage that can be said by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub passage: usize,
    /// As it is said.
    pub text: String,
    pub words: HashSet<String>,
    pub kind: Kind,
    /// Where in its passage it stands, from 0.
    pub place: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sentence,
    /// Told with others at the most: a label, a fragment, a sentence that announces what is not there.
    Fragment,
    /// Never told: a question, or quoted questions. An answer is no question.
    Question,
    /// A whole list, table or piece of code, with the line that introduces it.
    Block,
}

impl Unit {
    pub fn is_block(&self) -> bool {
        self.kind == Kind::Block
    }

    /// What its vector is made of: of a block, the line that introduces it and its beginning.
    pub fn gist(&self) -> String {
        const WORDS: usize = 60;
        if self.kind != Kind::Block {
            return self.text.clone();
        }
        self.text.split_whitespace().filter(|word| !word.starts_with("```") && !word.chars().all(|c| matches!(c, '|' | '-'))).take(WORDS).collect::<Vec<_>>().join(" ")
    }

    /// Whether an answer may begin or end with it.
    pub fn stands_alone(&self) -> bool {
        matches!(self.kind, Kind::Sentence | Kind::Block)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    Heading,
    Prose,
    List,
    Table,
    Code,
}

/// Cuts one passage.
pub(super) fn cut(passage: usize, text: &str, asked: &HashSet<String>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let push = |units: &mut Vec<Unit>, text: String, kind: Kind| {
        let words = content_words(&without_quotes(&text));
        let place = units.len();
        units.push(Unit { passage, text, words, kind, place });
    };
    for (look, block) in blocks(text) {
        // A line that was announced and is no sentence: a command, an address.
        let announced = units.last().is_some_and(|last| last.text.ends_with(':')) && !block.ends_with(['.', '!', '?', ':']) && word_count(&block) <= 12;
        let look = if look == Look::Prose && announced { Look::Code } else { look };
        let told = match look {
            Look::Heading => continue,
            Look::Prose => {
                for range in sentences(&block) {
                    let sentence = strip_label(&block[range]);
                    push(&mut units, sentence.to_owned(), kind_of(sentence));
                }
                continue;
            }
            Look::List => block,
            Look::Table => table(&block, asked),
            Look::Code if is_fence(block.lines().next().unwrap_or_default()) => block,
            Look::Code => format!("```\n{block}\n```"),
        };
        // "To do so:" belongs to what follows.
        let introduced = units.last().is_some_and(|last| last.text.ends_with(':') || look == Look::Table && last.place == 0 && last.kind == Kind::Sentence);
        let text = match introduced.then(|| units.pop()).flatten() {
            Some(lead) => format!("{}\n\n{told}", lead.text),
            None => told,
        };
        push(&mut units, text, Kind::Block);
    }
    // What the last line announces stands in another passage.
    if let Some(last) = units.last_mut().filter(|last| last.kind == Kind::Block && last.text.ends_with(':')) {
        last.text.pop();
        last.text.push('.');
    }
    units
}

/// `A: Yes.` in a list of questions and answers is told without its mark.
fn strip_label(sentence: &str) -> &str {
    ["A: ", "Answer: ", "A. ", "**A:** "].iter().find_map(|label| sentence.strip_prefix(label)).unwrap_or(sentence).trim_start()
}

fn kind_of(sentence: &str) -> Kind {
    let bare = sentence.trim_end_matches(['"', '\'', '”', '’', '»', ')', '*', '_', '`', ']']);
    let questions = bare.ends_with(['?', '？', '؟']) || sentence.starts_with("Q: ") || sentence.contains("?\"") || sentence.contains("?”");
    if questions {
        return Kind::Question;
    }
    let first = sentence.trim_start_matches(['"', '“', '\'', '‘', '(', '[', '*', '_', '`', '«', '¿', '¡']).chars().next();
    let begins = first.is_some_and(|c| !c.is_lowercase() && c.is_alphanumeric()) || begins_with_a_name(sentence);
    let balanced = sentence.matches('"').count().is_multiple_of(2)
        && sentence.matches('“').count() == sentence.matches('”').count()
        && sentence.matches('(').count() == sentence.matches(')').count();
    if begins && balanced && bare.ends_with(['.', '!', '…', '。', '！', '।']) { Kind::Sentence } else { Kind::Fragment }
}

/// `create prints the new token.` begins with what is written in lower case wherever it stands: a command, a setting.
fn begins_with_a_name(sentence: &str) -> bool {
    const CONTINUE: &str = " and or but nor so yet which that who whose where when while because if than then as to of in on for with by from at into about between ";
    let first: String = sentence.chars().take_while(|c| !c.is_whitespace()).collect();
    first.chars().next().is_some_and(char::is_lowercase) && !CONTINUE.contains(&format!(" {first} ")) && sentence.split_whitespace().count() >= 4
}

/// Words in quotation marks are somebody else's.
fn without_quotes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for (place, piece) in text.split('"').enumerate() {
        if place % 2 == 0 || piece.split_whitespace().count() < 3 {
            kept.push_str(piece);
        }
        kept.push(' ');
    }
    kept
}

fn is_fence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("```") || line.starts_with("~~~")
}

/// The blocks of a passage in order.
fn blocks(text: &str) -> Vec<(Look, String)> {
    let mut blocks: Vec<(Look, String)> = Vec::new();
    for paragraph in paragraphs(text) {
        for (look, block) in split(&paragraph) {
            match blocks.last_mut() {
                // Lists may have blank lines between their items, and code between its lines.
                Some((Look::List, last)) if look == Look::List || look != Look::Heading && block.starts_with("  ") => {
                    last.push('\n');
                    last.push_str(&block);
                }
                Some((Look::Code, last)) if look == Look::Code && !is_fence(last) && !is_fence(&block) => {
                    last.push_str("\n\n");
                    last.push_str(&block);
                }
                _ => blocks.push((look, block)),
            }
        }
    }
    blocks
}

/// The stretches between blank lines; a fence holds its blank lines together.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs: Vec<String> = Vec::new();
    let (mut open, mut fenced) = (false, false);
    for line in text.lines() {
        if line.trim().is_empty() && !fenced {
            open = false;
            continue;
        }
        let fence = is_fence(line);
        match paragraphs.last_mut() {
            Some(last) if open && (fenced || !fence) => {
                last.push('\n');
                last.push_str(line.trim_end());
            }
            _ => paragraphs.push(line.trim_end().to_owned()),
        }
        open = !(fence && fenced);
        fenced ^= fence;
    }
    paragraphs
}

/// A paragraph as one block, or its prose and the list that follows it without a blank line.
fn split(paragraph: &str) -> Vec<(Look, String)> {
    let lines: Vec<&str> = paragraph.lines().collect();
    if is_fence(lines[0]) {
        return vec![(Look::Code, paragraph.to_owned())];
    }
    if lines[0].starts_with('#') && lines[0].trim_start_matches('#').starts_with(' ') {
        let rest = lines[1..].join("\n");
        let mut found = vec![(Look::Heading, lines[0].to_owned())];
        if !rest.trim().is_empty() {
            found.extend(split(&rest));
        }
        return found;
    }
    if is_table(&lines) {
        return vec![(Look::Table, paragraph.to_owned())];
    }
    if let Some(first) = lines.iter().position(|line| is_list_line(line.trim_start())) {
        let mut found = Vec::new();
        if first > 0 {
            found.push((Look::Prose, lines[..first].join(" ")));
        }
        found.push((Look::List, lines[first..].join("\n")));
        return found;
    }
    if is_code(&lines) {
        return vec![(Look::Code, paragraph.to_owned())];
    }
    vec![(Look::Prose, lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "))]
}

fn is_list_line(line: &str) -> bool {
    let number = line.split_once(['.', ')']).is_some_and(|(head, rest)| !head.is_empty() && head.len() <= 3 && head.bytes().all(|b| b.is_ascii_digit()) && rest.starts_with(' '));
    number || ["- ", "* ", "• ", "+ ", "– "].iter().any(|mark| line.starts_with(mark))
}

fn is_table(lines: &[&str]) -> bool {
    lines.len() >= 2 && (lines.iter().all(|line| line.contains(" | ")) || lines.iter().all(|line| line.trim().starts_with('|')))
}

/// Code, by its look: several signs that prose does not have, on most lines.
fn is_code(lines: &[&str]) -> bool {
    const COMMANDS: [&str; 34] = [
        "$ ", "sudo ", "curl ", "wget ", "npm ", "npx ", "pip ", "git ", "cargo ", "docker ", "export ", "cd ", "cp ", "mv ", "rm ", "mkdir ", "apt ", "brew ", "await ",
        "const ", "let ", "var ", "return ", "import ", "from ", "def ", "fn ", "select ", "SELECT ", "ollama ", "illumichat ", "systemctl ", "tar ", "sqlite3 ",
    ];
    let signs = |line: &&&str| {
        let line = line.trim();
        let ends = line.ends_with(['{', '}', ';', '\\', '>', ')', ']', ',']) && !line.ends_with("…)");
        let begins = line.starts_with(['{', '}', '<', '[', '(', '#', '@', '-']) || COMMANDS.iter().any(|command| line.starts_with(command));
        let inside = [" = ", "=\"", "=> ", "();", " --", "::", "\": ", "/* ", "// ", " && ", " | ", "://", "=$"].iter().any(|sign| line.contains(sign));
        let prose = line.ends_with(['.', '!', '?', ':']) && line.split_whitespace().count() > 3 && !ends;
        let assigns = line.split_once('=').is_some_and(|(name, _)| !name.trim().is_empty() && !name.trim().contains(char::is_whitespace));
        !prose && (ends && inside || begins && (ends || inside || !line.ends_with('.')) || assigns || ends && line.len() < 4)
    };
    let found = lines.iter().filter(signs).count();
    found * 2 > lines.len() || lines.len() > 2 && found * 3 >= lines.len() && lines.iter().any(|line| line.starts_with("  "))
}

/// A long table where some rows answer is told with those rows alone.
const MOST_ROWS: usize = 6;

/// A table as Markdown has it.
fn table(block: &str, asked: &HashSet<String>) -> String {
    let rows: Vec<Vec<String>> = block
        .lines()
        .filter(|line| !line.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ')))
        .map(|line| line.trim().trim_start_matches("| ").trim_end_matches(" |").split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let Some((head, body)) = rows.split_first() else { return block.to_owned() };
    let width = rows.iter().map(Vec::len).max().unwrap_or(1);
    let line = |cells: &[String]| {
        let mut line = String::from("|");
        for place in 0..width {
            line.push(' ');
            line.push_str(cells.get(place).map_or("", String::as_str));
            line.push_str(" |");
        }
        line
    };
    let head_words = content_words(&head.join(" "));
    let hits: Vec<usize> =
        body.iter().map(|row| content_words(&row.join(" ")).iter().filter(|word| asked.contains(*word) && !head_words.contains(*word)).count()).collect();
    let best = hits.iter().copied().max().unwrap_or(0);
    let some = best > 0 && body.len() > MOST_ROWS;
    let chosen: Vec<&Vec<String>> = body.iter().zip(&hits).filter(|(_, hits)| !some || **hits == best).map(|(row, _)| row).collect();
    let chosen: Vec<&Vec<String>> = if chosen.len() > MOST_ROWS { body.iter().collect() } else { chosen };
    let mut told = vec![line(head), format!("|{}", " --- |".repeat(width))];
    told.extend(chosen.into_iter().map(|row| line(row)));
    told.join("\n")
}
