//! The parts of an assistant that are objects of their own: its widget, its handoff, its retrieval.

use std::collections::BTreeMap;

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use crate::{
    access::model::check_email,
    error::{Error, Result},
    ids::prefix,
    workspaces::model::is_language_tag,
};

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "WidgetSettings")]
#[serde(rename_all = "camelCase", default)]
pub struct Widget {
    /// Who may embed it: `example.com`, `*.example.com`, `localhost`; empty lets every site.
    pub domains: Vec<String>,
    pub theme: Theme,
    /// A language tag; null follows the visitor's browser.
    pub locale: Option<String>,
    /// Texts that replace the widget's own, by their names.
    pub strings: BTreeMap<String, String>,
    pub lead_form: LeadForm,
    pub tickets: Switch,
    pub uploads: Uploads,
    pub proactive: Proactive,
    /// Whether the widget says what it was made with.
    pub branding: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "WidgetTheme")]
#[serde(rename_all = "camelCase", default)]
pub struct Theme {
    /// `#rrggbb`.
    pub primary_color: Option<String>,
    pub color_scheme: ColorScheme,
    /// Where it is null, the side at which the page's lines end.
    pub position: Option<Position>,
    /// `bubble`, or a short text on a button.
    pub launcher: Option<String>,
    /// Corner radius in pixels, 0 to 32.
    pub radius: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ColorScheme {
    #[default]
    Auto,
    Light,
    Dark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Position {
    Right,
    Left,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "WidgetLeadForm")]
#[serde(rename_all = "camelCase", default)]
pub struct LeadForm {
    pub enabled: bool,
    pub required: bool,
    pub fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[serde(default)]
pub struct Switch {
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "WidgetUploads")]
#[serde(rename_all = "camelCase", default)]
pub struct Uploads {
    pub enabled: bool,
    pub max_bytes: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "WidgetProactive")]
#[serde(rename_all = "camelCase", default)]
pub struct Proactive {
    pub enabled: bool,
    pub message: Option<String>,
    pub delay_seconds: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase", default)]
pub struct Handoff {
    pub enabled: bool,
    pub notify: Vec<String>,
    pub escalate_minutes: Option<i64>,
    pub offline_message: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "RetrievalSettings")]
#[serde(rename_all = "camelCase", default)]
pub struct Retrieval {
    /// From which confidence on, 0 to 1, the documents count as answering; null lets each project's own calibration decide.
    pub min_score: Option<f64>,
    /// How many passages an answer is made from, 1 to 20.
    pub top_k: Option<i64>,
    pub weights: RetrievalWeights,
}

/// How much each signal counts; null takes the measured defaults.
#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[serde(default)]
pub struct RetrievalWeights {
    pub vector: Option<f64>,
    pub keyword: Option<f64>,
}

impl Widget {
    pub fn check(&mut self) -> Result<()> {
        if self.domains.len() > 100 {
            return Err(Error::invalid("widget.domains", "must have at most 100 entries"));
        }
        for (place, domain) in self.domains.iter_mut().enumerate() {
            *domain = check_domain(domain).ok_or_else(|| {
                Error::invalid(format!("widget.domains[{place}]"), "must be a host like example.com or *.example.com, without https:// and without a path")
            })?;
        }
        if let Some(color) = &self.theme.primary_color
            && !(color.len() == 7 && color.starts_with('#') && color[1..].bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Err(Error::invalid("widget.theme.primaryColor", "must be a colour like #2563eb"));
        }
        if self.theme.radius.is_some_and(|radius| !(0..=32).contains(&radius)) {
            return Err(Error::invalid("widget.theme.radius", "must be a number from 0 to 32"));
        }
        if self.strings.len() > 200 || self.strings.iter().any(|(name, text)| name.len() > 100 || text.chars().count() > 500) {
            return Err(Error::invalid("widget.strings", "must have at most 200 texts of at most 500 characters"));
        }
        if self.theme.launcher.as_ref().is_some_and(|text| text.chars().count() > 40) {
            return Err(Error::invalid("widget.theme.launcher", "must be `bubble` or a text of at most 40 characters"));
        }
        if self.locale.as_ref().is_some_and(|tag| !is_language_tag(tag)) {
            return Err(Error::invalid("widget.locale", "is not a language tag like en or pt-BR"));
        }
        self.lead_form.check()?;
        if self.uploads.max_bytes.is_some_and(|bytes| !(1..=MOST_UPLOAD).contains(&bytes)) {
            return Err(Error::invalid("widget.uploads.maxBytes", "must be a number from 1 to 10485760, which is 10 MiB"));
        }
        self.proactive.check()
    }

    /// Whether a page of this host may embed the widget.
    pub fn allows_host(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.domains.is_empty()
            || self.domains.iter().any(|domain| match domain.strip_prefix("*.") {
                Some(parent) => host.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
                None => host == *domain,
            })
    }
}

/// The most bytes that a visitor's file may have.
pub const MOST_UPLOAD: i64 = 10 << 20;

impl LeadForm {
    fn check(&mut self) -> Result<()> {
        const MOST: usize = 30;
        for field in &mut self.fields {
            *field = field.trim().to_owned();
        }
        let is_one_of_them = |place: usize| self.fields[..place].contains(&self.fields[place]);
        if self.fields.len() > MOST {
            return Err(Error::invalid("widget.leadForm.fields", "must have at most 30 entries"));
        }
        for (place, field) in self.fields.iter().enumerate() {
            if field.is_empty() || field.chars().count() > 100 || is_one_of_them(place) {
                return Err(Error::invalid(format!("widget.leadForm.fields[{place}]"), "must be a name of 1 to 100 characters that no other field has"));
            }
        }
        Ok(())
    }
}

impl Proactive {
    fn check(&self) -> Result<()> {
        if self.message.as_ref().is_some_and(|text| text.chars().count() > 500) {
            return Err(Error::invalid("widget.proactive.message", "must have at most 500 characters"));
        }
        if self.delay_seconds.is_some_and(|seconds| !(0..=3_600).contains(&seconds)) {
            return Err(Error::invalid("widget.proactive.delaySeconds", "must be a number from 0 to 3600"));
        }
        Ok(())
    }
}

impl Handoff {
    pub fn check(&self) -> Result<()> {
        if self.escalate_minutes.is_some_and(|minutes| !(1..=10_080).contains(&minutes)) {
            return Err(Error::invalid("handoff.escalateMinutes", "must be a number from 1 to 10080, which is a week"));
        }
        if self.offline_message.as_ref().is_some_and(|text| text.chars().count() > 2_000) {
            return Err(Error::invalid("handoff.offlineMessage", "must have at most 2000 characters"));
        }
        if self.notify.len() > 50 {
            return Err(Error::invalid("handoff.notify", "must have at most 50 entries"));
        }
        match self.notify.iter().position(|who| !who.starts_with(prefix::USER) && check_email(who).is_err()) {
            Some(place) => Err(Error::invalid(format!("handoff.notify[{place}]"), "must be the id of somebody of the workspace, or an email")),
            None => Ok(()),
        }
    }
}

/// How much of a provider an assistant may use a day (in UTC); the built-in answerer takes the turns beyond it.
#[derive(Debug, Clone, PartialEq, Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", rename = "AssistantBudget")]
#[serde(rename_all = "camelCase", default)]
pub struct Budget {
    /// Answers by a provider; null for as many as are asked for.
    pub answers_per_day: Option<i64>,
    /// Tokens in and out together.
    pub tokens_per_day: Option<i64>,
}

impl Budget {
    const MOST: i64 = 1_000_000_000_000;

    /// Whether so much use leaves nothing of it.
    pub fn is_spent(&self, answers: i64, tokens: i64) -> bool {
        self.answers_per_day.is_some_and(|most| answers >= most) || self.tokens_per_day.is_some_and(|most| tokens >= most)
    }

    pub fn check(&self) -> Result<()> {
        for (field, most) in [("budget.answersPerDay", self.answers_per_day), ("budget.tokensPerDay", self.tokens_per_day)] {
            if most.is_some_and(|most| !(0..=Self::MOST).contains(&most)) {
                return Err(Error::invalid(field, "must be a number of 0 or more, or null for no limit"));
            }
        }
        Ok(())
    }
}

fn check_domain(domain: &str) -> Option<String> {
    let domain = domain.trim().trim_end_matches('.').to_ascii_lowercase();
    let name = domain.strip_prefix("*.").unwrap_or(&domain);
    let labels_are_good = name.split('.').all(|label| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !label.starts_with('-') && !label.ends_with('-')
    });
    (name.len() <= 253 && labels_are_good).then_some(domain)
}

impl Retrieval {
    pub fn check(&self) -> Result<()> {
        if self.min_score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
            return Err(Error::invalid("retrieval.minScore", "must be a number from 0 to 1"));
        }
        if self.top_k.is_some_and(|count| !(1..=20).contains(&count)) {
            return Err(Error::invalid("retrieval.topK", "must be a number from 1 to 20"));
        }
        for (field, weight) in [("retrieval.weights.vector", self.weights.vector), ("retrieval.weights.keyword", self.weights.keyword)] {
            if weight.is_some_and(|weight| !(0.0..=10.0).contains(&weight)) {
                return Err(Error::invalid(field, "must be a number from 0 to 10"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_subdomains_and_not_its_lookalikes() {
        let mut widget = Widget { domains: vec!["*.Example.com".into(), "localhost".into()], ..Widget::default() };
        widget.check().unwrap();
        assert!(widget.allows_host("shop.example.com") && widget.allows_host("a.b.example.com") && widget.allows_host("localhost"));
        assert!(!widget.allows_host("example.com") && !widget.allows_host("evilexample.com") && !widget.allows_host("example.com.evil.net"));
        assert!(Widget::default().allows_host("anything.net"));
        assert!(Widget { domains: vec!["https://example.com/".into()], ..Widget::default() }.check().is_err());
    }
}
