//! JSON and JSON Lines: each record a paragraph of `name: value` lines, under its own title where it has one.

use serde_json::Value;

use super::{BlockKind, Extracted, Kind, Unreadable, html, outline::Outline};

pub(super) fn read(text: &str) -> Result<Extracted, Unreadable> {
    let mut outline = Outline::default();
    let kind = match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(records)) => {
            records.iter().for_each(|record| write_record(&mut outline, record));
            Kind::Json
        }
        Ok(Value::Object(fields)) => {
            // `{"articles": [{…}, …]}` is a list of records with a name around it.
            let (lists, plain): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(_, value)| value.as_array().is_some_and(|list| list.iter().any(Value::is_object)));
            let mut lines = Vec::new();
            plain.iter().for_each(|(name, value)| write_lines(name, value, &mut lines));
            outline.push(BlockKind::Paragraph, &lines.join("\n"));
            for (name, list) in lists {
                outline.heading(2, &name);
                list.as_array().into_iter().flatten().for_each(|record| write_record(&mut outline, record));
            }
            Kind::Json
        }
        Ok(value) => {
            write_record(&mut outline, &value);
            Kind::Json
        }
        Err(_) => {
            for line in text.lines().filter(|line| !line.trim().is_empty()) {
                let record = serde_json::from_str(line).map_err(|error| Unreadable(format!("A line of the file is not JSON: {error}.")))?;
                write_record(&mut outline, &record);
            }
            Kind::JsonLines
        }
    };
    Ok(outline.finish(kind, None, None))
}

fn write_record(outline: &mut Outline, record: &Value) {
    let title = ["title", "name", "question", "subject", "heading"].iter().find_map(|name| record.get(name)?.as_str()).filter(|title| title.chars().count() <= 160);
    if let Some(title) = title {
        outline.heading(3, title);
    } else if record.is_object() {
        outline.end_heading(3);
    }
    let mut lines = Vec::new();
    match record {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| write_lines(name, value, &mut lines)),
        other => write_lines("", other, &mut lines),
    }
    outline.push(BlockKind::Paragraph, &lines.join("\n"));
}

/// serde_json has refused what is nested deeper than 128.
fn write_lines(name: &str, value: &Value, lines: &mut Vec<String>) {
    let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(key, value)| write_lines(&inner(key), value, lines)),
        Value::Array(list) if list.iter().all(|value| !value.is_object() && !value.is_array()) => {
            let joined = list.iter().map(scalar).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
            if !joined.is_empty() {
                lines.push(labelled(name, &joined));
            }
        }
        Value::Array(list) => list.iter().for_each(|value| write_lines(name, value, lines)),
        scalar_value => {
            let text = scalar(scalar_value);
            if !text.trim().is_empty() {
                lines.push(labelled(name, &text));
            }
        }
    }
}

fn labelled(name: &str, text: &str) -> String {
    if name.is_empty() { text.to_owned() } else { format!("{name}: {text}") }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains("</") => html::fragment_text(text),
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
