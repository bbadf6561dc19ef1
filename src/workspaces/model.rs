//! A workspace, as the API shows it.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hours::OpeningHours;
use crate::{
    access::{Role, model::check_name},
    clock::Timestamp,
    error::{Error, Result},
};

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    pub id: String,
    pub name: String,
    pub slug: String,
    pub description: Option<String>,
    /// Always `self-hosted`.
    pub plan: String,
    /// The caller's own role in it.
    pub role: Role,
    /// The model of assistants that name none; null follows the instance.
    pub default_model: Option<String>,
    /// The models that assistants may name; empty allows every one that can be resolved.
    pub allowed_models: Vec<String>,
    pub member_count: i64,
    pub assistant_count: i64,
    pub settings: Settings,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What the people of a workspace have set for it.
#[derive(Debug, Clone, Object, Serialize, Deserialize, PartialEq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// An IANA time zone.
    pub time_zone: String,
    /// Two letters, by which national phone numbers are read.
    pub region: String,
    pub locale: String,
    /// Whether members may make API tokens, or admins alone.
    pub members_may_create_tokens: bool,
    /// When somebody is there; null: always.
    pub opening_hours: Option<OpeningHours>,
    pub tickets: TicketSettings,
    /// What models cost, by their names: analytics counts with it.
    pub model_prices: BTreeMap<String, ModelPrice>,
    /// After how many days conversations are deleted; null keeps them, or follows the instance.
    pub retention_days: Option<i64>,
    pub notify: Notify,
    pub branding: Branding,
}

/// What a million tokens cost.
#[derive(Debug, Clone, Copy, Object, Serialize, Deserialize, PartialEq)]
pub struct ModelPrice {
    pub input: f64,
    pub output: f64,
}

/// How long a ticket of one priority may take, in minutes of open time; null: as long as it will.
#[derive(Debug, Clone, Copy, Object, Serialize, Deserialize, PartialEq, Eq, Default)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct TicketTarget {
    pub first_response_minutes: Option<i64>,
    pub resolution_minutes: Option<i64>,
}

#[derive(Debug, Clone, Object, Serialize, Deserialize, PartialEq, Eq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct TicketSettings {
    pub critical: TicketTarget,
    pub high: TicketTarget,
    pub normal: TicketTarget,
    pub low: TicketTarget,
    /// Whether a visitor has to leave a name and an email with a ticket.
    pub contact_required: bool,
}

impl Default for TicketSettings {
    fn default() -> Self {
        let hours = |first: i64, whole: i64| TicketTarget { first_response_minutes: Some(first * 60), resolution_minutes: Some(whole * 60) };
        TicketSettings { critical: hours(1, 8), high: hours(4, 24), normal: hours(8, 48), low: hours(24, 120), contact_required: false }
    }
}

/// How the people of a workspace hear of what waits for them.
#[derive(Debug, Clone, Object, Serialize, Deserialize, PartialEq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct Notify {
    pub email: bool,
    pub browser: bool,
}

/// What a business looks like where its customers see it.
#[derive(Debug, Clone, Default, Object, Serialize, Deserialize, PartialEq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct Branding {
    pub name: Option<String>,
    pub logo_url: Option<String>,
    /// Like `#1a2b3c`.
    pub color: Option<String>,
}

impl Default for Notify {
    fn default() -> Self {
        Notify { email: false, browser: true }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            time_zone: "UTC".to_owned(),
            region: "US".to_owned(),
            locale: "en".to_owned(),
            members_may_create_tokens: true,
            opening_hours: None,
            tickets: TicketSettings::default(),
            model_prices: BTreeMap::new(),
            retention_days: None,
            notify: Notify::default(),
            branding: Branding::default(),
        }
    }
}

/// The settings may be sent in two forms: `openingHours` as a list of `{days, from, to}`, `slaTargets` and
/// `ticketContactRequired` beside it. Both are put into the one that is kept; what is neither is left for the check.
pub fn other_forms(change: &mut Value) {
    let Some(change) = change.as_object_mut() else { return };
    if let Some(targets) = change.remove("slaTargets") {
        lay_into(change, "tickets", targets);
    }
    if let Some(required) = change.remove("ticketContactRequired") {
        lay_into(change, "tickets", json!({ "contactRequired": required }));
    }
    let Some(Value::Array(spans)) = change.get("openingHours") else { return };
    // A list says it all: what is on no line is closed.
    let mut week = serde_json::Map::from_iter(WEEKDAYS.map(|day| (day.to_owned(), json!([]))));
    for span in spans {
        for day in span["days"].as_array().into_iter().flatten() {
            let Some(name) = weekday(day) else { continue };
            if let Some(Value::Array(spans)) = week.get_mut(name) {
                spans.push(json!({"from": span["from"], "to": span["to"]}));
            }
        }
    }
    change.insert("openingHours".to_owned(), Value::Object(week));
}

fn lay_into(change: &mut serde_json::Map<String, Value>, name: &str, more: Value) {
    match (change.entry(name).or_insert_with(|| json!({})), more) {
        (Value::Object(known), Value::Object(more)) => known.extend(more),
        (known, more) => *known = more,
    }
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// `"monday"`, `"Mon"` or 1; 7 is Sunday, as ISO 8601 counts.
fn weekday(day: &Value) -> Option<&'static str> {
    if let Some(number) = day.as_u64() {
        return WEEKDAYS.get(usize::try_from(number).ok()?.checked_sub(1)?).copied();
    }
    let name = day.as_str()?.to_lowercase();
    WEEKDAYS.into_iter().find(|known| name.len() >= 3 && known.starts_with(&name))
}

/// `Acme GmbH & Co.` → `acme-gmbh-co`; never empty.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(48);
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "workspace".to_owned() } else { slug.to_owned() }
}

/// Whether it may be a language tag such as `en` or `pt-BR`.
pub fn is_language_tag(text: &str) -> bool {
    text.len() <= 35 && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

pub fn check_workspace_name(field: &str, name: &str) -> Result<String> {
    check_name(field, name, 120)
}

impl Settings {
    pub fn check(&self) -> Result<()> {
        if jiff::tz::TimeZone::get(&self.time_zone).is_err() {
            return Err(Error::invalid("settings.timeZone", "is not an IANA time zone like Europe/Berlin"));
        }
        if self.region.len() != 2 || !self.region.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Error::invalid("settings.region", "must be two capital letters like DE"));
        }
        if !is_language_tag(&self.locale) {
            return Err(Error::invalid("settings.locale", "is not a language tag like en or pt-BR"));
        }
        if self.model_prices.len() > 500 || self.model_prices.values().any(|price| !(0.0..=1e6).contains(&price.input) || !(0.0..=1e6).contains(&price.output)) {
            return Err(Error::invalid("settings.modelPrices", "must be prices of 0 or more for a million tokens"));
        }
        if let Some(hours) = &self.opening_hours {
            hours.check()?;
        }
        let tickets = &self.tickets;
        for (name, target) in [("critical", tickets.critical), ("high", tickets.high), ("normal", tickets.normal), ("low", tickets.low)] {
            let minutes = [target.first_response_minutes, target.resolution_minutes];
            if minutes.into_iter().flatten().any(|minutes| !(1..=525_600).contains(&minutes)) {
                return Err(Error::invalid(format!("settings.tickets.{name}"), "must be 1 to 525600 minutes, or null"));
            }
        }
        if self.retention_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            return Err(Error::invalid("settings.retentionDays", "must be a number of days from 1, or null to keep everything"));
        }
        if let Some(name) = &self.branding.name {
            check_name("settings.branding.name", name, 120)?;
        }
        let is_address = |url: &String| url.len() <= 2000 && (url.starts_with("/api/") || url::Url::parse(url).is_ok_and(|url| url.scheme() == "https"));
        if self.branding.logo_url.as_ref().is_some_and(|url| !is_address(url)) {
            return Err(Error::invalid("settings.branding.logoUrl", "must be an https address"));
        }
        let is_color = |color: &String| color.len() == 7 && color.starts_with('#') && color[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.branding.color.as_ref().is_some_and(|color| !is_color(color)) {
            return Err(Error::invalid("settings.branding.color", "must be a colour like #1a2b3c"));
        }
        Ok(())
    }

    /// What so many tokens of a model cost, where its price is set: under `provider/model`, or under the model's name alone.
    pub fn cost_of(&self, model: &str, input_tokens: i64, output_tokens: i64) -> Option<f64> {
        let price = self.model_prices.get(model).or_else(|| self.model_prices.get(model.split_once('/')?.1))?;
        Some((input_tokens as f64 * price.input + output_tokens as f64 * price.output) / 1_000_000.0)
    }

    /// Whether its people read German; the others read English.
    pub fn is_german(&self) -> bool {
        self.locale.split('-').next().is_some_and(|language| language.eq_ignore_ascii_case("de"))
    }

    /// The zone that the workspace's days are in.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_may_be_sent_in_the_other_form() {
        let mut change = json!({
            "openingHours": [{"days": ["mon", "Tuesday", 3], "from": "09:00", "to": "12:00"}, {"days": ["monday"], "from": "13:00", "to": "17:00"}],
            "slaTargets": {"high": {"firstResponseMinutes": 5}},
            "ticketContactRequired": true,
        });
        other_forms(&mut change);
        let hours = &change["openingHours"];
        assert_eq!(hours["monday"], json!([{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}]));
        assert_eq!((&hours["wednesday"][0]["from"], &hours["sunday"]), (&json!("09:00"), &json!([])));
        assert_eq!(change["tickets"], json!({"high": {"firstResponseMinutes": 5}, "contactRequired": true}));
        assert!(change.get("slaTargets").is_none() && change.get("ticketContactRequired").is_none());
    }

    #[test]
    fn a_slug_is_made_of_letters_digits_and_single_hyphens() {
        assert_eq!(slug("Acme GmbH & Co."), "acme-gmbh-co");
        assert_eq!(slug("数"), "workspace");
    }
}
