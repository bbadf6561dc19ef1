//! XML as the office formats use it: a pull reader that knows no entities but XML's own, and answers damage by ending.

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

pub(super) enum Node<'a> {
    /// Every start has its end, also where the document writes both in one.
    Start(Element<'a>),
    /// The element's name without its prefix.
    End(String),
    Text(String),
}

pub(super) struct Element<'a> {
    /// Without its prefix.
    pub(super) name: String,
    tag: BytesStart<'a>,
}

impl Element<'_> {
    /// An attribute's value by its name without the prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        self.attributes(name).into_iter().next()
    }

    /// All of that name: two may differ in their prefixes.
    pub(super) fn attributes(&self, name: &str) -> Vec<String> {
        let mut attributes = self.tag.attributes();
        let same = attributes.with_checks(false).flatten().filter(|attribute| attribute.key.local_name().as_ref() == name);
        same.map(|attribute| {
            let raw = attribute.value.into_owned();
            quick_xml::escape::unescape(&raw).map(std::borrow::Cow::into_owned).unwrap_or(raw)
        })
        .collect()
    }
}

pub(super) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
}

impl<'a> Xml<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        reader.config_mut().allow_unmatched_ends = true;
        reader.config_mut().expand_empty_elements = true;
        Xml { reader }
    }
}

impl<'a> Iterator for Xml<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        loop {
            return Some(match self.reader.read_event() {
                Ok(Event::Start(tag)) => Node::Start(element(tag)),
                Ok(Event::End(tag)) => Node::End(tag.local_name().as_ref().to_owned()),
                Ok(Event::Text(text)) => Node::Text(text.to_string()),
                Ok(Event::CData(text)) => Node::Text(text.to_string()),
                Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                    Ok(Some(character)) => Node::Text(character.to_string()),
                    _ => match &*reference {
                        "amp" => Node::Text("&".to_owned()),
                        "lt" => Node::Text("<".to_owned()),
                        "gt" => Node::Text(">".to_owned()),
                        "quot" => Node::Text("\"".to_owned()),
                        "apos" => Node::Text("'".to_owned()),
                        // One that the document defines itself: never expanded.
                        _ => continue,
                    },
                },
                Ok(Event::Eof) | Err(_) => return None,
                Ok(_) => continue,
            });
        }
    }
}

fn element(tag: BytesStart<'_>) -> Element<'_> {
    Element { name: tag.local_name().as_ref().to_owned(), tag }
}

/// The targets of a relationships part, by id.
pub(super) fn relationships(text: &str) -> std::collections::HashMap<String, String> {
    Xml::new(text)
        .filter_map(|node| match node {
            Node::Start(element) if element.name == "Relationship" => Some((element.attribute("Id")?, element.attribute("Target")?)),
            _ => None,
        })
        .collect()
}

/// The text of the first element of a name.
pub(super) fn first_text(text: &str, name: &str) -> Option<String> {
    let mut inside = false;
    let mut found = String::new();
    for node in Xml::new(text) {
        match node {
            Node::Start(element) if element.name == name => inside = true,
            Node::Text(text) if inside => found.push_str(&text),
            Node::End(end) if inside && end == name => break,
            _ => {}
        }
    }
    let found = found.split_whitespace().collect::<Vec<_>>().join(" ");
    (!found.is_empty()).then_some(found)
}
