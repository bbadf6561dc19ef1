//! Emails: who, when, and the text, by `mail-parser`. Of attachments the names are told; they are documents of their own.

use mail_parser::{Address, MessageParser, MimeHeaders};

use super::{BlockKind, Extracted, Kind, Unreadable, html, outline::Outline, plain};

pub(super) fn read(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let message = MessageParser::default().parse(bytes).ok_or_else(|| Unreadable("The email is damaged: its parts cannot be told apart.".to_owned()))?;
    let mut outline = Outline::default();
    let mut lines = Vec::new();
    for (name, people) in [("From", message.from()), ("To", message.to()), ("Cc", message.cc())] {
        if let Some(people) = people.map(named).filter(|people| !people.is_empty()) {
            lines.push(format!("{name}: {people}"));
        }
    }
    if let Some(date) = message.date() {
        lines.push(format!("Date: {:04}-{:02}-{:02} {:02}:{:02}", date.year, date.month, date.day, date.hour, date.minute));
    }
    let names: Vec<&str> = message.attachments().filter_map(|part| part.attachment_name()).collect();
    if !names.is_empty() {
        lines.push(format!("Attachments: {}", names.join(", ")));
    }
    outline.push(BlockKind::Paragraph, &lines.join("\n"));
    // The text as it was written, where there is one; the parser makes one out of the HTML otherwise.
    let has_html = message.html_body.first().and_then(|part| message.parts.get(*part as usize)).is_some_and(mail_parser::MessagePart::is_text_html);
    match message.body_html(0).filter(|_| has_html) {
        Some(page) => html::read_fragment(&page, &mut outline),
        None => {
            if let Some(text) = message.body_text(0) {
                plain::write(&text.replace("\r\n", "\n"), &mut outline);
            }
        }
    }
    Ok(outline.finish(Kind::Mail, message.subject().map(str::to_owned), None))
}

fn named(people: &Address<'_>) -> String {
    let names = people.iter().filter_map(|person| match (person.name(), person.address()) {
        (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
        (name, address) => name.or(address).map(str::to_owned),
    });
    names.take(20).collect::<Vec<_>>().join(", ")
}
