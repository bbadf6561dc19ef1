//! A workspace, as the API shows it.

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::hours::{OpenTimes, OpeningHours};
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
    /// When somebody is there, by the local time of `timeZone`; empty: always.
    pub opening_hours: Vec<OpenTimes>,
    /// Dates like `2026-12-25` on which it is closed whatever the weekday.
    pub closed_on: Vec<String>,
    pub sla_targets: SlaTargets,
    /// Whether a visitor has to leave a name and an email with a ticket.
    pub ticket_contact_required: bool,
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
pub struct SlaTargets {
    pub critical: TicketTarget,
    pub high: TicketTarget,
    pub normal: TicketTarget,
    pub low: TicketTarget,
}

impl Default for SlaTargets {
    fn default() -> Self {
        let hours = |first: i64, whole: i64| TicketTarget { first_response_minutes: Some(first * 60), resolution_minutes: Some(whole * 60) };
        SlaTargets { critical: hours(1, 8), high: hours(4, 24), normal: hours(8, 48), low: hours(24, 120) }
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
            opening_hours: Vec::new(),
            closed_on: Vec::new(),
            sla_targets: SlaTargets::default(),
            ticket_contact_required: false,
            model_prices: BTreeMap::new(),
            retention_days: None,
            notify: Notify::default(),
            branding: Branding::default(),
        }
    }
}

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Settings may also be sent, and are stored by older versions, with `openingHours` by weekday and with what concerns tickets
/// under `tickets`. That is put into the form that is kept; what is neither is left for the check.
pub fn other_forms(settings: &mut Value) {
    let Some(settings) = settings.as_object_mut() else { return };
    if let Some(Value::Object(mut tickets)) = settings.remove("tickets") {
        if let Some(required) = tickets.remove("contactRequired") {
            settings.entry("ticketContactRequired").or_insert(required);
        }
        if let Value::Object(targets) = settings.entry("slaTargets").or_insert_with(|| json!({})) {
            targets.extend(tickets);
        }
    }
    match settings.get_mut("openingHours") {
        Some(Value::Object(week)) => {
            let closed_on = week.remove("closedOn");
            let week = std::mem::take(week);
            let spans = WEEKDAYS.into_iter().flat_map(|day| {
                let spans = week.get(day).and_then(Value::as_array).cloned().unwrap_or_default();
                spans.into_iter().map(move |span| json!({"days": [day], "from": span["from"], "to": span["to"]}))
            });
            let mut spans: Vec<Value> = spans.collect();
            if spans.is_empty() {
                // Never open, which is refused; an empty list would mean always.
                spans.push(json!({"days": [], "from": "00:00", "to": "24:00"}));
            }
            settings.insert("openingHours".to_owned(), Value::Array(spans));
            if let Some(closed_on) = closed_on {
                settings.insert("closedOn".to_owned(), closed_on);
            }
        }
        Some(Value::Array(times)) => {
            // A day may be told by its beginning or its number.
            let days = times.iter_mut().filter_map(|times| times.get_mut("days")?.as_array_mut()).flatten();
            days.for_each(|day| {
                if let Some(name) = weekday(day) {
                    *day = json!(name);
                }
            });
        }
        _ => {}
    }
}

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
        if let Some(hours) = self.hours() {
            hours.check()?;
        }
        let tickets = &self.sla_targets;
        for (name, target) in [("critical", tickets.critical), ("high", tickets.high), ("normal", tickets.normal), ("low", tickets.low)] {
            let minutes = [target.first_response_minutes, target.resolution_minutes];
            if minutes.into_iter().flatten().any(|minutes| !(1..=525_600).contains(&minutes)) {
                return Err(Error::invalid(format!("settings.slaTargets.{name}"), "must be 1 to 525600 minutes, or null"));
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

    /// When the workspace is open; none: always.
    pub fn hours(&self) -> Option<OpeningHours> {
        OpeningHours::of(&self.opening_hours, &self.closed_on)
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
            "openingHours": {"monday": [{"from": "09:00", "to": "12:00"}, {"from": "13:00", "to": "17:00"}], "sunday": [], "closedOn": ["2026-12-25"]},
            "tickets": {"high": {"firstResponseMinutes": 5}, "contactRequired": true},
        });
        other_forms(&mut change);
        let kept = json!({
            "openingHours": [{"days": ["monday"], "from": "09:00", "to": "12:00"}, {"days": ["monday"], "from": "13:00", "to": "17:00"}],
            "ticketContactRequired": true, "slaTargets": {"high": {"firstResponseMinutes": 5}}, "closedOn": ["2026-12-25"],
        });
        assert_eq!(change, kept);
        other_forms(&mut change);
        assert_eq!(change, kept);
        let mut change = json!({"openingHours": [{"days": ["mon", "Tuesday", 3], "from": "09:00", "to": "12:00"}]});
        other_forms(&mut change);
        assert_eq!(change["openingHours"][0]["days"], json!(["monday", "tuesday", "wednesday"]));
        let mut change = json!({"openingHours": null});
        other_forms(&mut change);
        assert_eq!(change, json!({"openingHours": null}));
    }

    #[test]
    fn a_slug_is_made_of_letters_digits_and_single_hyphens() {
        assert_eq!(slug("Acme GmbH & Co."), "acme-gmbh-co");
        assert_eq!(slug("数"), "workspace");
    }
}
