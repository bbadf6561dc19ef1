//! A site, as the API shows it: a form or a chat of the customer's own, that writes to the workspace with the site's key.

use std::net::IpAddr;

use ipnet::IpNet;
use poem_openapi::Object;
use serde::Serialize;
use url::Url;

use crate::{
    clock::Timestamp,
    error::{Error, Result},
};

#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct Site {
    pub id: String,
    pub name: String,
    pub greeting: String,
    /// What a new conversation is answered at once.
    pub auto_reply: String,
    /// Who answers until a person does; null: people alone.
    pub assistant_id: Option<String>,
    /// Origins like `https://shop.example.com` whose pages may use the key; empty: all.
    pub allowed_origins: Vec<String>,
    /// Addresses and networks of the site's own servers, which the limits do not hold.
    pub trusted_addresses: Vec<String>,
    /// Not a secret: pages carry it.
    pub site_key: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[oai(skip)]
    #[serde(skip)]
    pub workspace_id: String,
}

impl Site {
    pub fn allows(&self, origin: Option<&str>) -> bool {
        self.allowed_origins.is_empty() || origin.is_none_or(|origin| normal(origin).is_some_and(|origin| self.allowed_origins.contains(&origin)))
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_addresses.iter().any(|text| network(text).is_some_and(|network| network.contains(&address)))
    }

    pub fn check(&mut self) -> Result<()> {
        for (field, text, most) in [("greeting", &self.greeting, 1_000), ("autoReply", &self.auto_reply, 2_000)] {
            if text.chars().count() > most {
                return Err(Error::invalid(field, format!("must have at most {most} characters")));
            }
        }
        if self.allowed_origins.len() > 100 || self.trusted_addresses.len() > 100 {
            return Err(Error::invalid("allowedOrigins", "and `trustedAddresses` must have at most 100 entries each"));
        }
        for (place, origin) in self.allowed_origins.iter_mut().enumerate() {
            *origin = normal(origin).ok_or_else(|| Error::invalid(format!("allowedOrigins[{place}]"), "must be an origin like https://shop.example.com"))?;
        }
        match self.trusted_addresses.iter().position(|text| network(text).is_none()) {
            Some(place) => Err(Error::invalid(format!("trustedAddresses[{place}]"), "must be an address like 192.0.2.1 or a network like 192.0.2.0/24")),
            None => Ok(()),
        }
    }
}

/// Scheme, host and port as browsers write them.
fn normal(origin: &str) -> Option<String> {
    let url = Url::parse(origin.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.origin().ascii_serialization())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
