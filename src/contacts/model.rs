//! A contact, as the API shows it, and the rules that its fields keep.

use std::collections::BTreeMap;

use poem_openapi::{Object, types::MaybeUndefined};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    access::model::check_email,
    clock::Timestamp,
    db::words,
    error::{Error, Result},
    http::patch,
};

words! {
    /// Where a contact came from first.
    ContactSource { Dashboard "dashboard", Api "api", Widget "widget", Sms "sms", Site "site", Import "import" }
    /// Whom a block keeps out: this contact, their email address, or everyone of its domain.
    BlockKind { Contact "contact", Address "address", Domain "domain" }
}

pub type Attributes = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    pub id: String,
    pub name: Option<String>,
    pub email: Option<String>,
    /// In the form of E.164: `+`, country, number.
    pub phone: Option<String>,
    /// What the customer's own systems call them.
    pub external_id: Option<String>,
    pub company: Option<String>,
    pub avatar_url: Option<String>,
    pub tags: Vec<String>,
    pub attributes: Attributes,
    pub source: ContactSource,
    /// Whether their own site has vouched for who they are.
    pub verified: bool,
    pub blocked: bool,
    pub conversation_count: i64,
    pub ticket_count: i64,
    pub first_seen_at: Option<Timestamp>,
    pub last_seen_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What may be said of a contact; `null` clears a field.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct ContactFields {
    pub name: MaybeUndefined<String>,
    pub email: MaybeUndefined<String>,
    /// In any form; a national one is read with the workspace's region.
    pub phone: MaybeUndefined<String>,
    pub external_id: MaybeUndefined<String>,
    pub company: MaybeUndefined<String>,
    pub avatar_url: MaybeUndefined<String>,
    pub tags: Option<Vec<String>>,
    /// Each key is set, or removed by `null`; the others stay.
    pub attributes: Option<Attributes>,
}

impl ContactFields {
    /// Lays the fields over a contact, and holds the outcome to the rules.
    pub fn over(self, contact: &mut Contact, region: &str) -> Result<()> {
        let email_named = !self.email.is_undefined();
        let phone_named = !self.phone.is_undefined();
        patch(&mut contact.name, self.name);
        patch(&mut contact.email, self.email);
        patch(&mut contact.phone, self.phone);
        patch(&mut contact.external_id, self.external_id);
        patch(&mut contact.company, self.company);
        patch(&mut contact.avatar_url, self.avatar_url);
        if let Some(tags) = self.tags {
            contact.tags = check_tags(tags)?;
        }
        for (key, value) in self.attributes.unwrap_or_default() {
            if value.is_null() {
                contact.attributes.remove(&key);
            } else {
                contact.attributes.insert(key, value);
            }
        }
        check_attributes(&contact.attributes)?;
        for (field, text, most) in [("name", &mut contact.name, 200), ("externalId", &mut contact.external_id, 200), ("company", &mut contact.company, 200), ("avatarUrl", &mut contact.avatar_url, 2_000)] {
            *text = check_line(field, text.take(), most)?;
        }
        if contact.avatar_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            return Err(Error::invalid("avatarUrl", "must begin with https://"));
        }
        if email_named {
            contact.email = contact.email.take().filter(|email| !email.trim().is_empty()).map(|email| check_email(&email)).transpose()?;
        }
        if phone_named {
            contact.phone = contact.phone.take().filter(|phone| !phone.trim().is_empty()).map(|phone| check_phone("phone", &phone, region)).transpose()?;
        }
        if contact.name.is_none() && contact.email.is_none() && contact.phone.is_none() {
            return Err(Error::invalid("name", "is required where there is neither email nor phone"));
        }
        Ok(())
    }
}

/// One line of text, trimmed; nothing where it is empty.
fn check_line(field: &str, text: Option<String>, most: usize) -> Result<Option<String>> {
    let Some(text) = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()) else { return Ok(None) };
    crate::access::model::check_name(field, &text, most).map(Some)
}

/// Tags without doubles and empty ones, at most fifty.
pub fn check_tags(tags: Vec<String>) -> Result<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        if let Some(tag) = check_line("tags", Some(tag), 60)?
            && !kept.contains(&tag)
        {
            kept.push(tag);
        }
    }
    if kept.len() > 50 {
        return Err(Error::invalid("tags", "must have at most 50 tags"));
    }
    Ok(kept)
}

fn check_attributes(attributes: &Attributes) -> Result<()> {
    if attributes.len() > 100 || attributes.keys().any(|key| key.trim().is_empty() || key.len() > 100) {
        return Err(Error::invalid("attributes", "must have at most 100 keys of 1 to 100 characters"));
    }
    if serde_json::to_string(attributes)?.len() > 16 << 10 {
        return Err(Error::invalid("attributes", "must not be larger than 16 KiB"));
    }
    Ok(())
}

/// A phone number as E.164. One that begins with `+` or `00` is judged by its form alone, because carriers know numbers that
/// no list has; any other is read as somebody of `region` (two letters) would dial it.
pub fn check_phone(field: &str, text: &str, region: &str) -> Result<String> {
    let wrong = || Error::invalid(field, "is not a phone number; write it with its country, like +49 30 1234567");
    let text = text.trim();
    if text.len() > 40 || text.chars().any(|c| !(c.is_ascii_digit() || " +-./()\u{a0}".contains(c))) {
        return Err(wrong());
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let international = if text.starts_with('+') { Some(digits.as_str()) } else { digits.strip_prefix("00").filter(|_| region != "US" && region != "CA") };
    let number = match international {
        // `(0)` stands in many printed numbers and is not dialled from abroad.
        Some(_) if text.contains("(0)") => text.replacen("(0)", "", 1).chars().filter(char::is_ascii_digit).collect::<String>().trim_start_matches("00").to_owned(),
        Some(number) => number.to_owned(),
        None => {
            let country = region.parse::<phonenumber::country::Id>().map_err(|_| wrong())?;
            let number = phonenumber::parse(Some(country), text).map_err(|_| wrong())?;
            number.format().mode(phonenumber::Mode::E164).to_string().trim_start_matches('+').to_owned()
        }
    };
    if is_e164(&format!("+{number}")) { Ok(format!("+{number}")) } else { Err(wrong()) }
}

/// `+` and 7 to 15 digits, of which the first is no zero.
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ContactNote {
    pub id: String,
    pub author_id: Option<String>,
    pub author: Option<String>,
    pub body: String,
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_read_as_people_write_it() {
        for (text, region, expected) in [
            ("+15551234567", "DE", "+15551234567"),
            ("+49 (0)30 / 1234567", "US", "+49301234567"),
            ("0049 30 1234567", "DE", "+49301234567"),
            ("030 1234567", "DE", "+49301234567"),
            ("(415) 867-5309", "US", "+14158675309"),
            ("415.867.5309", "US", "+14158675309"),
            ("07400 123456", "GB", "+447400123456"),
            ("06 12 34 56 78", "FR", "+33612345678"),
        ] {
            assert_eq!(check_phone("phone", text, region).unwrap(), expected, "{text}");
        }
        for text in ["", "call me", "+0301234567", "+1", "12", "+1234567890123456", "5551234567 ext 9"] {
            assert!(check_phone("phone", text, "US").is_err(), "{text}");
        }
    }
}
