//! A model's files from the Hugging Face hub, or from a server that speaks like it: the list of a revision's files with their
//! sizes and sums (`/api/models/{id}/tree/{revision}`), then each file (`/{id}/resolve/{revision}/{path}`).

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use sha1::Digest as _;

use crate::error::{Error, Result};
use crate::http::Client;

use super::library::{NEEDED, OPTIONAL};

pub const HUGGING_FACE: &str = "https://huggingface.co";

/// How long the hub may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// What is read of an answer that is no file.
const MOST_OF_AN_ANSWER: usize = 8 << 20;
/// More than any model that runs here.
const MOST_OF_A_FILE: u64 = 8 << 30;

/// Where a model is.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    pub hub: &'a str,
    /// `owner/name`.
    pub id: &'a str,
    /// A branch, a tag or a commit.
    pub revision: &'a str,
    /// For models that are not everybody's.
    pub token: Option<&'a str>,
}

/// What was fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The commit that the revision stood for.
    pub commit: String,
    pub license: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    size: u64,
    /// Git's hash of a small file.
    oid: String,
    /// Of a large file: its SHA-256.
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    oid: String,
}

/// Whether this can be a model's id there.
pub fn is_id(id: &str) -> bool {
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    id.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

/// Puts the model's files into a folder, each checked against the hub's own sum. `told` hears of each file, of how many bytes
/// of it are there, and of how many it has.
///
/// # Errors
/// With a sentence that says what the hub answered.
pub async fn fetch(client: &Client, place: &Place<'_>, into: &Path, told: &mut dyn FnMut(&str, u64, u64)) -> Result<Fetched> {
    let Place { hub, id, revision, .. } = place;
    let hub = hub.trim_end_matches('/');
    if !is_id(id) || revision.is_empty() || !revision.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c)) || revision.contains("..") {
        return Err(Error::bad_request(format!("`{id}` at `{revision}` is no model of a hub: an id is like intfloat/multilingual-e5-small.")));
    }
    let about: Value = answer(client, place, &format!("{hub}/api/models/{id}/revision/{}", revision.replace('/', "%2F"))).await?;
    let Some(commit) = about["sha"].as_str().filter(|sha| sha.chars().all(|c| c.is_ascii_alphanumeric())).map(str::to_owned) else {
        return Err(Error::unavailable(format!("{hub} does not answer as a hub does: it names no commit of {id}.")));
    };
    let license = about["cardData"]["license"].as_str().map(str::to_owned);
    let entries: Vec<Entry> = answer(client, place, &format!("{hub}/api/models/{id}/tree/{commit}?recursive=true")).await?;
    let find = |path: &str| entries.iter().find(|entry| entry.kind == "file" && entry.path == path);
    for path in NEEDED {
        if find(path).is_none() {
            let there: Vec<&str> = entries.iter().filter(|entry| entry.kind == "file").map(|entry| entry.path.as_str()).take(12).collect();
            return Err(Error::bad_request(format!("{id} on {hub} has no {path}, so it cannot be used here. It has {}.", there.join(", "))));
        }
    }
    for entry in NEEDED.iter().chain(&OPTIONAL).filter_map(|path| find(path)) {
        file(client, place, &format!("{hub}/{id}/resolve/{commit}/{}", entry.path), entry, into, told).await?;
    }
    Ok(Fetched { commit, license })
}

async fn send(client: &Client, place: &Place<'_>, url: &str) -> Result<reqwest::Response> {
    let mut request = client.request(Method::GET, url)?;
    if let Some(token) = place.token {
        request = request.bearer_auth(token);
    }
    let unreachable = |why: String| Error::unavailable(format!("{} cannot be reached: {why}. Without a network, add the model from a folder with `--from`.", place.hub));
    let response = tokio::time::timeout(SILENCE, request.send()).await.map_err(|_| unreachable("it does not answer".into()))?.map_err(|error| unreachable(cause(&error)))?;
    match response.status().as_u16() {
        200 => Ok(response),
        401 | 403 => Err(Error::bad_request(format!(
            "{} does not give out {}. It may be misspelt, or need a token: set HF_TOKEN to one of an account that has accepted the model's terms.",
            place.hub, place.id
        ))),
        404 => Err(Error::bad_request(format!("{} has no {} at `{}`.", place.hub, place.id, place.revision))),
        status => Err(Error::unavailable(format!("{} answered {status} to {url}. Try again later.", place.hub))),
    }
}

/// The innermost reason: the outer ones only repeat the address.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().trim_end_matches('.').to_owned()
}

async fn chunk(response: &mut reqwest::Response, place: &Place<'_>) -> Result<Option<bytes::Bytes>> {
    let broken = |why: String| Error::unavailable(format!("The connection to {} broke: {why}. Try again.", place.hub));
    tokio::time::timeout(SILENCE, response.chunk()).await.map_err(|_| broken("it went silent".into()))?.map_err(|error| broken(cause(&error)))
}

async fn answer<T: serde::de::DeserializeOwned>(client: &Client, place: &Place<'_>, url: &str) -> Result<T> {
    let mut response = send(client, place, url).await?;
    let mut body = Vec::new();
    while let Some(bytes) = chunk(&mut response, place).await? {
        body.extend_from_slice(&bytes);
        if body.len() > MOST_OF_AN_ANSWER {
            return Err(Error::unavailable(format!("{} does not answer as a hub does.", place.hub)));
        }
    }
    serde_json::from_slice(&body).map_err(|error| Error::unavailable(format!("{} does not answer as a hub does: {error}.", place.hub)))
}

async fn file(client: &Client, place: &Place<'_>, url: &str, entry: &Entry, into: &Path, told: &mut dyn FnMut(&str, u64, u64)) -> Result<()> {
    if entry.size > MOST_OF_A_FILE {
        return Err(Error::bad_request(format!("{} of {} has {} bytes: too much to run here.", entry.path, place.id, entry.size)));
    }
    let target = into.join(&entry.path);
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut response = send(client, place, url).await?;
    let mut written = std::fs::File::create(&target)?;
    let mut sha256 = sha2::Sha256::default();
    // Git's name for a file's content.
    let mut git = sha1::Sha1::default();
    git.update(format!("blob {}\0", entry.size));
    let mut received = 0;
    while let Some(bytes) = chunk(&mut response, place).await? {
        received += bytes.len() as u64;
        if received > entry.size {
            break;
        }
        sha2::Digest::update(&mut sha256, &bytes);
        git.update(&bytes);
        written.write_all(&bytes)?;
        told(&entry.path, received, entry.size);
    }
    written.sync_all()?;
    let (expected, found) = match &entry.lfs {
        Some(large) => (&large.oid, hexadecimal(&sha2::Digest::finalize(sha256))),
        None => (&entry.oid, hexadecimal(&git.finalize())),
    };
    if received != entry.size || *expected != found {
        return Err(Error::unavailable(format!("{} of {} did not arrive whole: its sum is not the one that the hub names. Try again.", entry.path, place.id)));
    }
    Ok(())
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_owner_and_a_name() {
        assert!(is_id("intfloat/multilingual-e5-small") && is_id("BAAI/bge-m3"));
        for bad in ["bge", "/x", "a/", "a/b/c", "../x", "a/..", "a b/c", "a/b?c"] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
