//! Lists of contacts as CSV: read, whoever wrote them, and written.

use std::collections::{BTreeMap, HashMap};

use poem_openapi::types::MaybeUndefined;
use rusqlite::Connection;
use serde_json::Value;

use super::{
    model::{Attributes, Contact, ContactFields, ContactSource, check_phone},
    store::{self, Filter, SORTS},
};
use crate::{
    access::model::{check_email, email_key},
    error::{Error, Result},
};

/// The fields that a column can be; `attributes.` and a key besides.
pub const FIELDS: [&str; 7] = ["name", "email", "phone", "externalId", "company", "avatarUrl", "tags"];
pub const MOST_ROWS: usize = 100_000;

/// Why a row is not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Bad {
    /// Empty where no single field is to blame.
    pub field: String,
    pub why: String,
}

/// A row: its number as a spreadsheet shows it, and what it says.
pub type Parsed = (i64, std::result::Result<ContactFields, Bad>);

/// The file's text without a byte-order mark: UTF-8, else what spreadsheets of the West write.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => {
            let (text, _) = encoding_rs::UTF_16LE.decode_with_bom_removal(bytes);
            if bytes.starts_with(&[0xff, 0xfe]) { text.into_owned() } else { encoding_rs::WINDOWS_1252.decode(bytes).0.into_owned() }
        }
    }
}

fn reader(text: &str) -> ::csv::Reader<&[u8]> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|candidate| first.bytes().filter(|byte| byte == candidate).count()).unwrap_or(b',');
    ::csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(::csv::Trim::All).from_reader(text.as_bytes())
}

/// Which field each column is: as the caller says, else by the columns' own names.
pub fn mapping(bytes: &[u8], given: Option<BTreeMap<String, Option<String>>>) -> Result<BTreeMap<String, String>> {
    let text = decode(bytes);
    let mut reader = reader(&text);
    let headers: Vec<String> = reader.headers().map_err(|_| Error::invalid("file", "is not CSV"))?.iter().map(str::to_owned).collect();
    if headers.iter().all(String::is_empty) {
        return Err(Error::invalid("file", "is empty; its first line must name the columns"));
    }
    let mut mapping = BTreeMap::new();
    match given {
        Some(given) => {
            for (column, field) in given {
                if !headers.contains(&column) {
                    return Err(Error::invalid(format!("mapping.{column}"), format!("is no column of the file; it has {}", headers.join(", "))));
                }
                let Some(field) = field.filter(|field| !field.is_empty()) else { continue };
                let known = FIELDS.contains(&field.as_str()) || field.strip_prefix("attributes.").is_some_and(|key| !key.is_empty());
                if !known {
                    return Err(Error::invalid(format!("mapping.{column}"), format!("must be one of {}, or attributes. and a name", FIELDS.join(", "))));
                }
                mapping.insert(column, field);
            }
        }
        None => {
            for header in &headers {
                let plain: String = header.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
                let field = match plain.as_str() {
                    "name" | "fullname" => "name",
                    "email" | "emailaddress" | "mail" => "email",
                    "phone" | "phonenumber" | "telephone" | "mobile" => "phone",
                    "externalid" | "customerid" => "externalId",
                    "company" | "organization" | "organisation" => "company",
                    "avatarurl" => "avatarUrl",
                    "tags" => "tags",
                    _ => match header.strip_prefix("attributes.").filter(|key| !key.is_empty()) {
                        Some(_) => header.as_str(),
                        None => continue,
                    },
                };
                mapping.insert(header.clone(), field.to_owned());
            }
        }
    }
    let mut seen = HashMap::new();
    for (column, field) in &mapping {
        if let Some(other) = seen.insert(field.clone(), column.clone()) {
            return Err(Error::invalid(format!("mapping.{column}"), format!("is the same field as the column {other}")));
        }
    }
    if !["name", "email", "phone"].iter().any(|field| seen.contains_key(*field)) {
        return Err(Error::invalid("mapping", "must name a column for at least one of name, email and phone"));
    }
    Ok(mapping)
}

/// Every row with what it says, or why it cannot be taken: by itself, and beside the rows before it.
pub fn parse(bytes: &[u8], mapping: &BTreeMap<String, String>, region: &str) -> Result<Vec<Parsed>> {
    let text = decode(bytes);
    let mut reader = reader(&text);
    let headers = reader.headers().map_err(|_| Error::invalid("file", "is not CSV"))?.clone();
    let columns: Vec<Option<&str>> = headers.iter().map(|header| mapping.get(header).map(String::as_str)).collect();
    let mut rows = Vec::new();
    // The first row with each email, phone and external id.
    let mut taken: HashMap<(&'static str, String), i64> = HashMap::new();
    for (place, record) in reader.records().enumerate() {
        let number = i64::try_from(place).unwrap_or(i64::MAX - 2) + 2;
        let outcome = record.map_err(|_| Bad { field: String::new(), why: "cannot be read as CSV".to_owned() }).and_then(|record| {
            if record.len() > headers.len() {
                return Err(Bad { field: String::new(), why: format!("has {} cells where the first line names {} columns", record.len(), headers.len()) });
            }
            row(&columns, &record, region)
        });
        let outcome = outcome.and_then(|fields| {
            let keys = [("email", fields.email.value().map(|email| email_key(email))), ("phone", fields.phone.value().cloned()), ("externalId", fields.external_id.value().cloned())];
            for (field, value) in keys.iter().filter_map(|(field, value)| Some((*field, value.clone()?))) {
                if let Some(first) = taken.get(&(field, value)) {
                    return Err(Bad { field: field.to_owned(), why: format!("is that of row {first} too") });
                }
            }
            for (field, value) in keys {
                if let Some(value) = value {
                    taken.insert((field, value), number);
                }
            }
            Ok(fields)
        });
        rows.push((number, outcome));
        if rows.len() > MOST_ROWS {
            return Err(Error::invalid("file", format!("has more than {MOST_ROWS} rows; cut it into several")));
        }
    }
    Ok(rows)
}

fn row(columns: &[Option<&str>], record: &::csv::StringRecord, region: &str) -> std::result::Result<ContactFields, Bad> {
    let mut fields = ContactFields::default();
    for (cell, field) in record.iter().zip(columns) {
        // An empty cell says nothing: it clears nothing either.
        let (Some(field), false) = (field, cell.is_empty()) else { continue };
        let value = MaybeUndefined::Value(unguard(cell).to_owned());
        match *field {
            "name" => fields.name = value,
            "email" => fields.email = MaybeUndefined::Value(check_email(cell).map_err(blame)?),
            "phone" => fields.phone = MaybeUndefined::Value(check_phone("phone", unguard(cell), region).map_err(blame)?),
            "externalId" => fields.external_id = value,
            "company" => fields.company = value,
            "avatarUrl" => fields.avatar_url = value,
            "tags" => fields.tags = Some(cell.split([',', ';', '|']).map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect()),
            field => {
                let key = field.trim_start_matches("attributes.").to_owned();
                fields.attributes.get_or_insert_with(Attributes::new).insert(key, Value::String(unguard(cell).to_owned()));
            }
        }
    }
    let now = crate::clock::Timestamp::from_millis(0);
    let mut contact = Contact {
        id: String::new(), name: None, email: None, phone: None, external_id: None, company: None, avatar_url: None, tags: Vec::new(), attributes: Attributes::new(),
        source: ContactSource::Import, verified: false, blocked: false, conversation_count: 0, ticket_count: 0, first_seen_at: None, last_seen_at: None, created_at: now, updated_at: now,
    };
    fields.clone().over(&mut contact, region).map_err(blame)?;
    Ok(fields)
}

/// The field that an error names, and its reason.
pub fn blame(error: Error) -> Bad {
    let named = error.details().iter().find(|(field, _)| field.as_str() != "id").map(|(field, why)| (field.clone(), why.clone()));
    let (field, why) = named.unwrap_or_else(|| (String::new(), error.message().to_owned()));
    match error.details().get("id") {
        Some(id) => Bad { field, why: format!("{why}: contact {id} has it") },
        None => Bad { field, why },
    }
}

/// All contacts, the oldest first, with a column for each attribute that any of them has.
pub fn write(connection: &Connection, workspace_id: &str) -> Result<Vec<u8>> {
    let order = SORTS[1].1;
    let (contacts, _) = store::list_contacts(connection, workspace_id, &Filter::default(), order, i64::MAX, 0)?;
    let keys: std::collections::BTreeSet<String> = contacts.iter().flat_map(|contact| contact.attributes.keys().cloned()).collect();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let head = ["id", "name", "email", "phone", "externalId", "company", "tags", "source", "verified", "createdAt", "lastSeenAt"];
    let row = |cells: Vec<String>, writer: &mut ::csv::Writer<Vec<u8>>| writer.write_record(cells).map_err(Error::internal);
    row(head.iter().map(|name| (*name).to_owned()).chain(keys.iter().map(|key| format!("attributes.{key}"))).collect(), &mut writer)?;
    for contact in contacts {
        let plain = |text: Option<String>| guard(text.unwrap_or_default());
        let mut cells = vec![
            contact.id, plain(contact.name), plain(contact.email), contact.phone.unwrap_or_default(), plain(contact.external_id), plain(contact.company),
            guard(contact.tags.join(", ")), contact.source.word().to_owned(), contact.verified.to_string(), contact.created_at.to_string(),
            contact.last_seen_at.map(|time| time.to_string()).unwrap_or_default(),
        ];
        for key in &keys {
            cells.push(match contact.attributes.get(key) {
                None => String::new(),
                Some(Value::String(text)) => guard(text.clone()),
                Some(other) => guard(other.to_string()),
            });
        }
        row(cells, &mut writer)?;
    }
    writer.into_inner().map_err(|error| Error::internal(error.to_string()))
}

/// Spreadsheets run what begins like a formula: an apostrophe before it keeps a stranger's name a name.
fn guard(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

fn unguard(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(['=', '+', '-', '@', '\t', '\r'])).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_row_is_named_with_its_field() {
        let file = "Name;E-Mail;Tel\nAda;ada@example.com;030 1234567\nBob;not an address;\n;;\nEve;ADA@example.com;\nZoë;;+4930\n".as_bytes();
        let given = BTreeMap::from([("Name".to_owned(), Some("name".to_owned())), ("E-Mail".to_owned(), Some("email".to_owned())), ("Tel".to_owned(), Some("phone".to_owned()))]);
        let mapping = mapping(file, Some(given)).unwrap();
        let rows = parse(file, &mapping, "DE").unwrap();
        assert_eq!(rows[0].1.as_ref().unwrap().phone.value().unwrap(), "+49301234567");
        let bad: Vec<(i64, &str)> = rows.iter().filter_map(|(number, row)| Some((*number, row.as_ref().err()?.field.as_str()))).collect();
        assert_eq!(bad, [(3, "email"), (4, "name"), (5, "email"), (6, "phone")]);
        assert!(rows[3].1.as_ref().unwrap_err().why.contains("row 2"));
    }

    #[test]
    fn a_formula_stays_a_name() {
        assert_eq!(guard("=HYPERLINK(\"x\")".to_owned()), "'=HYPERLINK(\"x\")");
        assert_eq!(unguard("'=1"), "=1");
        assert_eq!(unguard("'tis"), "'tis");
    }
}
