//! EPUB: the book's pages in the order of its spine (EPUB 3.3, 5), each read as a page of HTML.

use std::collections::HashMap;

use super::{
    Extracted, Kind, Unreadable,
    archive::{Archive, broken},
    html,
    outline::Outline,
    pptx::resolve,
    xml::{Node, Xml, first_text},
};

pub(super) fn read(bytes: &[u8]) -> Result<Extracted, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    if archive.has("META-INF/rights.xml") || archive.optional("META-INF/encryption.xml")?.contains("xmlenc#aes") {
        return Err(Unreadable("The book is protected against copying, so that its text cannot be read.".to_owned()));
    }
    let container = archive.text("META-INF/container.xml")?;
    let package = Xml::new(&container)
        .find_map(|node| match node {
            Node::Start(element) if element.name == "rootfile" => element.attribute("full-path"),
            _ => None,
        })
        .ok_or_else(broken)?;
    let folder = package.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let package = archive.text(&package)?;
    let (mut manifest, mut spine) = (HashMap::new(), Vec::new());
    for node in Xml::new(&package) {
        let Node::Start(element) = node else { continue };
        match element.name.as_str() {
            "item" => {
                if let (Some(id), Some(href)) = (element.attribute("id"), element.attribute("href")) {
                    manifest.insert(id, href);
                }
            }
            "itemref" => spine.extend(element.attribute("idref")),
            _ => {}
        }
    }
    let mut outline = Outline::default();
    for href in spine.iter().filter_map(|id| manifest.get(id)) {
        let name = resolve(&folder, &unescaped(href));
        if archive.has(&name) {
            html::read_fragment(&archive.text(&name)?, &mut outline);
        }
    }
    Ok(outline.finish(Kind::Epub, first_text(&package, "title"), None))
}

/// The name of a file that an address with `%20` and the like means.
fn unescaped(href: &str) -> String {
    let path = href.split('#').next().unwrap_or_default();
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
