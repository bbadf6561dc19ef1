//! What spans a contact and others: that nobody is there twice, who a visitor is, merging, and who is kept out.

use rusqlite::Connection;

use super::{
    model::{Attributes, Contact, ContactFields, ContactSource},
    store,
};
use crate::{
    app::App,
    clock::Timestamp,
    db::Tx,
    error::{Error, Result},
    events::{self, Kind, NewEvent},
    ids::prefix,
    workspaces,
};

pub fn get_contact(connection: &Connection, workspace_id: &str, id: &str) -> Result<Contact> {
    store::find_contact(connection, workspace_id, id)?.ok_or_else(|| Error::not_found("contact"))
}

/// A contact without anything yet.
pub fn new_contact(app: &App, source: ContactSource, now: Timestamp) -> Contact {
    Contact {
        id: app.ids.new_id(prefix::CONTACT, now),
        name: None,
        email: None,
        phone: None,
        external_id: None,
        company: None,
        avatar_url: None,
        tags: Vec::new(),
        attributes: Attributes::new(),
        source,
        verified: false,
        blocked: false,
        conversation_count: 0,
        ticket_count: 0,
        first_seen_at: None,
        last_seen_at: None,
        created_at: now,
        updated_at: now,
    }
}

/// Refuses what another contact has already, and says which one.
pub fn check_unique(connection: &Connection, workspace_id: &str, contact: &Contact) -> Result<()> {
    let taken = |field: &str, other: Option<Contact>| match other {
        Some(other) if other.id != contact.id => {
            Err(Error::conflict(format!("Another contact has this {field}: {}.", other.id)).detail(field, "is taken").detail("id", other.id))
        }
        _ => Ok(()),
    };
    if let Some(email) = &contact.email {
        taken("email", store::find_by_email(connection, workspace_id, email)?)?;
    }
    if let Some(phone) = &contact.phone {
        taken("phone", store::find_by_phone(connection, workspace_id, phone)?)?;
    }
    if let Some(external_id) = &contact.external_id {
        taken("externalId", store::find_by_external_id(connection, workspace_id, external_id)?)?;
    }
    Ok(())
}

fn tell(app: &App, tx: &Tx<'_>, workspace_id: &str, kind: Kind, contact: &Contact, now: Timestamp) -> Result<()> {
    events::emit(tx, &app.ids, now, &NewEvent { workspace_id, kind, resource_id: &contact.id, data: serde_json::to_value(contact)? })
}

/// Writes a new contact.
pub fn add(app: &App, tx: &Tx<'_>, workspace_id: &str, contact: &Contact) -> Result<Contact> {
    check_unique(tx, workspace_id, contact)?;
    store::insert_contact(tx, workspace_id, contact)?;
    let saved = get_contact(tx, workspace_id, &contact.id)?;
    tell(app, tx, workspace_id, Kind::ContactCreated, &saved, contact.created_at)?;
    Ok(saved)
}

/// Writes a changed contact; nothing happens where nothing has changed.
pub fn save(app: &App, tx: &Tx<'_>, workspace_id: &str, before: &Contact, mut contact: Contact, now: Timestamp) -> Result<Contact> {
    if contact == *before {
        return Ok(contact);
    }
    check_unique(tx, workspace_id, &contact)?;
    contact.updated_at = now;
    store::update_contact(tx, workspace_id, &contact)?;
    let saved = get_contact(tx, workspace_id, &contact.id)?;
    tell(app, tx, workspace_id, Kind::ContactUpdated, &saved, now)?;
    Ok(saved)
}

/// The contact that these fields are of: by external id, else email, else phone.
///
/// # Errors
/// A conflict where the found one has another external id than the given one.
pub fn find_match(connection: &Connection, workspace_id: &str, wanted: &Contact) -> Result<Option<Contact>> {
    if let Some(external_id) = &wanted.external_id
        && let Some(found) = store::find_by_external_id(connection, workspace_id, external_id)?
    {
        return Ok(Some(found));
    }
    let mut found = match &wanted.email {
        Some(email) => store::find_by_email(connection, workspace_id, email)?,
        None => None,
    };
    if found.is_none()
        && let Some(phone) = &wanted.phone
    {
        found = store::find_by_phone(connection, workspace_id, phone)?;
    }
    match found {
        Some(found) if wanted.external_id.is_some() && found.external_id.is_some() => Err(Error::conflict(format!(
            "The contact with this email or phone has another external id: {}.",
            found.id
        ))
        .detail("externalId", "differs")
        .detail("id", found.id)),
        found => Ok(found),
    }
}

/// Makes or changes the contact that the fields are of. The contact, and whether it is new.
pub fn upsert(app: &App, tx: &Tx<'_>, workspace_id: &str, fields: ContactFields, source: ContactSource, now: Timestamp) -> Result<(Contact, bool)> {
    let region = workspaces::store::find_settings(tx, workspace_id)?.region;
    let mut wanted = new_contact(app, source, now);
    fields.clone().over(&mut wanted, &region)?;
    match find_match(tx, workspace_id, &wanted)? {
        None => add(app, tx, workspace_id, &wanted).map(|contact| (contact, true)),
        Some(before) => {
            let mut contact = before.clone();
            fields.over(&mut contact, &region)?;
            save(app, tx, workspace_id, &before, contact, now).map(|contact| (contact, false))
        }
    }
}

/// What a channel has learned of a person.
#[derive(Debug, Clone, Default)]
pub struct Seen<'a> {
    pub name: Option<&'a str>,
    pub email: Option<&'a str>,
    /// In the form of E.164, or national.
    pub phone: Option<&'a str>,
    pub company: Option<&'a str>,
    pub external_id: Option<&'a str>,
    /// Whether the site has proved who they are.
    pub verified: bool,
}

/// The contact that a visitor is: found by external id, email or phone, else made. Only empty fields are filled, and what
/// is another contact's already is left out. The contact, and whether it is new.
///
/// # Errors
/// Fields that are no email or phone number, and nothing to know anybody by.
pub fn find_or_make(app: &App, tx: &Tx<'_>, workspace_id: &str, seen: &Seen<'_>, source: ContactSource, now: Timestamp) -> Result<(Contact, bool)> {
    use poem_openapi::types::MaybeUndefined;
    let value = |text: Option<&str>| match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => MaybeUndefined::Value(text.to_owned()),
        None => MaybeUndefined::Undefined,
    };
    let fields = ContactFields {
        name: value(seen.name),
        email: value(seen.email),
        phone: value(seen.phone),
        company: value(seen.company),
        external_id: value(seen.external_id),
        ..ContactFields::default()
    };
    let region = workspaces::store::find_settings(tx, workspace_id)?.region;
    let mut wanted = new_contact(app, source, now);
    fields.over(&mut wanted, &region)?;
    let by_external_id = match &wanted.external_id {
        Some(external_id) => store::find_by_external_id(tx, workspace_id, external_id)?,
        None => None,
    };
    let found = match by_external_id {
        Some(found) => Some(found),
        None => find_match(tx, workspace_id, &Contact { external_id: None, ..wanted.clone() })?,
    };
    wanted.verified = seen.verified;
    (wanted.first_seen_at, wanted.last_seen_at) = (Some(now), Some(now));
    let Some(before) = found else { return add(app, tx, workspace_id, &wanted).map(|contact| (contact, true)) };
    let mut contact = before.clone();
    contact.name = contact.name.or(wanted.name);
    contact.company = contact.company.or(wanted.company);
    if contact.email.is_none() && !wanted.email.as_deref().is_some_and(|email| store::find_by_email(tx, workspace_id, email).is_ok_and(|other| other.is_some())) {
        contact.email = wanted.email;
    }
    if contact.phone.is_none() && !wanted.phone.as_deref().is_some_and(|phone| store::find_by_phone(tx, workspace_id, phone).is_ok_and(|other| other.is_some())) {
        contact.phone = wanted.phone;
    }
    contact.external_id = contact.external_id.or(wanted.external_id);
    contact.verified |= seen.verified;
    let contact = save(app, tx, workspace_id, &before, contact, now)?;
    store::touch_contact(tx, workspace_id, &contact.id, now)?;
    Ok((get_contact(tx, workspace_id, &contact.id)?, false))
}

/// Whether this person is kept out: as a contact, by their email address, or by its domain.
pub fn is_blocked(connection: &Connection, workspace_id: &str, contact_id: Option<&str>, email: Option<&str>) -> Result<bool> {
    if store::is_blocked(connection, workspace_id, contact_id, email)? {
        return Ok(true);
    }
    // The address that the contact is known by counts as well.
    let known = match contact_id {
        Some(id) => store::find_contact(connection, workspace_id, id)?,
        None => None,
    };
    Ok(known.is_some_and(|contact| contact.blocked))
}

/// Gives everything of one contact to another, and removes the first.
pub fn merge(app: &App, tx: &Tx<'_>, workspace_id: &str, id: &str, into_id: &str, now: Timestamp) -> Result<Contact> {
    let from = get_contact(tx, workspace_id, id)?;
    if id == into_id {
        return Err(Error::invalid("intoId", "is the contact itself"));
    }
    let before = store::find_contact(tx, workspace_id, into_id)?.ok_or_else(|| Error::invalid("intoId", "is no contact of this workspace"))?;
    for table in store::tables_with_contacts(tx)? {
        store::move_rows(tx, &table, workspace_id, id, into_id)?;
    }
    // First away, because its email and phone may become the other's.
    store::delete_contact(tx, workspace_id, id)?;
    let mut contact = before.clone();
    contact.name = contact.name.or(from.name);
    contact.email = contact.email.or(from.email);
    contact.phone = contact.phone.or(from.phone);
    contact.external_id = contact.external_id.or(from.external_id);
    contact.company = contact.company.or(from.company);
    contact.avatar_url = contact.avatar_url.or(from.avatar_url);
    contact.verified |= from.verified;
    for tag in from.tags {
        if !contact.tags.contains(&tag) {
            contact.tags.push(tag);
        }
    }
    for (key, value) in from.attributes {
        contact.attributes.entry(key).or_insert(value);
    }
    contact.first_seen_at = [contact.first_seen_at, from.first_seen_at].into_iter().flatten().min();
    contact.last_seen_at = contact.last_seen_at.max(from.last_seen_at);
    contact.updated_at = now;
    store::update_contact(tx, workspace_id, &contact)?;
    let saved = get_contact(tx, workspace_id, into_id)?;
    tell(app, tx, workspace_id, Kind::ContactUpdated, &saved, now)?;
    let gone = NewEvent { workspace_id, kind: Kind::ContactDeleted, resource_id: id, data: serde_json::json!({"id": id, "mergedInto": into_id}) };
    events::emit(tx, &app.ids, now, &gone)?;
    Ok(saved)
}
